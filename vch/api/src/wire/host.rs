//! `HostConfig`: what a container asks of its host (moby `api/types/container/hostconfig.go`). Lists that dockerd shows as null when
//! they are empty are options here.

use super::mount::Mount;
use super::{Words, is_default, object};
use std::collections::BTreeMap;

type Map = BTreeMap<String, String>;

object! {
    /// What a container asks of its host.
    HostConfig {
        "Binds" binds: Option<Vec<String>>,
        "ContainerIDFile" container_id_file: String,
        "LogConfig" log_config: LogConfig,
        "NetworkMode" network_mode: String,
        "PortBindings" port_bindings: BTreeMap<String, Option<Vec<PortBinding>>>,
        "RestartPolicy" restart_policy: RestartPolicy,
        "AutoRemove" auto_remove: bool,
        "VolumeDriver" volume_driver: String,
        "VolumesFrom" volumes_from: Option<Vec<String>>,
        "ConsoleSize" console_size: Vec<u64>,
        #[serde(skip_serializing_if = "is_default")]
        "Annotations" annotations: Map,
        "CapAdd" cap_add: Option<Words>,
        "CapDrop" cap_drop: Option<Words>,
        "CgroupnsMode" cgroupns_mode: String,
        "Dns" dns: Vec<String>,
        "DnsOptions" dns_options: Vec<String>,
        "DnsSearch" dns_search: Vec<String>,
        "ExtraHosts" extra_hosts: Option<Vec<String>>,
        "GroupAdd" group_add: Option<Vec<String>>,
        "IpcMode" ipc_mode: String,
        "Cgroup" cgroup: String,
        "Links" links: Option<Vec<String>>,
        "OomScoreAdj" oom_score_adj: i64,
        "PidMode" pid_mode: String,
        "Privileged" privileged: bool,
        "PublishAllPorts" publish_all_ports: bool,
        "ReadonlyRootfs" readonly_rootfs: bool,
        "SecurityOpt" security_opt: Option<Vec<String>>,
        #[serde(skip_serializing_if = "is_default")]
        "StorageOpt" storage_opt: Map,
        #[serde(skip_serializing_if = "is_default")]
        "Tmpfs" tmpfs: Map,
        "UTSMode" uts_mode: String,
        "UsernsMode" userns_mode: String,
        "ShmSize" shm_size: i64,
        #[serde(skip_serializing_if = "is_default")]
        "Sysctls" sysctls: Map,
        #[serde(skip_serializing_if = "is_default")]
        "Runtime" runtime: String,
        "Isolation" isolation: String,
        "CpuShares" cpu_shares: i64,
        "Memory" memory: i64,
        "NanoCpus" nano_cpus: i64,
        "CgroupParent" cgroup_parent: String,
        "BlkioWeight" blkio_weight: u16,
        "BlkioWeightDevice" blkio_weight_device: Vec<WeightDevice>,
        "BlkioDeviceReadBps" blkio_device_read_bps: Vec<ThrottleDevice>,
        "BlkioDeviceWriteBps" blkio_device_write_bps: Vec<ThrottleDevice>,
        "BlkioDeviceReadIOps" blkio_device_read_iops: Vec<ThrottleDevice>,
        "BlkioDeviceWriteIOps" blkio_device_write_iops: Vec<ThrottleDevice>,
        "CpuPeriod" cpu_period: i64,
        "CpuQuota" cpu_quota: i64,
        "CpuRealtimePeriod" cpu_realtime_period: i64,
        "CpuRealtimeRuntime" cpu_realtime_runtime: i64,
        "CpusetCpus" cpuset_cpus: String,
        "CpusetMems" cpuset_mems: String,
        "Devices" devices: Vec<DeviceMapping>,
        "DeviceCgroupRules" device_cgroup_rules: Option<Vec<String>>,
        "DeviceRequests" device_requests: Option<Vec<DeviceRequest>>,
        #[serde(skip_serializing_if = "is_default")]
        "KernelMemory" kernel_memory: i64,
        #[serde(skip_serializing_if = "is_default")]
        "KernelMemoryTCP" kernel_memory_tcp: i64,
        "MemoryReservation" memory_reservation: i64,
        "MemorySwap" memory_swap: i64,
        "MemorySwappiness" memory_swappiness: Option<i64>,
        "OomKillDisable" oom_kill_disable: Option<bool>,
        "PidsLimit" pids_limit: Option<i64>,
        "Ulimits" ulimits: Vec<Ulimit>,
        "CpuCount" cpu_count: i64,
        "CpuPercent" cpu_percent: i64,
        "IOMaximumIOps" io_maximum_iops: u64,
        "IOMaximumBandwidth" io_maximum_bandwidth: u64,
        #[serde(skip_serializing_if = "is_default")]
        "Mounts" mounts: Vec<Mount>,
        "MaskedPaths" masked_paths: Option<Vec<String>>,
        "ReadonlyPaths" readonly_paths: Option<Vec<String>>,
        #[serde(skip_serializing_if = "is_default")]
        "Init" init: Option<bool>,
    }
}

object! {
    /// Log driver and its options.
    LogConfig {
        "Type" driver: String,
        "Config" options: Map,
    }
}

object! {
    /// When a container is started again.
    RestartPolicy {
        "Name" name: String,
        "MaximumRetryCount" maximum_retry_count: i64,
    }
}

object! {
    /// Where a port is published.
    PortBinding {
        "HostIp" host_ip: String,
        "HostPort" host_port: String,
    }
}

object! {
    /// A resource limit; −1 is without end.
    Ulimit {
        "Name" name: String,
        "Hard" hard: i64,
        "Soft" soft: i64,
    }
}

object! {
    /// A device node.
    DeviceMapping {
        "PathOnHost" path_on_host: String,
        "PathInContainer" path_in_container: String,
        "CgroupPermissions" cgroup_permissions: String,
    }
}

object! {
    /// Devices asked of a driver.
    DeviceRequest {
        "Driver" driver: String,
        "Count" count: i64,
        "DeviceIDs" device_ids: Option<Vec<String>>,
        "Capabilities" capabilities: Option<Vec<Vec<String>>>,
        "Options" options: Option<Map>,
    }
}

object! {
    /// A disk's relative weight.
    WeightDevice {
        "Path" path: String,
        "Weight" weight: u16,
    }
}

object! {
    /// A disk's rate.
    ThrottleDevice {
        "Path" path: String,
        "Rate" rate: u64,
    }
}
