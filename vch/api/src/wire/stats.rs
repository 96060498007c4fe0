//! Statistics (moby `api/types/container.StatsResponse`), with what its fields leave out when they are zero.

use super::is_default;
use serde::Serialize;
use std::collections::BTreeMap;

/// `GET /containers/{name}/stats`.
#[derive(Debug, Serialize)]
pub(crate) struct StatsResponse {
    pub(crate) read: String,
    pub(crate) preread: String,
    pub(crate) pids_stats: PidsStats,
    pub(crate) blkio_stats: BlkioStats,
    pub(crate) num_procs: u32,
    pub(crate) storage_stats: StorageStats,
    pub(crate) cpu_stats: CpuStats,
    pub(crate) precpu_stats: CpuStats,
    pub(crate) memory_stats: MemoryStats,
    pub(crate) name: String,
    pub(crate) id: String,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) networks: BTreeMap<String, NetworkStats>,
}

/// Processes and threads.
#[derive(Debug, Default, Serialize)]
pub(crate) struct PidsStats {
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) current: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) limit: u64,
}

/// Block I/O; only the first has anything on cgroup v2.
#[derive(Debug, Default, Serialize)]
pub(crate) struct BlkioStats {
    pub(crate) io_service_bytes_recursive: Option<Vec<BlkioEntry>>,
    pub(crate) io_serviced_recursive: Option<Vec<BlkioEntry>>,
    pub(crate) io_queue_recursive: Option<Vec<BlkioEntry>>,
    pub(crate) io_service_time_recursive: Option<Vec<BlkioEntry>>,
    pub(crate) io_wait_time_recursive: Option<Vec<BlkioEntry>>,
    pub(crate) io_merged_recursive: Option<Vec<BlkioEntry>>,
    pub(crate) io_time_recursive: Option<Vec<BlkioEntry>>,
    pub(crate) sectors_recursive: Option<Vec<BlkioEntry>>,
}

/// What one operation moved from or to one disk.
#[derive(Debug, Serialize)]
pub(crate) struct BlkioEntry {
    pub(crate) major: u32,
    pub(crate) minor: u32,
    pub(crate) op: &'static str,
    pub(crate) value: u64,
}

/// For Windows.
#[derive(Debug, Default, Serialize)]
pub(crate) struct StorageStats {}

/// The processors.
#[derive(Debug, Default, Serialize)]
pub(crate) struct CpuStats {
    pub(crate) cpu_usage: CpuUsage,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) system_cpu_usage: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) online_cpus: u32,
    pub(crate) throttling_data: ThrottlingData,
}

/// Processor time in nanoseconds.
#[derive(Debug, Default, Serialize)]
pub(crate) struct CpuUsage {
    pub(crate) total_usage: u64,
    pub(crate) usage_in_kernelmode: u64,
    pub(crate) usage_in_usermode: u64,
}

/// What a quota held up.
#[derive(Debug, Default, Serialize)]
pub(crate) struct ThrottlingData {
    pub(crate) periods: u64,
    pub(crate) throttled_periods: u64,
    pub(crate) throttled_time: u64,
}

/// Memory in bytes.
#[derive(Debug, Default, Serialize)]
pub(crate) struct MemoryStats {
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) usage: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) stats: BTreeMap<&'static str, u64>,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) failcnt: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) limit: u64,
}

/// An interface.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(crate) struct NetworkStats {
    pub(crate) rx_bytes: u64,
    pub(crate) rx_packets: u64,
    pub(crate) rx_errors: u64,
    pub(crate) rx_dropped: u64,
    pub(crate) tx_bytes: u64,
    pub(crate) tx_packets: u64,
    pub(crate) tx_errors: u64,
    pub(crate) tx_dropped: u64,
}
