//! The two traits that a hypervisor implements, and how a machine's end is told.
//!
//! The sandbox room holds them as `Arc<dyn …>`. Every call has a deadline of its own and returns
//! [`HypervisorError::Gone`](crate::HypervisorError::Gone) once the process has ended, so no caller waits for the dead.

use crate::{DiskSpec, MachineSpec, Result};
use std::{fs::File, path::Path, sync::Arc};
use tokio::{net::UnixStream, sync::watch};

/// Something that makes machines.
#[async_trait::async_trait]
pub trait Hypervisor: Send + Sync + 'static {
    /// Its version as people say it, for `docker info` and messages: `7.2.22 (Debian 1:7.2+dfsg-7)`.
    fn version(&self) -> &str;

    /// All that a saved machine depends on besides its [`MachineSpec`]: version, machine type, device list, the host's
    /// processor. Part of a template's key; a template saved under another key must not be restored.
    fn key(&self) -> &str;

    /// Starts a machine. With [`Boot::Kernel`](crate::Boot::Kernel) it runs when this returns; with
    /// [`Boot::Restore`](crate::Boot::Restore) it waits for [`Machine::restore`].
    ///
    /// # Errors
    /// The spec does not hold, or the process cannot start or ended at once: the error carries what it said.
    async fn launch(&self, spec: MachineSpec) -> Result<Arc<dyn Machine>>;

    /// Finds the machine that an earlier process of ours launched in `directory`.
    ///
    /// # Errors
    /// [`HypervisorError::NoMachine`](crate::HypervisorError::NoMachine) if none lives there; its left-overs are the
    /// caller's to remove.
    async fn adopt(&self, directory: &Path) -> Result<Arc<dyn Machine>>;
}

/// One machine. Dropping it leaves the machine as it is.
#[async_trait::async_trait]
pub trait Machine: Send + Sync {
    /// Process ID on the host, while the process lives; `None` too where a machine is no process.
    fn pid(&self) -> Option<u32>;

    /// A connection to the agent's port. One at a time: a second one is served when the first is closed.
    ///
    /// # Errors
    /// The machine is gone.
    async fn agent(&self) -> Result<UnixStream>;

    /// Gives the machine a disk. The guest finds it by scanning for the LUN.
    ///
    /// # Errors
    /// The LUN is taken or too large, or the file cannot be opened as that format; nothing of the disk stays then.
    async fn attach(&self, disk: &DiskSpec) -> Result<()>;

    /// Takes a disk away and closes its files; returns once that is done. The guest is not asked.
    ///
    /// # Errors
    /// No disk has that LUN.
    async fn detach(&self, lun: u16) -> Result<()>;

    /// Stops the virtual CPUs. A machine that stands is left standing.
    ///
    /// # Errors
    /// The machine is gone.
    async fn pause(&self) -> Result<()>;

    /// Lets the virtual CPUs run. A machine that runs is left running.
    ///
    /// # Errors
    /// The machine is gone, or still waits for [`restore`](Self::restore).
    async fn resume(&self) -> Result<()>;

    /// Writes the device state of a paused machine with shared memory to `state`, and both that and the memory file to
    /// stable storage. The machine can only be quit after this: were it to run, the memory file would no longer match.
    ///
    /// # Errors
    /// The machine runs, has private memory, or holds a VMDK disk (QEMU refuses to migrate with one).
    async fn save(&self, state: File) -> Result<()>;

    /// Loads the device state that [`save`](Self::save) wrote; the machine then stands where the saved one stood.
    ///
    /// # Errors
    /// The state does not fit this machine. The machine is of no use then: quit it.
    async fn restore(&self, state: File) -> Result<()>;

    /// What the guest's serial console said last, at most 64 KiB, bad UTF-8 replaced: for diagnostics. Empty when
    /// nothing can be had.
    async fn console(&self) -> String;

    /// Ends the machine at once, as if its power were cut: asked first, killed after a deadline; reaped and its sockets
    /// removed when this returns. A machine that is gone already is fine.
    ///
    /// # Errors
    /// The process could not be killed.
    async fn quit(&self) -> Result<()>;

    /// Becomes `Some` when the process has ended, for whatever reason: the one truth about a machine.
    fn exited(&self) -> watch::Receiver<Option<Exit>>;
}

/// How a machine ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// Why, as far as the hypervisor told before it ended.
    pub cause: Cause,
    /// How its process ended.
    pub status: ExitStatus,
    /// The last that the process wrote to its standard error, at most 8 KiB.
    pub stderr: String,
}

/// Why a machine ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The host asked for it ([`Machine::quit`]).
    Asked,
    /// The guest powered itself off.
    GuestPowerOff,
    /// The guest reset itself, which ends a machine too: a clone has no kernel to boot again. A panicking kernel does this.
    GuestReset,
    /// The process went without a word: killed, or crashed.
    Unknown,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// With this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It was not our child, so nobody told.
    Unknown,
}

impl std::fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
            Self::Unknown => write!(f, "unknown status"),
        }
    }
}
