//! The Docker Engine API, 1.24 to 1.50, over HTTP/1.1: a request is decoded, one engine call is made, the answer encoded.
//!
//! The program builds an [`Api`] from an engine and hands it connections ([`serve_connection`]) or listeners ([`serve`]).
//! `routes` shows every operation on one screen; `error` alone turns an engine's error kinds into statuses; `version` alone knows what
//! older clients expect; `wire` holds the JSON structs, `decode` and `encode` stand between them and the engine's types;
//! `stream` holds what outlives a plain reply: hijacked connections, frames, lines of JSON, WebSockets.
//!
//! Invariant: no branch on what a container or an image *means* in this crate, and no bytes from outside that can make it panic.

mod call;
mod calls;
mod containers;
mod decode;
mod disk_usage;
mod dispatch;
mod encode;
mod error;
mod exec;
pub mod fields;
mod images;
mod query;
mod reply;
pub mod routes;
mod server;
mod stream;
mod system;
mod upload;
mod version;
mod wire;

pub use calls::{Calls, Download, Messages, Upload};
pub use server::{Listener, serve, serve_connection, serve_connection_until};

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What the program says of itself, and bounds on connections.
#[derive(Debug, Clone)]
pub struct Options {
    /// vch's own version, `0.1.0`.
    pub version: String,
    /// Commit it was built from, or empty.
    pub commit: String,
    /// When it was built, RFC 3339, or empty.
    pub build_time: String,
    /// How long a client may take to send a request's head; also how long an idle connection is kept. dockerd has five minutes.
    pub header_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").into(),
            commit: String::new(),
            build_time: String::new(),
            header_timeout: Duration::from_secs(300),
        }
    }
}

/// The API over one engine; shared by all connections.
pub struct Api {
    pub(crate) engine: Arc<dyn Calls>,
    pub(crate) options: Options,
    pub(crate) server_version: String,
    requests: AtomicU64,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Api {
    /// An API that calls `engine`.
    pub fn new(engine: impl Calls, options: Options) -> Self {
        let server_version = version::server_version(&options.version);
        Self { engine: Arc::new(engine), options, server_version, requests: AtomicU64::new(1) }
    }

    /// Number of the next request, for the log.
    pub(crate) fn next_request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed)
    }
}
