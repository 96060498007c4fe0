//! What a host can say about its machines: for `docker info` and `vch doctor`.

use vch_hypervisor::Accel;

/// Facts about a [`crate::Host`], as of now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Who runs the guests' instructions.
    pub accel: Accel,
    /// How that was found: a line for each accelerator and CPU model tried or passed over, the one that held last.
    pub ladder: Vec<String>,
    /// The guests' CPU as QEMU's `-cpu` names it.
    pub cpu: String,
    /// The hypervisor's version.
    pub hypervisor: String,
    /// `uname -r` in the guests.
    pub kernel: String,
    /// Virtual CPUs of each machine.
    pub vcpus: u32,
    /// Memory of each machine in MiB.
    pub memory_mib: u32,
    /// The template's key, 64 hex digits.
    pub template: String,
    /// Whether a container was run in the template before it was saved.
    pub template_warmed: bool,
    /// Why machines have no NIC; `None` if they have one.
    pub no_nic: Option<String>,
    /// Clones that the pool is to hold.
    pub pool_target: usize,
    /// Clones that it holds.
    pub pool_ready: usize,
}
