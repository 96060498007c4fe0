//! One microVM: its template, its clone, its pool, and the host's end of the agent protocol.
//!
//! The engine calls [`Host::open`] once and [`Host::start`] for each container; a [`Sandbox`] runs containers and
//! processes, and [`Sandbox::end`] leaves nothing of it.
//!
//! ```text
//! Host ── guest ──── accel ── template ─┐            settings: the guest, who runs it, the saved machine
//!   └ pool ── clone ────────────────────┴─ Sandbox   a machine restored, then made one of its own (identity)
//!                                            └ agent_client: processes and their streams
//! ```
//! Invariant: nothing runs in a clone before it has entropy, clock, host name, machine ID and hardware address of its own.

mod accel;
mod agent_client;
mod blueprint;
mod boot;
mod clone;
mod error;
mod facts;
pub mod fake;
mod files;
mod folder;
pub mod guest;
mod host;
mod identity;
mod leftovers;
mod life;
mod pool;
mod sandbox;
mod settings;
mod sys;
mod taps;
mod template;
mod warm_up;

pub use agent_client::{
    Channel, Closed, Exit, OutputReader, Probes, Process, ProcessHandle, StdinWriter, Streams, WriteError,
};
pub use clone::Timings;
pub use error::SandboxError;
pub use facts::Facts;
pub use host::{Host, Request, bench_clone};
pub use sandbox::Sandbox;
pub use settings::{AccelChoice, Progress, Settings, WarmUp};
/// The messages in which containers and processes are described.
pub use vch_agent_proto as proto;
/// What machines are made with; the program chooses one.
pub use vch_hypervisor as hypervisor;
pub use vch_hypervisor::Exit as MachineExit;

/// Runs what blocks beside the runtime's own threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SandboxError> + Send + 'static,
) -> Result<T, SandboxError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(SandboxError::System { what: "finish a task", source: std::io::Error::other(error) })
    })
}

/// `text` up to `max` bytes, cut between characters.
fn cut(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}
