//! The host's end of the agent protocol over one connection: requests by number, processes, byte streams with credit.
//!
//! Called by the clone, the template builder and [`crate::Sandbox`]. One task reads, one writes; everything else is
//! state behind two short locks.
//!
//! ```text
//! socket ─> reader ─> tables: pending replies, exits, outputs ─> OutputReader, waiters
//! socket <─ writer <─ outbox: control first, then credit, then one data frame of each input in turn <─ StdinWriter
//! ```
//! Promises: whatever the guest sends, memory stays within [`vch_agent_proto::WINDOW`] (times a small constant) for each
//! stream and [`vch_agent_proto::MAX_REPLY`] for each message; a guest that breaks the protocol is cut off and everybody
//! who waits is told; a consumer that does not read holds up only its own stream; control frames overtake data.
//!
//! Invariant: no byte of the guest is trusted for a size, and none is ever sent credit that it was not owed.

mod files;
mod link;
mod observe;
mod outbox;
mod output;
mod probes;
mod process;
mod reader;
mod request;
mod tables;
mod writer;

#[cfg(test)]
mod tests;

pub use output::{Channel, OutputReader};
pub use probes::Probes;
pub(crate) use process::Starting;
pub use process::{Exit, Process, ProcessHandle, StdinWriter, Streams, WriteError};
pub(crate) use request::{Numbers, Sent};

use link::Link;
use std::sync::Arc;
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closed {
    /// The other end hung up, or we did.
    Gone,
    /// The guest broke the protocol: how.
    Protocol(String),
}

/// A connection to an agent. The connection ends when this is dropped; handles made from it then see
/// [`Exit::MachineGone`].
#[derive(Debug)]
pub(crate) struct Client {
    link: Arc<Link>,
    tasks: JoinSet<()>,
}

impl Client {
    /// Takes over a connected stream. `numbers` go on from what the machine, or the template that it was cloned from,
    /// has used already. Must be called in a tokio runtime.
    pub(crate) fn new(stream: UnixStream, numbers: Numbers) -> Self {
        let link = Arc::new(Link::new(numbers));
        let (read, write) = stream.into_split();
        let mut tasks = JoinSet::new();
        let reader = link.clone();
        tasks.spawn(async move {
            let reason = reader::run(read, &reader).await;
            reader.close(reason);
        });
        let writer = link.clone();
        tasks.spawn(async move {
            writer::run(write, &writer).await;
            writer.close(Closed::Gone);
        });
        Self { link, tasks }
    }

    /// Becomes `Some` once the connection has ended.
    pub(crate) fn closed(&self) -> watch::Receiver<Option<Closed>> {
        self.link.closed()
    }

    /// Numbers that this machine has not used yet.
    pub(crate) fn numbers(&self) -> Numbers {
        self.link.tables().numbers()
    }

    /// Hangs up and waits until both tasks have let go of the socket.
    pub(crate) async fn hang_up(mut self) {
        self.link.close(Closed::Gone);
        self.tasks.shutdown().await;
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.link.close(Closed::Gone);
    }
}
