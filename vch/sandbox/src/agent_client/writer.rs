//! The task that writes.

use super::link::Link;
use bytes::{Buf, Bytes};
use tokio::io::AsyncWriteExt;
use tokio::net::unix::OwnedWriteHalf;

/// Writes what the outbox holds until the connection ends. A guest that does not read stops it; deadlines of requests
/// are what notices.
pub(super) async fn run(mut socket: OwnedWriteHalf, link: &Link) {
    while link.reason().is_none() {
        let Some(batch) = link.outbox().next() else {
            link.written.notified().await;
            continue;
        };
        let mut bytes = Bytes::from(batch.control).chain(batch.data);
        if socket.write_all_buf(&mut bytes).await.is_err() {
            return;
        }
    }
}
