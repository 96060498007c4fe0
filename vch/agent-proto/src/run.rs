//! A container to run: its disks, mounts, namespaces, limits and first process.

use crate::Process;
use serde::{Deserialize, Serialize};

/// Everything that the agent needs to start a container, in one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// The container's ID, 64 lower-case hex digits: names its cgroup.
    pub id: String,
    /// Its root file system.
    pub rootfs: Rootfs,
    /// Host name in its UTS namespace.
    pub hostname: String,
    /// NIS domain name, or empty.
    pub domainname: String,
    /// Files that are laid over the root file system from memory, as Docker binds `/etc/hosts`, `/etc/hostname` and
    /// `/etc/resolv.conf`.
    pub files: Vec<File>,
    /// Mounts in order, beyond those that every container has (proc, sysfs, dev, devpts, mqueue, shm, cgroup).
    pub mounts: Vec<Mount>,
    /// Size of `/dev/shm` in bytes.
    pub shm_size: u64,
    /// `net.*`, `kernel.*` and `fs.mqueue.*` settings of its namespaces.
    pub sysctls: Vec<(String, String)>,
    /// Paths hidden behind an empty file or directory; empty for privileged containers.
    pub masked_paths: Vec<String>,
    /// Paths mounted read-only; empty for privileged containers.
    pub readonly_paths: Vec<String>,
    /// Device nodes beyond the default ones.
    pub devices: Vec<Device>,
    /// All of the machine's devices, a writable `/sys` and cgroup tree, no device rules (`--privileged`).
    pub privileged: bool,
    /// Which namespaces are the container's own.
    pub namespaces: Namespaces,
    /// Limits of its cgroup.
    pub limits: Limits,
    /// Puts a small init in front of the process, which reaps zombies and passes signals on (`--init`).
    pub init: bool,
    /// The first process.
    pub process: Process,
}

/// The root file system: image layers below, a writable layer above.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rootfs {
    /// The image disk, with one EROFS partition a layer, the lowest first; none for an image without layers.
    pub image: Option<Disk>,
    /// Number of layers (partitions) on it.
    pub layers: u32,
    /// The scratch disk: ext4, with directories `upper` and `work` that the agent makes.
    pub scratch: Disk,
    /// `--read-only`.
    pub read_only: bool,
}

/// A disk as the guest finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Disk {
    /// On the virtio-scsi controller, channel 0, target 0, this LUN.
    ScsiLun(u16),
}

/// A small file laid over the root file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Absolute path in the container.
    pub path: String,
    /// Content.
    pub content: Vec<u8>,
    /// Permission bits.
    pub mode: u32,
}

/// A mount asked for by the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Absolute path in the container; made where it is missing.
    pub target: String,
    /// What is mounted.
    pub kind: MountKind,
    /// Whether it is read-only.
    pub read_only: bool,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MountKind {
    /// A tmpfs with mount options as mount(8) words them (`size=64m`, `mode=1777`, `noexec`, …), Docker's defaults
    /// (`noexec,nosuid,nodev`) already added by the host.
    Tmpfs {
        /// Options, one each.
        options: Vec<String>,
    },
}

/// A device node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// The machine's path of it, for instance `/dev/fuse`.
    pub source: String,
    /// Where it appears in the container.
    pub target: String,
    /// Any of `r`, `w`, `m` for the device cgroup.
    pub access: String,
}

/// Whose a namespace is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scope {
    /// The container's own.
    #[default]
    Own,
    /// The machine's.
    Machine,
    /// That of the running container with this ID, in the same machine.
    Container(String),
}

/// Which namespaces a container has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Namespaces {
    /// Process IDs.
    pub pid: Scope,
    /// System V IPC, POSIX queues and `/dev/shm`.
    pub ipc: Scope,
    /// Host name: the container's own or the machine's.
    pub uts: bool,
    /// Network.
    pub network: Scope,
    /// cgroup root: the container's own or the machine's.
    pub cgroup: bool,
}

impl Default for Namespaces {
    /// All its own.
    fn default() -> Self {
        Self { pid: Scope::Own, ipc: Scope::Own, uts: true, network: Scope::Own, cgroup: true }
    }
}

/// cgroup v2 limits (Documentation/admin-guide/cgroup-v2.rst); `None` is unlimited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// `memory.max` in bytes.
    pub memory: Option<u64>,
    /// `memory.low` in bytes (`--memory-reservation`).
    pub memory_reservation: Option<u64>,
    /// `memory.swap.max` in bytes.
    pub swap: Option<u64>,
    /// `cpu.max` quota in microseconds for each period.
    pub cpu_quota: Option<u64>,
    /// `cpu.max` period in microseconds.
    pub cpu_period: Option<u64>,
    /// `cpu.weight`, 1 to 10000 (from `--cpu-shares`).
    pub cpu_weight: Option<u64>,
    /// `cpuset.cpus`, as the kernel writes lists.
    pub cpuset_cpus: Option<String>,
    /// `cpuset.mems`.
    pub cpuset_mems: Option<String>,
    /// `pids.max`.
    pub pids: Option<u64>,
}
