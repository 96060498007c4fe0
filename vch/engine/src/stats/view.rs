//! What a container has used, in Docker's terms (moby `daemon/daemon_unix.go` `statsV2`).

use crate::timestamp::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use vch_sandbox::proto::Usage;

/// A container's statistics as one watcher gets them.
#[derive(Debug, Clone)]
pub struct Statistics {
    /// 64 hex digits.
    pub id: String,
    /// Name without a slash.
    pub name: String,
    /// Now; none while it does not run.
    pub now: Option<Arc<Sample>>,
    /// What this watcher got before; none for its first.
    pub before: Option<Arc<Sample>>,
}

/// One look at a container. What it used counts from its start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sample {
    /// When.
    pub read: Timestamp,
    /// CPU time in nanoseconds.
    pub cpu_ns: u64,
    /// Of it in the kernel.
    pub kernel_ns: u64,
    /// Of it in programs.
    pub user_ns: u64,
    /// CPU time that all of its machine's CPUs have had, idle or not, in nanoseconds.
    pub machine_cpu_ns: u64,
    /// Its machine's CPUs.
    pub cpus: u32,
    /// Periods of its CPU quota.
    pub periods: u64,
    /// Periods in which the quota was used up.
    pub throttled_periods: u64,
    /// How long it was held up for that, in nanoseconds.
    pub throttled_ns: u64,
    /// Memory in bytes, page cache included.
    pub memory: u64,
    /// Its limit, or its machine's memory.
    pub memory_limit: u64,
    /// What the memory is made of, by the kernel's names.
    pub memory_stat: BTreeMap<&'static str, u64>,
    /// How often it was out of memory.
    pub memory_failures: u64,
    /// Processes and threads.
    pub pids: u64,
    /// Most processes and threads; `u64::MAX` is without end, as in dockerd.
    pub pids_limit: u64,
    /// Disks.
    pub block_io: Vec<BlockIo>,
    /// Network interfaces.
    pub networks: Vec<Network>,
}

/// What was moved from and to a disk of the machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BlockIo {
    /// Device number.
    pub device: (u32, u32),
    /// Bytes.
    pub read: u64,
    /// Bytes.
    pub written: u64,
}

/// What passed an interface.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// Its name in the container.
    pub name: String,
    /// In.
    pub received: Traffic,
    /// Out.
    pub sent: Traffic,
}

/// One direction of an interface.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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

/// The lines of `memory.stat` that Docker passes on.
const MEMORY_STAT: &[&str] = &[
    "anon",
    "file",
    "kernel_stack",
    "slab",
    "sock",
    "shmem",
    "file_mapped",
    "file_dirty",
    "file_writeback",
    "anon_thp",
    "inactive_anon",
    "active_anon",
    "inactive_file",
    "active_file",
    "unevictable",
    "slab_reclaimable",
    "slab_unreclaimable",
    "pgfault",
    "pgmajfault",
    "workingset_refault",
    "workingset_activate",
    "workingset_nodereclaim",
    "pgrefill",
    "pgscan",
    "pgsteal",
    "pgactivate",
    "pgdeactivate",
    "pglazyfree",
    "pglazyfreed",
    "thp_fault_alloc",
    "thp_collapse_alloc",
];

impl Sample {
    /// What the guest told, read now. The guest's numbers are its own: nothing here is taken for a size.
    pub(super) fn of(usage: &Usage) -> Self {
        let told = |key: &&str| usage.memory_stat.iter().find(|(told, _)| told == key).map_or(0, |(_, value)| *value);
        let traffic = |t: &vch_sandbox::proto::Traffic| Traffic {
            bytes: t.bytes,
            packets: t.packets,
            errors: t.errors,
            dropped: t.dropped,
        };
        let nanoseconds = |microseconds: u64| microseconds.saturating_mul(1000);
        Self {
            read: Timestamp::now(),
            cpu_ns: nanoseconds(usage.cpu.total_us),
            kernel_ns: nanoseconds(usage.cpu.system_us),
            user_ns: nanoseconds(usage.cpu.user_us),
            machine_cpu_ns: usage.clock_ns.saturating_mul(u64::from(usage.cpus)),
            cpus: usage.cpus,
            periods: usage.cpu.periods,
            throttled_periods: usage.cpu.throttled_periods,
            throttled_ns: nanoseconds(usage.cpu.throttled_us),
            memory: usage.memory,
            memory_limit: usage.memory_limit.unwrap_or(u64::MAX).min(usage.machine_memory),
            memory_stat: MEMORY_STAT.iter().map(|key| (*key, told(key))).collect(),
            memory_failures: usage.memory_failures,
            pids: usage.pids,
            pids_limit: usage.pids_limit.unwrap_or(u64::MAX),
            block_io: usage
                .io
                .iter()
                .map(|io| BlockIo { device: (io.major, io.minor), read: io.read_bytes, written: io.written_bytes })
                .collect(),
            networks: usage
                .interfaces
                .iter()
                .map(|i| Network { name: i.name.clone(), received: traffic(&i.received), sent: traffic(&i.sent) })
                .collect(),
        }
    }
}
