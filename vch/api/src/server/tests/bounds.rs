//! Clients that send too much, too slowly or not all of it; and the end of listening.

use super::*;
use crate::serve;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;
use vch_engine::events::Event;

#[tokio::test]
async fn an_endless_header_is_refused_and_the_next_client_served() {
    let api = api(Nothing);
    let mut client = connect(&api);
    let (mut reader, mut writer) = tokio::io::split(&mut client);
    let flood = async {
        let _ = writer.write_all(b"GET /_ping HTTP/1.1\r\nHost: d\r\nX-Long: ").await;
        let piece = vec![b'x'; 1 << 16];
        // A gigabyte, if anybody took it.
        for _ in 0..1 << 14 {
            if writer.write_all(&piece).await.is_err() {
                return true;
            }
        }
        false
    };
    let answer = async {
        let mut reply = Vec::new();
        let _ = reader.read_to_end(&mut reply).await;
        String::from_utf8_lossy(&reply).into_owned()
    };
    let (cut_off, reply) = deadline(async { tokio::join!(flood, answer) }).await;
    assert!(cut_off, "a gigabyte of header was read");
    assert_eq!(status(&reply), 431, "{reply}");
    assert_eq!(status(&ask(&api, "GET /_ping").await), 200);
}

#[tokio::test]
async fn too_many_headers_are_refused() {
    let api = api(Nothing);
    let headers: String = (0..200).map(|n| format!("X-{n}: 1\r\n")).collect();
    let reply = exchange(&api, format!("GET /_ping HTTP/1.1\r\nHost: d\r\n{headers}\r\n")).await;
    assert_eq!(status(&reply), 431, "{reply}");
}

#[tokio::test]
async fn what_is_no_http_is_refused() {
    let api = api(Nothing);
    assert_eq!(status(&exchange(&api, "\u{0}\u{1}nonsense\r\n\r\n").await), 400);
    assert_eq!(status(&ask(&api, "GET /_ping").await), 200);
}

#[tokio::test]
async fn a_head_that_does_not_end_is_cut_off() {
    let options = Options { header_timeout: Duration::from_millis(50), ..Options::default() };
    let api = Arc::new(Api::new(Nothing, options));
    let mut client = connect(&api);
    client.write_all(b"GET /_ping HTTP/1.1\r\nHost: d").await.unwrap();
    let mut reply = Vec::new();
    let _ = deadline(client.read_to_end(&mut reply)).await;
    assert!(!String::from_utf8_lossy(&reply).contains("200 OK"));
}

/// A `docker cp` to a missing container sometimes failed with a broken pipe instead of the reason.
#[tokio::test]
async fn a_refused_client_is_heard_out() {
    let api = api(Nothing);
    let mut client = connect(&api);
    let head = "PUT /containers/no/archive?path=/ HTTP/1.1\r\nHost: d\r\nContent-Length: 20000\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    let mut reply = Vec::new();
    while !reply.ends_with(b"}\n") {
        let mut piece = [0; 1024];
        let count = deadline(client.read(&mut piece)).await.unwrap();
        assert_ne!(count, 0, "cut off");
        reply.extend_from_slice(&piece[..count]);
    }
    let reply = String::from_utf8(reply).unwrap();
    assert!(status(&reply) >= 400, "{reply}");
    client.write_all(&[0; 20_000]).await.unwrap();
    // And the connection goes on.
    client.write_all(b"GET /_ping HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut reply = String::new();
    deadline(client.read_to_string(&mut reply)).await.unwrap();
    assert_eq!(status(&reply), 200, "{reply}");
}

#[tokio::test]
async fn a_body_that_stops_half_way_is_not_acted_on() {
    let api = api(Nothing);
    let mut client = connect(&api);
    let head =
        "POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    client.write_all(b"{\"Image\":").await.unwrap();
    client.shutdown().await.unwrap();
    let mut reply = Vec::new();
    let _ = deadline(client.read_to_end(&mut reply)).await;
    let reply = String::from_utf8_lossy(&reply).into_owned();
    assert!(reply.is_empty() || status(&reply) == 400, "{reply}");
    assert_eq!(status(&ask(&api, "GET /_ping").await), 200);
}

#[tokio::test]
async fn a_json_body_is_bounded() {
    let api = api(Nothing);
    let body = format!("{{\"Image\":\"{}\"}}", "x".repeat(17 << 20));
    let reply = ask_with(&api, "POST /containers/create", &body).await;
    assert_eq!((status(&reply), message(&reply)), (413, "request body is larger than 16 MiB".into()));
}

/// An engine in which nothing happens.
struct Quiet;

impl Calls for Quiet {
    fn events(&self, _: vch_engine::requests::WatchEvents) -> vch_engine::Result<BoxStream<'static, Event>> {
        Ok(futures_util::stream::pending().boxed())
    }
}

#[tokio::test]
async fn a_watcher_of_events_does_not_hold_up_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("api.sock");
    let shutdown = CancellationToken::new();
    let serving = tokio::spawn(serve(api(Quiet), UnixListener::bind(&path).unwrap(), shutdown.clone()));
    let mut watcher = UnixStream::connect(&path).await.unwrap();
    watcher.write_all(b"GET /events HTTP/1.1\r\nHost: d\r\n\r\n").await.unwrap();
    let mut first = [0; 15];
    deadline(watcher.read_exact(&mut first)).await.unwrap();
    let begun = std::time::Instant::now();
    shutdown.cancel();
    let mut rest = Vec::new();
    deadline(watcher.read_to_end(&mut rest)).await.unwrap();
    assert!(rest.ends_with(b"0\r\n\r\n"), "cut off instead of ended");
    deadline(serving).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_listener_ends_after_the_request_under_way() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("api.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let shutdown = CancellationToken::new();
    let serving = tokio::spawn(serve(api(Nothing), listener, shutdown.clone()));
    let mut idle = UnixStream::connect(&path).await.unwrap();
    let mut client = UnixStream::connect(&path).await.unwrap();
    client.write_all(b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n").await.unwrap();
    let mut first = [0; 15];
    deadline(client.read_exact(&mut first)).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    shutdown.cancel();
    let mut rest = Vec::new();
    deadline(client.read_to_end(&mut rest)).await.unwrap();
    assert!(rest.ends_with(b"OK"));
    deadline(idle.read_to_end(&mut rest)).await.unwrap();
    deadline(serving).await.unwrap();
    assert!(UnixStream::connect(&path).await.is_err(), "still listening");
}
