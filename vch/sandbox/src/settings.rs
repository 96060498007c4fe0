//! What the program decides about sandboxes, and how progress is told.

use std::path::PathBuf;
use std::sync::Arc;
use vch_agent_proto::Container;
use vch_hypervisor::DiskSpec;

/// Settings of a [`crate::Host`].
#[derive(Debug, Clone)]
pub struct Settings {
    /// Folder for what is kept: templates, guest image, the accelerator's trial. Made if missing.
    pub root: PathBuf,
    /// Folder for machines, one folder each. Its path is short, since sockets lie in there (their paths hold 107 bytes).
    pub run: PathBuf,
    /// A kernel to boot instead of the distribution's; needs `initrd` with the modules that fit it.
    pub kernel: Option<PathBuf>,
    /// An initramfs to boot instead of ours; it must start the agent.
    pub initrd: Option<PathBuf>,
    /// The agent's static binary, if it is not beside the running program.
    pub agent: Option<PathBuf>,
    /// Who runs the guests' instructions.
    pub accel: AccelChoice,
    /// Memory of each machine in MiB. What is never touched costs nothing.
    pub memory_mib: u32,
    /// Virtual CPUs of each machine.
    pub vcpus: u32,
    /// Clones kept ready ahead of need; 0 for none.
    pub pool: usize,
    /// A container to warm templates, and under software emulation pool members, with.
    pub warm_up: Option<WarmUp>,
}

/// Who is to run the guests' instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccelChoice {
    /// The processor if a guest boots with it, else software emulation.
    Auto,
    /// The processor or nothing.
    Kvm,
    /// Software emulation.
    Tcg,
}

impl std::fmt::Display for AccelChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        })
    }
}

/// A throw-away container that goes the whole way once, so that what it touches is in memory (and under software
/// emulation translated) before a user's container comes. It must end by itself.
#[derive(Debug, Clone)]
pub struct WarmUp {
    /// Its disks. Those that can be written are copied for each run, and must be raw for that.
    pub disks: Vec<DiskSpec>,
    /// The container; its process's number and streams are set by the sandbox.
    pub container: Container,
}

/// Tells a person who waits what is being done, a line at a time.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(&str) + Send + Sync>);

impl Progress {
    /// Calls `tell` with each line: lower-case, no full stop.
    pub fn new(tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// Tells nobody.
    pub fn silent() -> Self {
        Self::new(|_| {})
    }

    /// Tells one line.
    pub fn say(&self, line: &str) {
        (self.0)(line);
    }
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Progress")
    }
}
