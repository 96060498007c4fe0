//! One connection to the API in memory, with an engine of the target's own.

use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use vch_api::{Api, Calls, Options, serve_connection};

/// Longer than any answer of an engine in memory may take, on a machine that is busy.
const SOON: Duration = Duration::from_secs(20);

/// Turns of the scheduler that the server gets before the client ends its input.
const TURNS: usize = 64;

/// Sends `bytes` on a connection of their own, ends the input when the server has had time to answer, and gives all that
/// came back.
pub(crate) fn exchange(engine: impl Calls, bytes: &[u8]) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let api = Arc::new(Api::new(engine, Options::default()));
        let (client, server) = duplex(1 << 20);
        let served = tokio::spawn(serve_connection(api, server));
        let (mut reader, mut writer) = tokio::io::split(client);
        let talk = async {
            let mut reply = Vec::new();
            let write = async {
                // A server that has seen enough may close before it has read everything.
                let _ = writer.write_all(bytes).await;
                for _ in 0..TURNS {
                    tokio::task::yield_now().await;
                }
                let _ = writer.shutdown().await;
            };
            let (_, read) = tokio::join!(write, reader.read_to_end(&mut reply));
            read.map(|_| reply)
        };
        let reply = tokio::time::timeout(SOON, talk).await.expect("the connection does not end");
        drop((reader, writer));
        served.await.expect("the connection's task ends");
        reply.unwrap_or_default()
    })
}

/// `GET` of a path, or `POST` with a body, that ends its connection.
pub(crate) fn request(method: &str, path: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: d\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Status and body of a reply, chunking taken off. None where it is not one whole reply.
pub(crate) fn parse(reply: &[u8]) -> Option<(u16, Vec<u8>)> {
    let at = reply.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&reply[..at]).ok()?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let mut rest = &reply[at + 4..];
    if !head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        return Some((status, rest.to_vec()));
    }
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?, 16).ok()?;
        let chunk = rest.get(end + 2..end + 2 + length)?;
        rest = rest.get(end + 2 + length..)?.strip_prefix(b"\r\n")?;
        if length == 0 {
            return rest.is_empty().then_some((status, body));
        }
        body.extend_from_slice(chunk);
    }
}
