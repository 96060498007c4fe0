//! What is to be seen of a running container: its processes, and what it has used.
//!
//! Numbers are the kernel's own, as `/proc` and cgroup v2 give them; what a client is shown of them is the engine's matter.

use serde::{Deserialize, Serialize};

/// A page of a container's processes, by rising process ID.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Processes {
    /// The processes of this page.
    pub processes: Vec<ProcessInfo>,
    /// There are more: ask again with the last process ID of this page.
    pub more: bool,
    /// How long the machine has been up, in nanoseconds (`CLOCK_BOOTTIME`).
    pub uptime_ns: u64,
    /// The machine's memory in bytes.
    pub machine_memory: u64,
}

/// A process, as `/proc/PID/stat` and its neighbours tell (proc(5)).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessInfo {
    /// Process ID in the guest's outermost PID namespace, as all process IDs here.
    pub pid: u32,
    /// Parent.
    pub parent: u32,
    /// Process group.
    pub group: u32,
    /// Session.
    pub session: u32,
    /// Device number of the controlling terminal, 0 if none.
    pub terminal: u32,
    /// Foreground process group of that terminal, −1 if none.
    pub foreground: i32,
    /// `R`, `S`, `D`, `Z` and the like.
    pub state: char,
    /// Kernel flags (`PF_*`).
    pub flags: u32,
    /// User time in ticks of 10 ms.
    pub user_ticks: u64,
    /// System time in ticks of 10 ms.
    pub system_ticks: u64,
    /// Priority as the kernel shows it.
    pub priority: i32,
    /// Nice value.
    pub nice: i32,
    /// Threads.
    pub threads: u32,
    /// Start, in ticks of 10 ms after the machine's.
    pub start_ticks: u64,
    /// Address space in bytes.
    pub virtual_bytes: u64,
    /// Resident memory in bytes.
    pub resident_bytes: u64,
    /// CPU that it ran on last.
    pub processor: u32,
    /// Whether pages of it are locked in memory.
    pub locked: bool,
    /// Real, effective, saved and file-system user ID.
    pub users: [u32; 4],
    /// Real, effective, saved and file-system group ID.
    pub groups: [u32; 4],
    /// Name of the kernel function that it waits in, or empty.
    pub waits_in: String,
    /// Name of its program, at most 15 bytes.
    pub name: String,
    /// Arguments, each followed by a NUL, cut after 16 KiB; empty for zombies and kernel threads.
    pub arguments: String,
}

/// What a container has used since its start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// The machine's clock at the moment of reading, in nanoseconds (`CLOCK_MONOTONIC`): stands still with the machine.
    pub clock_ns: u64,
    /// The machine's CPUs.
    pub cpus: u32,
    /// The machine's memory in bytes.
    pub machine_memory: u64,
    /// `cpu.stat`.
    pub cpu: CpuUsage,
    /// `memory.current` in bytes.
    pub memory: u64,
    /// `memory.max` in bytes; `None` is unlimited.
    pub memory_limit: Option<u64>,
    /// `memory.stat`, at most 128 lines.
    pub memory_stat: Vec<(String, u64)>,
    /// `oom` of `memory.events`: how often an allocation was about to fail.
    pub memory_failures: u64,
    /// `pids.current`.
    pub pids: u64,
    /// `pids.max`; `None` is unlimited.
    pub pids_limit: Option<u64>,
    /// `io.stat`, at most 64 devices.
    pub io: Vec<DeviceIo>,
    /// Interfaces of its network namespace but the loopback, at most 64.
    pub interfaces: Vec<InterfaceUsage>,
}

/// `cpu.stat` of a cgroup; times in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuUsage {
    /// `usage_usec`.
    pub total_us: u64,
    /// `user_usec`.
    pub user_us: u64,
    /// `system_usec`.
    pub system_us: u64,
    /// `nr_periods`.
    pub periods: u64,
    /// `nr_throttled`.
    pub throttled_periods: u64,
    /// `throttled_usec`.
    pub throttled_us: u64,
}

/// A line of `io.stat`; the guest's disks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceIo {
    /// Device number, first part.
    pub major: u32,
    /// Device number, second part.
    pub minor: u32,
    /// `rbytes`.
    pub read_bytes: u64,
    /// `wbytes`.
    pub written_bytes: u64,
}

/// A line of `/proc/PID/net/dev`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceUsage {
    /// Its name in the container.
    pub name: String,
    /// What it received.
    pub received: Traffic,
    /// What it sent.
    pub sent: Traffic,
}

/// One direction of an interface.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Bytes.
    pub bytes: u64,
    /// Packets.
    pub packets: u64,
    /// Errors.
    pub errors: u64,
    /// Packets dropped.
    pub dropped: u64,
}
