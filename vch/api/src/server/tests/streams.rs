//! Hijacked connections, logs, waits, events and progress, as clients see them on the wire.

use super::*;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use std::sync::Mutex;
use tokio::sync::{mpsc, oneshot};
use vch_engine::events::{Event, Subject};
use vch_engine::image::view::{Progress, Pull};
use vch_engine::requests::{Attach, ExecStart, ReadLogs, WaitCondition, Waited, WatchEvents};
use vch_engine::stream::{Attached, Channel, Chunk, LogEntry, Logs};
use vch_engine::timestamp::Timestamp;
use vch_engine::{Error, Result};

/// An engine whose one container does what the test says.
#[derive(Default)]
struct Scripted {
    attached: Mutex<Option<Attached>>,
    exec: Mutex<Option<Result<Option<Attached>>>>,
    waited: Mutex<Option<oneshot::Receiver<Waited>>>,
    events: Mutex<Option<BoxStream<'static, Event>>>,
    messages: Mutex<Option<Vec<Result<Progress>>>>,
    log_tty: bool,
}

fn take<T>(place: &Mutex<Option<T>>) -> T {
    place.lock().unwrap().take().expect("not in the script")
}

fn put<T>(value: T) -> Mutex<Option<T>> {
    Mutex::new(Some(value))
}

#[async_trait::async_trait]
impl Calls for Scripted {
    async fn attach(&self, name: &str, options: Attach) -> Result<Attached> {
        if name != "web" {
            return Err(Error::no_such_container(name));
        }
        assert!(options.stream && options.stdin && options.stdout && options.stderr);
        Ok(take(&self.attached))
    }
    async fn exec_start(&self, _id: &str, _options: ExecStart) -> Result<Option<Attached>> {
        take(&self.exec)
    }
    async fn wait(&self, _name: &str, condition: WaitCondition) -> Result<BoxFuture<'static, Waited>> {
        assert_eq!(condition, WaitCondition::NextExit);
        Ok(take(&self.waited).map(|waited| waited.unwrap()).boxed())
    }
    async fn logs(&self, _name: &str, _options: ReadLogs) -> Result<Logs> {
        let time = Timestamp(1_700_000_000_000_000_000);
        let entry = LogEntry { channel: Channel::Stderr, time, line: "oh\n".into(), attributes: String::new() };
        Ok(Logs { tty: self.log_tty, entries: stream::iter([Ok(entry)]).boxed() })
    }
    async fn pull(&self, request: Pull) -> Result<crate::Messages> {
        assert_eq!((request.name.as_str(), request.tag.as_str()), ("busybox", "latest"));
        Ok(stream::iter(take(&self.messages)).boxed())
    }
    fn events(&self, _options: WatchEvents) -> Result<BoxStream<'static, Event>> {
        Ok(take(&self.events))
    }
}

/// A process's ends: where its output is put, where its input comes out.
fn process(tty: bool) -> (mpsc::Sender<Chunk>, mpsc::Receiver<Bytes>, Attached) {
    let (output, mut receiver) = mpsc::channel(4);
    let (stdin, input) = mpsc::channel(4);
    let output_stream = stream::poll_fn(move |context| receiver.poll_recv(context)).boxed();
    (output, input, Attached { tty, output: output_stream, stdin: Some(stdin) })
}

fn chunk(channel: Channel, bytes: &'static str) -> Chunk {
    Chunk { channel, bytes: bytes.into() }
}

const ATTACH: &str = "containers/web/attach?stream=1&stdin=1&stdout=1&stderr=1";
const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: tcp\r\n";

async fn upgraded(api: &Arc<Api>, line: &str, more: &str) -> (DuplexStream, String) {
    let mut client = connect(api);
    client.write_all(format!("{line} HTTP/1.1\r\nHost: d\r\n{UPGRADE}{more}").as_bytes()).await.unwrap();
    let head = read_until(&mut client, "\r\n\r\n").await;
    (client, head)
}

#[tokio::test]
async fn attach_hijacks_with_frames_and_half_closes() {
    let (output, mut input, attached) = process(false);
    let api = api(Scripted { attached: put(attached), ..Scripted::default() });
    let (mut client, head) = upgraded(&api, &format!("POST /v1.42/{ATTACH}"), "\r\n").await;
    assert!(head.starts_with("HTTP/1.1 101 UPGRADED\r\n"), "{head}");
    for header in [
        "Content-Type: application/vnd.docker.multiplexed-stream",
        "Connection: Upgrade",
        "Upgrade: tcp",
        "Api-Version: 1.50",
    ] {
        assert!(head.contains(&format!("\r\n{header}\r\n")), "{header} in {head}");
    }
    client.write_all(b"question").await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(deadline(input.recv()).await.unwrap(), "question");
    assert_eq!(deadline(input.recv()).await, None, "end of input");
    output.send(chunk(Channel::Stdout, "answer")).await.unwrap();
    drop(output);
    let mut all = Vec::new();
    deadline(client.read_to_end(&mut all)).await.unwrap();
    assert_eq!(all, b"\x01\0\0\0\0\0\0\x06answer");
}

#[tokio::test]
async fn content_types_follow_version_and_terminal() {
    for (path, tty, content_type) in [
        ("/v1.42/", true, "application/vnd.docker.raw-stream"),
        ("/v1.41/", false, "application/vnd.docker.raw-stream"),
        ("/", false, "application/vnd.docker.multiplexed-stream"),
    ] {
        let (output, _input, attached) = process(tty);
        let api = api(Scripted { attached: put(attached), ..Scripted::default() });
        let (mut client, head) = upgraded(&api, &format!("POST {path}{ATTACH}"), "\r\n").await;
        assert!(head.contains(&format!("\r\nContent-Type: {content_type}\r\n")), "{path} {tty}: {head}");
        output.send(chunk(Channel::Stdout, "x")).await.unwrap();
        drop(output);
        let mut all = Vec::new();
        deadline(client.read_to_end(&mut all)).await.unwrap();
        assert_eq!(all.len(), if tty { 1 } else { 9 });
    }
}

#[tokio::test]
async fn attach_without_upgrade_streams_and_takes_input_from_the_body() {
    let (output, mut input, attached) = process(false);
    let api = api(Scripted { attached: put(attached), ..Scripted::default() });
    let mut client = connect(&api);
    let head = format!("POST /{ATTACH} HTTP/1.1\r\nHost: d\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.write_all(head.as_bytes()).await.unwrap();
    let head = read_until(&mut client, "\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("application/vnd.docker.raw-stream"), "{head}");
    client.write_all(b"2\r\nin\r\n0\r\n\r\n").await.unwrap();
    assert_eq!(deadline(input.recv()).await.unwrap(), "in");
    assert_eq!(deadline(input.recv()).await, None, "end of input");
    output.send(chunk(Channel::Stdout, "out")).await.unwrap();
    drop(output);
    let mut all = Vec::new();
    deadline(client.read_to_end(&mut all)).await.unwrap();
    assert_eq!(all, b"B\r\n\x01\0\0\0\0\0\0\x03out\r\n0\r\n\r\n");
}

#[tokio::test]
async fn attach_to_nothing_is_an_ordinary_error() {
    let api = api(Scripted::default());
    let (mut client, head) = upgraded(&api, "POST /containers/db/attach?stream=1", "\r\n").await;
    assert!(head.starts_with("HTTP/1.1 404 Not Found\r\n"), "{head}");
    assert_eq!(read_until(&mut client, "\n").await, "{\"message\":\"No such container: db\"}\n");
}

#[tokio::test]
async fn exec_frames_by_the_start_and_tells_failures_in_the_stream() {
    let body = |tty| {
        format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{{\"Tty\":{tty}}}",
            8 + format!("{tty}").len()
        )
    };
    for (tty, expected) in [(true, &b"not found\r\n"[..]), (false, &b"\x01\0\0\0\0\0\0\x0bnot found\r\n"[..])] {
        let api = api(Scripted { exec: put(Err(Error::invalid("not found"))), ..Scripted::default() });
        let (mut client, head) = upgraded(&api, "POST /exec/e/start", &body(tty)).await;
        assert!(head.starts_with("HTTP/1.1 101 UPGRADED\r\n"), "{head}");
        let mut all = Vec::new();
        deadline(client.read_to_end(&mut all)).await.unwrap();
        assert_eq!(all, expected);
    }
    let api = api(Scripted { exec: put(Err(Error::conflict("Container web is not running"))), ..Scripted::default() });
    let (_client, head) = upgraded(&api, "POST /exec/e/start", &body(false)).await;
    assert!(head.starts_with("HTTP/1.1 409 Conflict\r\n"), "{head}");
}

#[tokio::test]
async fn a_detached_exec_answers_at_once() {
    let engine = Scripted { exec: put(Ok(None)), ..Scripted::default() };
    let reply = ask_with(&api(engine), "POST /exec/e/start", r#"{"Detach":true}"#).await;
    assert_eq!((status(&reply), body(&reply)), (200, ""));
    let failing = Scripted { exec: put(Err(Error::invalid("no such program"))), ..Scripted::default() };
    let reply = ask_with(&api(failing), "POST /exec/e/start", r#"{"Detach":true}"#).await;
    assert_eq!((status(&reply), message(&reply)), (400, "no such program".into()));
}

#[tokio::test]
async fn the_head_of_a_wait_comes_before_the_condition() {
    let (exit, waited) = oneshot::channel();
    let api = api(Scripted { waited: put(waited), ..Scripted::default() });
    let mut client = connect(&api);
    client
        .write_all(b"POST /containers/web/wait?condition=next-exit HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let head = read_until(&mut client, "\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("Content-Type: application/json"), "{head}");
    exit.send(Waited { code: 137, error: None }).unwrap();
    let mut all = String::new();
    deadline(client.read_to_string(&mut all)).await.unwrap();
    assert!(all.contains("{\"StatusCode\":137}\n"), "{all}");
}

#[tokio::test]
async fn logs_are_dressed_and_framed() {
    let line = "GET /v1.42/containers/web/logs?stderr=1&timestamps=1";
    let framed = ask(&api(Scripted::default()), line).await;
    assert!(framed.contains("application/vnd.docker.multiplexed-stream"), "{framed}");
    assert!(framed.contains("\u{2}\0\0\0\0\0\0\u{22}2023-11-14T22:13:20.000000000Z oh\n"), "{framed:?}");
    let raw = ask(&api(Scripted { log_tty: true, ..Scripted::default() }), line).await;
    assert!(raw.contains("application/vnd.docker.raw-stream") && raw.contains("\r\n2023-11-14"), "{raw}");
}

#[tokio::test]
async fn events_flow_line_by_line_and_a_client_that_leaves_is_noticed() {
    let (send, mut receiver) = mpsc::channel(1);
    let events = stream::poll_fn(move |context| receiver.poll_recv(context)).boxed();
    let api = api(Scripted { events: put(events), ..Scripted::default() });
    let mut client = connect(&api);
    client.write_all(b"GET /v1.45/events HTTP/1.1\r\nHost: d\r\n\r\n").await.unwrap();
    read_until(&mut client, "\r\n\r\n").await;
    let event = |action: &str| Event {
        subject: Subject::Image,
        action: action.into(),
        id: "i".into(),
        attributes: Default::default(),
        time: Timestamp(1_000_000_000),
    };
    // Not told before API 1.46.
    send.send(event("create")).await.unwrap();
    send.send(event("pull")).await.unwrap();
    let line = read_until(&mut client, "\n\r\n").await;
    assert!(line.contains(r#"{"status":"pull","id":"i","Type":"image","Action":"pull""#), "{line}");
    drop(client);
    deadline(send.closed()).await;
}

#[tokio::test]
async fn a_pull_fails_with_a_status_or_with_a_line() {
    let line = "POST /images/create?fromImage=busybox:&tag=latest";
    let early = Scripted { messages: put(vec![Err(Error::not_found("no such image"))]), ..Scripted::default() };
    let reply = ask(&api(early), line).await;
    assert_eq!((status(&reply), message(&reply)), (404, "no such image".into()));
    let begun = Progress { status: Some("Pulling".into()), ..Progress::default() };
    let late = Scripted { messages: put(vec![Ok(begun), Err(Error::system("broken"))]), ..Scripted::default() };
    let reply = ask(&api(late), line).await;
    assert_eq!(status(&reply), 200);
    assert!(
        reply.contains("{\"status\":\"Pulling\"}\r\n")
            && reply.contains("{\"errorDetail\":{\"message\":\"broken\"},\"error\":\"broken\"}")
    );
}

#[tokio::test]
async fn attach_without_upgrade_and_without_a_body_is_no_end_of_input() {
    let (output, mut input, attached) = process(false);
    let api = api(Scripted { attached: put(attached), ..Scripted::default() });
    let mut client = connect(&api);
    let head = format!("POST /{ATTACH} HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n");
    client.write_all(head.as_bytes()).await.unwrap();
    read_until(&mut client, "\r\n\r\n").await;
    output.send(chunk(Channel::Stdout, "out")).await.unwrap();
    read_until(&mut client, "out\r\n").await;
    assert_eq!(input.try_recv(), Err(mpsc::error::TryRecvError::Empty), "input was ended");
    drop(output);
    deadline(client.read_to_end(&mut Vec::new())).await.unwrap();
    assert_eq!(deadline(input.recv()).await, None);
}

/// A stop that takes a while, and tells when it is done.
struct Slow {
    begun: mpsc::Sender<()>,
    go_on: tokio::sync::Semaphore,
    done: mpsc::Sender<()>,
}

#[async_trait::async_trait]
impl Calls for Arc<Slow> {
    async fn restart(&self, _name: &str, _options: vch_engine::requests::Stop) -> Result<()> {
        self.begun.send(()).await.unwrap();
        let _go_on = self.go_on.acquire().await.unwrap();
        self.done.send(()).await.unwrap();
        Ok(())
    }
}

#[tokio::test]
async fn a_restart_comes_to_its_end_without_its_client() {
    let (begun, mut has_begun) = mpsc::channel(1);
    let (done, mut is_done) = mpsc::channel(1);
    let slow = Arc::new(Slow { begun, go_on: tokio::sync::Semaphore::new(0), done });
    let api = api(slow.clone());
    let mut client = connect(&api);
    client.write_all(b"POST /containers/web/restart HTTP/1.1\r\nHost: d\r\n\r\n").await.unwrap();
    deadline(has_begun.recv()).await.unwrap();
    drop(client);
    slow.go_on.add_permits(1);
    deadline(is_done.recv()).await.unwrap();
}
