//! Requests as data, so that each can be sent again: after a 401 with the right token, or after a connection broke.
//!
//! Called by `session.rs`, `fetch.rs` and `upload.rs`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use reqwest::header::HeaderMap;
use reqwest::{Body, Method};
use tokio_util::io::ReaderStream;

/// Bytes read from a file at once.
const CHUNK: usize = 64 * 1024;

/// A request.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: HeaderMap,
    pub(super) payload: Payload,
}

/// What a request carries.
#[derive(Clone, Debug)]
pub(super) enum Payload {
    Nothing,
    Bytes(Bytes),
    File(Source),
}

/// A file to be sent, and how much of it has been.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// Bytes handed to the connection; back to 0 when it is sent again.
    pub(crate) moved: Arc<AtomicU64>,
}

impl Outgoing {
    pub(super) fn new(method: Method, url: impl Into<String>) -> Self {
        Self { method, url: url.into(), headers: HeaderMap::new(), payload: Payload::Nothing }
    }

    /// The method as Go's HTTP client names it in errors: `Get`, `Head`.
    pub(super) fn word(&self) -> &'static str {
        match self.method {
            Method::HEAD => "Head",
            Method::POST => "Post",
            Method::PATCH => "Patch",
            Method::PUT => "Put",
            _ => "Get",
        }
    }
}

impl Payload {
    /// The body from its beginning with its length, and the count of what was sent.
    pub(super) async fn open(&self) -> std::io::Result<(Option<(Body, u64)>, Arc<AtomicU64>)> {
        match self {
            Self::Nothing => Ok((None, Arc::default())),
            Self::Bytes(bytes) => Ok((Some((Body::from(bytes.clone()), bytes.len() as u64)), Arc::default())),
            Self::File(source) => {
                let path = source.path.clone();
                let opened = tokio::task::spawn_blocking(move || std::fs::File::open(path)).await;
                let file = opened.map_err(std::io::Error::other)??;
                source.moved.store(0, Ordering::Relaxed);
                let moved = source.moved.clone();
                let bytes = ReaderStream::with_capacity(tokio::fs::File::from_std(file), CHUNK).map(move |piece| {
                    piece.inspect(|bytes| {
                        moved.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                    })
                });
                Ok((Some((Body::wrap_stream(bytes), source.size)), source.moved.clone()))
            }
        }
    }
}

/// What a future gives, unless nothing moves for so long.
pub(super) async fn unless_still<T>(stall: Duration, moved: &AtomicU64, work: impl Future<Output = T>) -> Option<T> {
    tokio::pin!(work);
    let mut last = moved.load(Ordering::Relaxed);
    loop {
        tokio::select! {
            done = &mut work => return Some(done),
            () = tokio::time::sleep(stall) => {
                let now = moved.load(Ordering::Relaxed);
                if now == last {
                    return None;
                }
                last = now;
            }
        }
    }
}
