//! What the program tells the engine at its opening; already validated.

use crate::container::spec::LogConfig;
use std::path::PathBuf;

pub use vch_sandbox::AccelChoice;

/// The engine's settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where everything is kept; the caller holds its lock.
    pub data_root: PathBuf,
    /// Accelerator asked for.
    pub accel: AccelChoice,
    /// QEMU's program; none searches `PATH`.
    pub qemu: Option<PathBuf>,
    /// Kernel instead of the distribution's.
    pub kernel: Option<PathBuf>,
    /// Initramfs instead of the one built here.
    pub initrd: Option<PathBuf>,
    /// The agent's program; none looks beside the running executable.
    pub agent: Option<PathBuf>,
    /// Memory that a machine sees, in MiB. Pages that are never touched cost nothing.
    pub vm_memory_mib: u32,
    /// CPUs that a machine sees.
    pub vm_cpus: u32,
    /// Clones kept ready.
    pub pool: usize,
    /// Registries spoken to without TLS or without its verification: `host[:port]` or CIDR.
    pub insecure_registries: Vec<String>,
    /// Mirrors of docker.io, as URLs.
    pub registry_mirrors: Vec<String>,
    /// Log driver and options of containers that name none; checked with [`crate::check_log`].
    pub log: LogConfig,
    /// Size that a container's writable disk shows, in bytes; the file is sparse.
    pub scratch_size: u64,
}

/// Ten gibibytes, as Docker's own base size where it has one.
pub const DEFAULT_SCRATCH_SIZE: u64 = 10 << 30;
