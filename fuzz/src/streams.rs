//! What outlives a plain reply: output in frames on its way out, and a WebSocket client's frames on their way in.
//!
//! The first byte chooses the road. Output is then a series of pieces, each of a byte for its channel and a byte for its
//! length; a WebSocket's client sends the bytes as they are, after its handshake.

use crate::talk;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;
use vch_api::Calls;
use vch_engine::Result;
use vch_engine::requests::{Attach, ReadLogs};
use vch_engine::stream::{Attached, Channel, Chunk, LogEntry, Logs};
use vch_engine::timestamp::Timestamp;

/// Runs the target.
pub fn run(input: &[u8]) {
    let Some((road, rest)) = input.split_first() else { return };
    match road % 4 {
        0 => logs(rest, ""),
        1 => logs(rest, "&timestamps=1&details=1"),
        2 => attached(rest),
        _ => websocket(rest),
    }
}

fn pieces(mut bytes: &[u8]) -> Vec<(Channel, Bytes)> {
    let mut pieces = Vec::new();
    while let [channel, length, rest @ ..] = bytes {
        let (payload, behind) = rest.split_at(rest.len().min(usize::from(*length)));
        let channel = match channel % 3 {
            0 => Channel::Stdout,
            1 => Channel::Stderr,
            _ => Channel::System,
        };
        pieces.push((channel, Bytes::copy_from_slice(payload)));
        bytes = behind;
    }
    pieces
}

/// Bytes by channel: frames in, what a client makes of them out.
fn unframed(mut bytes: &[u8]) -> [Vec<u8>; 3] {
    let mut streams = [const { Vec::new() }; 3];
    while !bytes.is_empty() {
        let (head, rest) = bytes.split_first_chunk::<8>().expect("a whole frame header");
        let [kind @ 1..=3, 0, 0, 0, length @ ..] = *head else { panic!("no frame header: {head:?}") };
        let (payload, behind) = rest.split_at_checked(u32::from_be_bytes(length) as usize).expect("a whole frame");
        streams[usize::from(kind) - 1].extend_from_slice(payload);
        bytes = behind;
    }
    streams
}

fn by_channel(pieces: &[(Channel, Bytes)]) -> [Vec<u8>; 3] {
    let of = |wanted| {
        let own = pieces.iter().filter(move |(channel, _)| *channel == wanted);
        own.flat_map(|(_, bytes)| bytes.to_vec()).collect()
    };
    [of(Channel::Stdout), of(Channel::Stderr), of(Channel::System)]
}

fn logs(input: &[u8], dress: &str) {
    let (pieces, path) = (pieces(input), format!("/v1.41/containers/a/logs?stdout=1&stderr=1{dress}"));
    let expected = by_channel(&pieces);
    let reply = talk::exchange(Says::new(pieces), &talk::request("GET", &path, b""));
    let (status, body) = talk::parse(&reply).expect("one whole reply");
    assert_eq!(status, 200);
    let streams = unframed(&body);
    if dress.is_empty() {
        assert_eq!(streams, expected, "a log changes on its way");
    }
}

fn attached(input: &[u8]) {
    let (pieces, heard) = (pieces(input), Arc::default());
    let (expected, engine) = (by_channel(&pieces), Says { pieces, heard: Arc::clone(&heard) });
    let path = "/v1.41/containers/a/attach?stream=1&stdin=1&stdout=1&stderr=1";
    let reply = talk::exchange(engine, &talk::request("POST", path, input));
    let (status, body) = talk::parse(&reply).expect("one whole reply");
    assert_eq!((status, unframed(&body)), (200, expected), "output changes on its way");
    let heard = heard.lock().unwrap();
    assert!(input.starts_with(&heard), "input changes on its way");
}

fn websocket(frames: &[u8]) {
    let handshake = "GET /v1.41/containers/a/attach/ws?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: d\r\n\
        Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let engine = Says::new(vec![(Channel::Stdout, Bytes::from_static(b"said"))]);
    let reply = talk::exchange(engine, &[handshake.as_bytes(), frames].concat());
    assert!(reply.starts_with(b"HTTP/1.1 101 "), "{:?}", String::from_utf8_lossy(&reply));
}

/// A container that says the pieces and hears what is typed.
struct Says {
    pieces: Vec<(Channel, Bytes)>,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Says {
    fn new(pieces: Vec<(Channel, Bytes)>) -> Self {
        Self { pieces, heard: Arc::default() }
    }
}

#[async_trait::async_trait]
impl Calls for Says {
    async fn attach(&self, _: &str, options: Attach) -> Result<Attached> {
        let (stdin, mut typed) = mpsc::channel::<Bytes>(4);
        let heard = self.heard.clone();
        tokio::spawn(async move {
            while let Some(bytes) = typed.recv().await {
                heard.lock().unwrap().extend_from_slice(&bytes);
            }
        });
        let chunks = self.pieces.clone().into_iter().map(|(channel, bytes)| Chunk { channel, bytes });
        let output = stream::iter(chunks.collect::<Vec<_>>()).boxed();
        Ok(Attached { tty: false, output, stdin: options.stdin.then_some(stdin) })
    }

    async fn logs(&self, _: &str, _: ReadLogs) -> Result<Logs> {
        let entry = |(channel, line)| Ok(LogEntry { channel, time: Timestamp(0), line, attributes: "a=b".into() });
        let entries: Vec<_> = self.pieces.clone().into_iter().map(entry).collect();
        Ok(Logs { tty: false, entries: stream::iter(entries).boxed() })
    }
}
