//! The client against the fake guest; against peers that a test scripts itself, good and bad, in [`peer`].

mod peer;

use super::*;
use crate::SandboxError;
use crate::fake::{Guest, Programs};
use bytes::Bytes;
use proptest::prelude::*;
use std::time::Duration;

use tokio::time::timeout;
use vch_agent_proto::{self as proto, ExitStatus};

const SOON: Duration = Duration::from_secs(20);
const PIPES: Streams = Streams::Pipes { stdin: true, stdout: true, stderr: true };

fn container(id: &str, args: &[&str]) -> proto::Container {
    crate::fake::container(id, args)
}

fn identity() -> proto::Identity {
    proto::Identity { entropy: vec![7; 32], realtime_ns: 0, hostname: "test".into(), machine_id: [1; 16], mac: None }
}

/// A client on a fake guest that has its identity.
async fn on_fake(programs: Programs) -> (Client, Guest) {
    let (host, guest_end) = UnixStream::pair().unwrap();
    let guest = Guest::new(programs);
    let served = guest.clone();
    tokio::spawn(async move { served.serve(guest_end).await });
    let client = Client::new(host, Numbers::default());
    client.hello(SOON).await.unwrap();
    client.done(client.personalize(identity(), SOON).unwrap()).await.unwrap();
    (client, guest)
}

async fn run(client: &Client, id: &str, args: &[&str]) -> Process {
    client.started(client.run(container(id, args), PIPES).unwrap()).await.unwrap()
}

async fn all(mut output: OutputReader) -> (Vec<u8>, Vec<u8>) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    while let Some((channel, bytes)) = output.next().await {
        match channel {
            Channel::Stdout => out.extend_from_slice(&bytes),
            Channel::Stderr => err.extend_from_slice(&bytes),
        }
    }
    (out, err)
}

#[tokio::test]
async fn a_process_runs_writes_and_exits() {
    let (client, _guest) = on_fake(Programs::default()).await;
    let mut echo = run(&client, "a", &["echo", "hello", "world"]).await;
    assert_eq!(all(echo.take_output().unwrap()).await.0, b"hello world\n");
    let ended = Exit::Ended { status: ExitStatus::Code(0), oom_killed: false };
    assert_eq!(echo.wait().await, ended);
    assert_eq!(echo.handle().exit(), Some(ended));
    let mut released = client.released("a").unwrap();
    timeout(SOON, released.wait_for(|yes| *yes)).await.unwrap().unwrap();
    let mut warn = run(&client, "a", &["warn", "oh"]).await;
    assert_eq!(all(warn.take_output().unwrap()).await.1, b"oh\n");
}

#[tokio::test]
async fn a_failure_carries_the_agents_words_and_leaves_nothing() {
    let (client, _guest) = on_fake(Programs::default()).await;
    let starting = client.run(container("a", &["nope"]), PIPES).unwrap();
    let error = client.started(starting).await.unwrap_err();
    assert!(
        matches!(&error, SandboxError::Failure(failure)
        if failure.class == proto::FailureClass::ExecutableNotFound && failure.message.contains("\"nope\"")),
        "{error:?}"
    );
    assert!(client.released("a").is_none());
    assert_eq!(client.link.tables().sizes(), [0; 4]);
}

#[tokio::test]
async fn nothing_runs_before_it_has_an_identity() {
    let (client, guest) = on_fake(Programs::default()).await;
    client.done(client.anonymize(SOON).unwrap()).await.unwrap();
    let starting = client.run(container("a", &["true"]), PIPES).unwrap();
    assert!(
        matches!(client.started(starting).await, Err(SandboxError::Failure(f)) if f.class == proto::FailureClass::Sequence)
    );
    assert!(guest.identity().is_none());
}

#[tokio::test]
async fn signals_sizes_and_exec_reach_their_process() {
    let (client, _guest) = on_fake(Programs::default()).await;
    let trap = run(&client, "a", &["trap", "3"]).await;
    let terminal = Streams::Terminal { input: false, size: Some(proto::WindowSize { rows: 1, columns: 2 }) };
    let size = client.exec("a", container("a", &["size"]).process, terminal).unwrap();
    let mut size = client.started(size).await.unwrap();
    let mut output = size.take_output().unwrap();
    assert_eq!(output.next().await, Some((Channel::Stdout, Bytes::from("1 2\n"))));
    size.handle().resize(proto::WindowSize { rows: 30, columns: 90 }).await.unwrap();
    assert_eq!(output.next().await, Some((Channel::Stdout, Bytes::from("30 90\n"))));
    trap.handle().signal(2).await.unwrap();
    trap.handle().signal(15).await.unwrap();
    assert_eq!(trap.wait().await, Exit::Ended { status: ExitStatus::Code(3), oom_killed: false });
    assert_eq!(size.wait().await, Exit::Ended { status: ExitStatus::Signal(9), oom_killed: false });
    assert!(matches!(trap.handle().signal(15).await, Err(SandboxError::Failure(_))));
}

#[tokio::test]
async fn a_reader_that_stops_stalls_only_its_own_process() {
    let (client, _guest) = on_fake(Programs::default()).await;
    let mut flood = run(&client, "a", &["flood", "20000000"]).await;
    let unread = flood.take_output().unwrap();
    for n in 0..20 {
        let mut echo = run(&client, &format!("e{n}"), &["echo", "x"]).await;
        assert_eq!(timeout(SOON, all(echo.take_output().unwrap())).await.unwrap().0, b"x\n");
    }
    assert!(flood.handle().exit().is_none());
    assert_eq!(timeout(SOON, all(unread)).await.unwrap().0.len(), 20_000_000);
    assert_eq!(flood.wait().await, Exit::Ended { status: ExitStatus::Code(0), oom_killed: false });
}

#[tokio::test]
async fn output_that_nobody_takes_is_thrown_away_and_the_process_goes_on() {
    let (client, _guest) = on_fake(Programs::default()).await;
    let mut flood = run(&client, "a", &["flood", "5000000"]).await;
    drop(flood.take_output());
    assert_eq!(
        timeout(SOON, flood.wait()).await.unwrap(),
        Exit::Ended { status: ExitStatus::Code(0), oom_killed: false }
    );
    assert_eq!(client.link.reason(), None);
}

#[tokio::test]
async fn input_to_a_process_that_has_ended_is_refused() {
    let (client, _guest) = on_fake(Programs::default()).await;
    let mut ended = run(&client, "a", &["true"]).await;
    let mut stdin = ended.take_stdin().unwrap();
    timeout(SOON, stdin.closed()).await.unwrap();
    assert_eq!(stdin.write(Bytes::from("x")).await, Err(WriteError));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn bytes_come_back_as_they_went(pieces in prop::collection::vec((any::<u8>(), 1usize..150_000), 1..12)) {
        runtime().block_on(async {
            let (client, _guest) = on_fake(Programs::default()).await;
            let mut cat = run(&client, "a", &["cat"]).await;
            let (mut stdin, output) = (cat.take_stdin().unwrap(), cat.take_output().unwrap());
            let expected: Vec<u8> = pieces.iter().flat_map(|(byte, length)| vec![*byte; *length]).collect();
            let writing = tokio::spawn(async move {
                for (byte, length) in pieces {
                    stdin.write(Bytes::from(vec![byte; length])).await.unwrap();
                }
            });
            let (out, _) = timeout(SOON, all(output)).await.unwrap();
            writing.await.unwrap();
            assert!(out == expected, "{} of {} bytes", out.len(), expected.len());
        });
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}
