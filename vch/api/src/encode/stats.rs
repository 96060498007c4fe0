//! Statistics as dockerd gives them on cgroup v2, which is what the guests have.

use crate::wire::stats::{
    BlkioEntry, BlkioStats, CpuStats, CpuUsage, MemoryStats, NetworkStats, PidsStats, StatsResponse, StorageStats,
    ThrottlingData,
};
use vch_engine::stats::{Network, Sample, Statistics};
use vch_engine::timestamp::Timestamp;

/// One object of `stats`; what does not run has a name, an ID and zeros.
pub(crate) fn statistics(statistics: &Statistics) -> StatsResponse {
    let (now, before) = (statistics.now.as_deref(), statistics.before.as_deref());
    let read = |sample: Option<&Sample>| sample.map_or(Timestamp::ZERO, |sample| sample.read).rfc3339_nano();
    StatsResponse {
        read: read(now),
        preread: read(before),
        pids_stats: now.map_or_else(PidsStats::default, |s| PidsStats { current: s.pids, limit: s.pids_limit }),
        blkio_stats: now.map_or_else(BlkioStats::default, block_io),
        num_procs: 0,
        storage_stats: StorageStats {},
        cpu_stats: now.map_or_else(CpuStats::default, cpu),
        precpu_stats: before.map_or_else(CpuStats::default, cpu),
        memory_stats: now.map_or_else(MemoryStats::default, memory),
        name: format!("/{}", statistics.name),
        id: statistics.id.clone(),
        networks: now.map_or_else(Default::default, |s| s.networks.iter().map(network).collect()),
    }
}

fn block_io(sample: &Sample) -> BlkioStats {
    let entries = sample.block_io.iter().flat_map(|io| {
        let (major, minor) = io.device;
        [("read", io.read), ("write", io.written)].map(|(op, value)| BlkioEntry { major, minor, op, value })
    });
    let entries: Vec<_> = entries.collect();
    BlkioStats { io_service_bytes_recursive: (!entries.is_empty()).then_some(entries), ..BlkioStats::default() }
}

fn cpu(sample: &Sample) -> CpuStats {
    CpuStats {
        cpu_usage: CpuUsage {
            total_usage: sample.cpu_ns,
            usage_in_kernelmode: sample.kernel_ns,
            usage_in_usermode: sample.user_ns,
        },
        system_cpu_usage: sample.machine_cpu_ns,
        online_cpus: sample.cpus,
        throttling_data: ThrottlingData {
            periods: sample.periods,
            throttled_periods: sample.throttled_periods,
            throttled_time: sample.throttled_ns,
        },
    }
}

fn memory(sample: &Sample) -> MemoryStats {
    MemoryStats {
        usage: sample.memory,
        stats: sample.memory_stat.clone(),
        failcnt: sample.memory_failures,
        limit: sample.memory_limit,
    }
}

fn network(network: &Network) -> (String, NetworkStats) {
    let (received, sent) = (&network.received, &network.sent);
    let stats = NetworkStats {
        rx_bytes: received.bytes,
        rx_packets: received.packets,
        rx_errors: received.errors,
        rx_dropped: received.dropped,
        tx_bytes: sent.bytes,
        tx_packets: sent.packets,
        tx_errors: sent.errors,
        tx_dropped: sent.dropped,
    };
    (network.name.clone(), stats)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use vch_engine::stats::{BlockIo, Traffic};

    fn told(now: Option<Sample>, before: Option<Sample>) -> serde_json::Value {
        let (now, before) = (now.map(Arc::new), before.map(Arc::new));
        serde_json::to_value(statistics(&Statistics { id: "ab".into(), name: "web".into(), now, before })).unwrap()
    }

    /// As dockerd 20.10 answered for a container that was created and not started.
    #[test]
    fn what_does_not_run_has_zeros_as_dockerd_writes_them() {
        let expected: serde_json::Value = serde_json::from_str(
            r#"{"read":"0001-01-01T00:00:00Z","preread":"0001-01-01T00:00:00Z","pids_stats":{},"blkio_stats":{
            "io_service_bytes_recursive":null,"io_serviced_recursive":null,"io_queue_recursive":null,
            "io_service_time_recursive":null,"io_wait_time_recursive":null,"io_merged_recursive":null,
            "io_time_recursive":null,"sectors_recursive":null},"num_procs":0,"storage_stats":{},
            "cpu_stats":{"cpu_usage":{"total_usage":0,"usage_in_kernelmode":0,"usage_in_usermode":0},
            "throttling_data":{"periods":0,"throttled_periods":0,"throttled_time":0}},
            "precpu_stats":{"cpu_usage":{"total_usage":0,"usage_in_kernelmode":0,"usage_in_usermode":0},
            "throttling_data":{"periods":0,"throttled_periods":0,"throttled_time":0}},
            "memory_stats":{},"name":"/web","id":"ab"}"#,
        )
        .unwrap();
        assert_eq!(told(None, None), expected);
    }

    #[test]
    fn what_runs_has_its_numbers() {
        let sample = |cpu_ns| Sample {
            read: Timestamp(1_700_000_000_000_000_000),
            cpu_ns,
            machine_cpu_ns: 9,
            cpus: 1,
            memory: 5,
            memory_limit: 6,
            memory_stat: [("inactive_file", 2)].into(),
            pids: 3,
            pids_limit: u64::MAX,
            block_io: vec![BlockIo { device: (8, 16), read: 7, written: 8 }],
            networks: vec![Network {
                name: "eth0".into(),
                sent: Traffic { bytes: 4, ..Traffic::default() },
                ..Network::default()
            }],
            ..Sample::default()
        };
        let told = told(Some(sample(20)), Some(sample(10)));
        assert_eq!(told["cpu_stats"]["cpu_usage"]["total_usage"], 20);
        assert_eq!(told["precpu_stats"]["cpu_usage"]["total_usage"], 10);
        assert_eq!(told["cpu_stats"]["system_cpu_usage"], 9);
        assert_eq!(told["pids_stats"]["limit"], u64::MAX);
        assert_eq!(told["memory_stats"]["stats"]["inactive_file"], 2);
        let entries = serde_json::json!([
            { "major": 8, "minor": 16, "op": "read", "value": 7 },
            { "major": 8, "minor": 16, "op": "write", "value": 8 },
        ]);
        assert_eq!(told["blkio_stats"]["io_service_bytes_recursive"], entries);
        assert_eq!(told["networks"]["eth0"]["tx_bytes"], 4);
    }
}
