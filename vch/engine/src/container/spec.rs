//! What a container is to be: everything that a client asked for at create, validated once.
//!
//! The API decodes JSON into this; `verbs/create` merges the image's defaults into it; from then on it is part of the
//! container's record on disk. Nothing past create checks it again.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A container's specification: `Config` and `HostConfig` of the Docker API, the parts that vch honours.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerSpec {
    /// The image as the user named it.
    pub image: String,
    /// Host name; empty means the short ID.
    pub hostname: String,
    /// NIS domain name.
    pub domainname: String,
    /// `user[:group]`.
    pub user: String,
    /// Client attaches stdin at start.
    pub attach_stdin: bool,
    /// Client attaches stdout at start.
    pub attach_stdout: bool,
    /// Client attaches stderr at start.
    pub attach_stderr: bool,
    /// A pseudo-terminal is wanted.
    pub tty: bool,
    /// stdin stays open without a client.
    pub open_stdin: bool,
    /// stdin is closed when the first attached client leaves.
    pub stdin_once: bool,
    /// Environment; a name without `=` is kept as given (it removes the image's).
    pub env: Vec<String>,
    /// Arguments, or the whole command where no entry point is set.
    pub cmd: Option<Vec<String>>,
    /// Entry point.
    pub entrypoint: Option<Vec<String>>,
    /// Working directory; empty means the image's, else `/`.
    pub working_dir: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// `8080/tcp` and the like.
    pub exposed_ports: BTreeSet<String>,
    /// Anonymous volumes' paths.
    pub volumes: BTreeSet<String>,
    /// Signal that `stop` sends; none means the image's, else `SIGTERM`.
    pub stop_signal: Option<String>,
    /// Seconds that `stop` waits; none means 10.
    pub stop_timeout: Option<i64>,
    /// Health check.
    pub healthcheck: Option<Healthcheck>,
    /// Shell of the image's `CMD-SHELL` forms.
    pub shell: Option<Vec<String>>,
    /// Build triggers of the image.
    pub on_build: Vec<String>,
    /// The command is already escaped (images for another system).
    pub args_escaped: bool,
    /// No network at all.
    pub network_disabled: bool,
    /// `HostConfig`.
    pub host: HostSpec,
}

/// A health check, as in the image specification; durations in nanoseconds, 0 means inherited or default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Healthcheck {
    /// `["NONE"]`, `["CMD", …]` or `["CMD-SHELL", text]`.
    pub test: Vec<String>,
    /// Time between checks.
    pub interval: i64,
    /// Time that a check may take.
    pub timeout: i64,
    /// Time after start in which failures do not count.
    pub start_period: i64,
    /// Time between checks in the start period.
    pub start_interval: i64,
    /// Failures in a row that make a container unhealthy.
    pub retries: i64,
}

/// The parts of `HostConfig` that vch honours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HostSpec {
    /// `--rm`.
    pub auto_remove: bool,
    /// `--restart`.
    pub restart: RestartPolicy,
    /// Log driver.
    pub log: LogConfig,
    /// `--network`.
    pub network_mode: String,
    /// `--pid`: empty or `host`.
    pub pid_mode: String,
    /// `--ipc`: empty, `private`, `shareable`, `none` or `host`.
    pub ipc_mode: String,
    /// `--uts`: empty or `host`.
    pub uts_mode: String,
    /// `--cgroupns`: empty, `private` or `host`.
    pub cgroupns_mode: String,
    /// `--cap-add`, upper case with `CAP_`, or `ALL`.
    pub cap_add: Vec<String>,
    /// `--cap-drop`.
    pub cap_drop: Vec<String>,
    /// `--privileged`.
    pub privileged: bool,
    /// `--read-only`.
    pub readonly_rootfs: bool,
    /// `--init`; none means the daemon's default (off).
    pub init: Option<bool>,
    /// `--tmpfs path[:options]`.
    pub tmpfs: BTreeMap<String, String>,
    /// `--mount type=tmpfs`.
    pub tmpfs_mounts: Vec<TmpfsMount>,
    /// `--shm-size` in bytes; 0 means 64 MiB.
    pub shm_size: u64,
    /// `--ulimit`.
    pub ulimits: Vec<Ulimit>,
    /// `--sysctl`.
    pub sysctls: BTreeMap<String, String>,
    /// `--security-opt` (`no-new-privileges`, `seccomp=unconfined`, `apparmor=unconfined`, `label=…`).
    pub security_opt: Vec<String>,
    /// `--group-add`.
    pub group_add: Vec<String>,
    /// `--device`.
    pub devices: Vec<DeviceMapping>,
    /// `--dns`.
    pub dns: Vec<String>,
    /// `--dns-option`.
    pub dns_options: Vec<String>,
    /// `--dns-search`.
    pub dns_search: Vec<String>,
    /// `--add-host name:address`.
    pub extra_hosts: Vec<String>,
    /// Paths hidden; none means Docker's default.
    pub masked_paths: Option<Vec<String>>,
    /// Paths read-only; none means Docker's default.
    pub readonly_paths: Option<Vec<String>>,
    /// `--oom-score-adj`.
    pub oom_score_adj: i32,
    /// Limits.
    pub resources: Resources,
    /// `--storage-opt`: `size` only.
    pub storage_opt: BTreeMap<String, String>,
    /// `--runtime` as given.
    pub runtime: String,
    /// `--isolation` as given.
    pub isolation: String,
    /// `--cidfile`'s path, echoed.
    pub container_id_file: String,
    /// Terminal's first size, rows and columns.
    pub console_size: [u16; 2],
    /// `--annotation`.
    pub annotations: BTreeMap<String, String>,
}

impl Default for HostSpec {
    fn default() -> Self {
        Self {
            auto_remove: false,
            restart: RestartPolicy::default(),
            log: LogConfig::default(),
            network_mode: "default".into(),
            pid_mode: String::new(),
            ipc_mode: String::new(),
            uts_mode: String::new(),
            cgroupns_mode: String::new(),
            cap_add: Vec::new(),
            cap_drop: Vec::new(),
            privileged: false,
            readonly_rootfs: false,
            init: None,
            tmpfs: BTreeMap::new(),
            tmpfs_mounts: Vec::new(),
            shm_size: 0,
            ulimits: Vec::new(),
            sysctls: BTreeMap::new(),
            security_opt: Vec::new(),
            group_add: Vec::new(),
            devices: Vec::new(),
            dns: Vec::new(),
            dns_options: Vec::new(),
            dns_search: Vec::new(),
            extra_hosts: Vec::new(),
            masked_paths: None,
            readonly_paths: None,
            oom_score_adj: 0,
            resources: Resources::default(),
            storage_opt: BTreeMap::new(),
            runtime: String::new(),
            isolation: String::new(),
            container_id_file: String::new(),
            console_size: [0, 0],
            annotations: BTreeMap::new(),
        }
    }
}

/// `--restart`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RestartPolicy {
    /// Empty or `no`, `always`, `unless-stopped`, `on-failure`.
    pub name: String,
    /// Most restarts of `on-failure`; 0 is without end.
    pub maximum_retry_count: i64,
}

/// `--log-driver` and `--log-opt`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogConfig {
    /// `json-file`, `local`, `syslog`, `journald` or `none`; at create, empty means the daemon's default.
    pub driver: String,
    /// Options.
    pub options: BTreeMap<String, String>,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { driver: "json-file".into(), options: BTreeMap::new() }
    }
}

/// A tmpfs asked for with `--mount`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TmpfsMount {
    /// Where, absolute.
    pub target: String,
    /// Size in bytes; 0 is the kernel's default.
    pub size: u64,
    /// Permission bits; 0 means 1777.
    pub mode: u32,
    /// Read-only.
    pub read_only: bool,
}

/// `--ulimit`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ulimit {
    /// `nofile` and the like.
    pub name: String,
    /// Soft limit; −1 is infinity.
    pub soft: i64,
    /// Hard limit; −1 is infinity.
    pub hard: i64,
}

/// `--device`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceMapping {
    /// The machine's path.
    pub path_on_host: String,
    /// The container's path.
    pub path_in_container: String,
    /// Any of `rwm`.
    pub cgroup_permissions: String,
}

/// Limits, as the API names them; 0 or none is unlimited.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// Bytes.
    pub memory: i64,
    /// Bytes.
    pub memory_reservation: i64,
    /// Memory and swap in bytes; −1 is without end.
    pub memory_swap: i64,
    /// 10⁻⁹ CPUs.
    pub nano_cpus: i64,
    /// Relative weight.
    pub cpu_shares: i64,
    /// Microseconds.
    pub cpu_period: i64,
    /// Microseconds.
    pub cpu_quota: i64,
    /// CPU list.
    pub cpuset_cpus: String,
    /// Memory node list.
    pub cpuset_mems: String,
    /// Processes; −1 or 0 is without end.
    pub pids_limit: Option<i64>,
    /// Spare the container from the out-of-memory killer.
    pub oom_kill_disable: Option<bool>,
}
