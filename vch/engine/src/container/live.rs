//! A run of a container: its microVM, its first process, and the tasks that move its bytes.

use super::tenant::Tenant;
use std::sync::Arc;
use tokio::sync::Notify;
use vch_sandbox::{ProcessHandle, Sandbox};

/// What others may use of a run: exec, resize and signals go here without waiting for the owner.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    /// Its place in the microVM.
    pub(crate) tenant: Tenant,
    /// The microVM.
    pub(crate) sandbox: Sandbox,
    /// The first process.
    pub(crate) process: ProcessHandle,
    /// Told when clients that hold up the output are to be cut off.
    pub(crate) cut_off: Arc<Notify>,
}
