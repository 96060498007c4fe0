//! The client against a monitor played by the test: order, descriptors, and every way to misbehave.

use super::*;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use std::{
    fs::File,
    io::{IoSliceMut, Read, Seek, Write},
    mem::MaybeUninit,
};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Interest};

const GREETING: &[u8] = b"{\"QMP\": {\"version\": {}, \"capabilities\": []}}\n";

struct Monitor(BufReader<UnixStream>);

impl Monitor {
    async fn say(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    async fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.0.read_line(&mut line).await.unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

async fn connected() -> (Client, Monitor) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut monitor = Monitor(BufReader::new(theirs));
    let play = async {
        monitor.0.write_all(GREETING).await.unwrap();
        let command = monitor.hear().await;
        assert_eq!(command["execute"], "qmp_capabilities");
        monitor.say(&format!("{{\"return\": {{}}, \"id\": {}}}\n", command["id"])).await;
    };
    let (client, ()) = tokio::join!(Client::connect("test", ours), play);
    (client.unwrap(), monitor)
}

#[tokio::test]
async fn answers_find_their_commands_in_any_order() {
    let (client, mut monitor) = connected().await;
    let (first, second) = (client.send("stop", Value::Null, None), client.send("cont", Value::Null, None));
    let (one, two) = (monitor.hear().await, monitor.hear().await);
    assert_eq!((&one["execute"], &two["execute"]), (&Value::from("stop"), &Value::from("cont")));
    monitor.say(&format!("{{\"return\": 2, \"id\": {}}}\n", two["id"])).await;
    monitor
        .say(&format!("{{\"error\": {{\"class\": \"GenericError\", \"desc\": \"no\"}}, \"id\": {}}}\n", one["id"]))
        .await;
    assert_eq!(second.answer().await.unwrap(), Value::from(2));
    assert_eq!(first.answer().await.unwrap_err().to_string(), "machine test refused stop: no");
}

#[tokio::test]
async fn a_descriptor_travels_with_its_command() {
    let (client, monitor) = connected().await;
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"state").unwrap();
    let pending = client.send("getfd", serde_json::json!({ "fdname": "state" }), Some(file.into()));
    let socket = monitor.0.into_inner();
    let received = socket
        .async_io(Interest::READABLE, || {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let mut bytes = [0; 256];
            recvmsg(&socket, &mut [IoSliceMut::new(&mut bytes)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
            let fds: Vec<OwnedFd> = control
                .drain()
                .filter_map(|message| if let RecvAncillaryMessage::ScmRights(fds) = message { Some(fds) } else { None })
                .flatten()
                .collect();
            Ok(fds)
        })
        .await
        .unwrap();
    let [fd] = <[OwnedFd; 1]>::try_from(received).unwrap();
    let mut text = String::new();
    let mut file = File::from(fd);
    file.rewind().unwrap();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "state");
    drop(socket);
    assert!(matches!(pending.answer().await, Err(HypervisorError::Gone { .. })));
}

#[tokio::test]
async fn misbehaviour_ends_every_command_with_a_reason() {
    let long = format!("\"{}\"\n", "x".repeat(lines::MAX_LINE));
    for (said, expected) in [
        ("garbage\n", "no JSON"),
        ("{\"return\": {}}\n", "an answer to nothing"),
        ("{\"QMP\": {}}\n", "second greeting"),
        (long.as_str(), "more than"),
    ] {
        let (client, mut monitor) = connected().await;
        let pending = client.send("stop", Value::Null, None);
        // The client may hang up before it has taken all of an overlong line.
        let _ = monitor.0.write_all(said.as_bytes()).await;
        let error = pending.answer().await.unwrap_err();
        assert!(matches!(&error, HypervisorError::Protocol { problem, .. } if problem.contains(expected)), "{error}");
        let later = client.call("cont", Value::Null).await.unwrap_err();
        assert!(matches!(later, HypervisorError::Protocol { .. }), "{later}");
    }
}

#[tokio::test]
async fn an_end_in_the_middle_of_a_line_is_a_breach_and_a_clean_one_is_the_machines_end() {
    for (said, breach) in [("{\"return\"", true), ("", false)] {
        let (client, mut monitor) = connected().await;
        let pending = client.send("stop", Value::Null, None);
        monitor.hear().await;
        monitor.say(said).await;
        drop(monitor);
        let error = pending.answer().await.unwrap_err();
        assert_eq!(matches!(error, HypervisorError::Protocol { .. }), breach, "{error}");
        assert_eq!(matches!(error, HypervisorError::Gone { .. }), !breach, "{error}");
    }
}

#[tokio::test]
async fn an_answer_that_nobody_waits_for_harms_nobody() {
    let (client, mut monitor) = connected().await;
    drop(client.send("stop", Value::Null, None));
    let id = monitor.hear().await["id"].clone();
    monitor.say(&format!("{{\"return\": {{}}, \"id\": {id}}}\n{{\"return\": {{}}, \"id\": 9999}}\n")).await;
    let pending = client.send("cont", Value::Null, None);
    let id = monitor.hear().await["id"].clone();
    monitor.say(&format!("{{\"return\": {{}}, \"id\": {id}}}\n")).await;
    pending.answer().await.unwrap();
}

#[tokio::test]
async fn the_reason_of_an_end_is_kept_and_a_waiter_for_events_is_told() {
    let (client, mut monitor) = connected().await;
    let mut events = client.events();
    let waiter = events.wait("saving", COMMAND, |event| matches!(event, Event::Migration { .. }).then_some(()));
    let play = async {
        monitor.say("{\"event\": \"SHUTDOWN\", \"data\": {\"guest\": true, \"reason\": \"guest-shutdown\"}}\n").await;
        drop(monitor);
    };
    let (waited, ()) = tokio::join!(waiter, play);
    assert!(matches!(waited, Err(HypervisorError::Gone { .. })));
    assert_eq!(client.closed().await, Some(Cause::GuestPowerOff));
}

#[tokio::test]
async fn what_does_not_greet_is_refused() {
    for (said, gone) in [(&b"SSH-2.0\n"[..], false), (b"{\"return\": {}, \"id\": 0}\n", false), (b"", true)] {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(said).await.unwrap();
        drop(theirs);
        let error = Client::connect("test", ours).await.err().unwrap();
        assert_eq!(matches!(error, HypervisorError::Gone { .. }), gone, "{error}");
    }
}
