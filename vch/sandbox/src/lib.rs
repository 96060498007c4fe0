//! One microVM: its template, its clone, its pool, and the host's end of the agent protocol.
//!
//! The engine calls [`Host::open`] once and [`Host::start`] for each container.

mod agent_client;
mod error;
pub mod fake;
pub mod guest;

pub use agent_client::{Channel, Closed, Exit, OutputReader, Process, ProcessHandle, StdinWriter, Streams, WriteError};
pub use error::SandboxError;
