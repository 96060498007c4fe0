//! Whole connections over in-memory pipes, with a scripted engine: heads, bounds, streams and ends.

mod bounds;
mod replies;
mod streams;

use crate::{Api, Calls, Options, serve_connection};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

/// An engine that has nothing.
struct Nothing;
impl Calls for Nothing {}

fn api(engine: impl Calls) -> Arc<Api> {
    Arc::new(Api::new(engine, Options { version: "0.1.0".into(), ..Options::default() }))
}

/// The client's end of a connection.
fn connect(api: &Arc<Api>) -> DuplexStream {
    let (client, server) = duplex(1 << 16);
    tokio::spawn(serve_connection(api.clone(), server));
    client
}

/// Sends bytes and reads until the server closes.
async fn exchange(api: &Arc<Api>, request: impl AsRef<[u8]>) -> String {
    let mut client = connect(api);
    // A server that has seen enough may close before it has read everything.
    let _ = client.write_all(request.as_ref()).await;
    let mut reply = Vec::new();
    let _ = deadline(client.read_to_end(&mut reply)).await;
    String::from_utf8_lossy(&reply).into_owned()
}

/// Asks with a method and a path and reads the whole reply.
async fn ask(api: &Arc<Api>, line: &str) -> String {
    exchange(api, format!("{line} HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n")).await
}

/// Asks with a JSON body.
async fn ask_with(api: &Arc<Api>, line: &str, body: &str) -> String {
    let head = format!(
        "{line} HTTP/1.1\r\nHost: d\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    exchange(api, head + body).await
}

fn status(reply: &str) -> u16 {
    reply.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
}

fn body(reply: &str) -> &str {
    reply.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

fn message(reply: &str) -> String {
    serde_json::from_str::<serde_json::Value>(body(reply)).unwrap()["message"].as_str().unwrap().to_owned()
}

/// Reads up to and including the text, no further than it.
async fn read_until(client: &mut DuplexStream, text: &str) -> String {
    let mut read = Vec::new();
    while !read.ends_with(text.as_bytes()) {
        read.push(
            deadline(client.read_u8()).await.unwrap_or_else(|_| panic!("ended: {}", String::from_utf8_lossy(&read))),
        );
    }
    String::from_utf8(read).unwrap()
}

/// Fails a test that waits in vain.
async fn deadline<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("nothing happened in time")
}
