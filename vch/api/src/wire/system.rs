//! The daemon (moby `api/types/types.go` Version, `api/types/system/info.go` Info).

use super::is_default;
use serde::Serialize;
use std::collections::BTreeMap;

/// `GET /version`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Version {
    pub(crate) platform: Platform,
    pub(crate) components: Vec<Component>,
    pub(crate) version: String,
    pub(crate) api_version: String,
    #[serde(rename = "MinAPIVersion")]
    pub(crate) min_api_version: String,
    pub(crate) git_commit: String,
    pub(crate) go_version: String,
    pub(crate) os: &'static str,
    pub(crate) arch: &'static str,
    pub(crate) kernel_version: String,
    pub(crate) build_time: String,
}

/// The product's name.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Platform {
    pub(crate) name: String,
}

/// A part of the engine.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Component {
    pub(crate) name: &'static str,
    pub(crate) version: String,
    pub(crate) details: BTreeMap<String, String>,
}

/// `GET /info`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Info {
    #[serde(rename = "ID")]
    pub(crate) id: String,
    pub(crate) containers: usize,
    pub(crate) containers_running: usize,
    pub(crate) containers_paused: usize,
    pub(crate) containers_stopped: usize,
    pub(crate) images: usize,
    pub(crate) driver: &'static str,
    pub(crate) driver_status: Vec<(String, String)>,
    pub(crate) plugins: Plugins,
    pub(crate) memory_limit: bool,
    pub(crate) swap_limit: bool,
    pub(crate) cpu_cfs_period: bool,
    pub(crate) cpu_cfs_quota: bool,
    #[serde(rename = "CPUShares")]
    pub(crate) cpu_shares: bool,
    #[serde(rename = "CPUSet")]
    pub(crate) cpu_set: bool,
    pub(crate) pids_limit: bool,
    #[serde(rename = "IPv4Forwarding")]
    pub(crate) ipv4_forwarding: bool,
    pub(crate) debug: bool,
    #[serde(rename = "NFd")]
    pub(crate) descriptors: usize,
    pub(crate) oom_kill_disable: bool,
    #[serde(rename = "NGoroutines")]
    pub(crate) tasks: usize,
    pub(crate) system_time: String,
    pub(crate) logging_driver: String,
    pub(crate) cgroup_driver: &'static str,
    pub(crate) cgroup_version: &'static str,
    #[serde(rename = "NEventsListener")]
    pub(crate) event_listeners: usize,
    pub(crate) kernel_version: String,
    pub(crate) operating_system: String,
    #[serde(rename = "OSVersion")]
    pub(crate) os_version: String,
    #[serde(rename = "OSType")]
    pub(crate) os_type: &'static str,
    pub(crate) architecture: &'static str,
    pub(crate) index_server_address: &'static str,
    pub(crate) registry_config: RegistryConfig,
    #[serde(rename = "NCPU")]
    pub(crate) cpus: usize,
    pub(crate) mem_total: i64,
    pub(crate) generic_resources: Option<Vec<String>>,
    pub(crate) docker_root_dir: String,
    pub(crate) http_proxy: &'static str,
    pub(crate) https_proxy: &'static str,
    pub(crate) no_proxy: &'static str,
    pub(crate) name: String,
    pub(crate) labels: Vec<String>,
    pub(crate) experimental_build: bool,
    pub(crate) server_version: String,
    pub(crate) runtimes: BTreeMap<&'static str, Runtime>,
    pub(crate) default_runtime: &'static str,
    pub(crate) swarm: Swarm,
    pub(crate) live_restore_enabled: bool,
    pub(crate) isolation: &'static str,
    pub(crate) init_binary: &'static str,
    pub(crate) containerd_commit: Commit,
    pub(crate) runc_commit: Commit,
    pub(crate) init_commit: Commit,
    pub(crate) security_options: Vec<&'static str>,
    #[serde(rename = "CDISpecDirs")]
    pub(crate) cdi_spec_dirs: Vec<String>,
    #[serde(rename = "BridgeNfIptables", skip_serializing_if = "Option::is_none")]
    pub(crate) bridge_nf_iptables: Option<bool>,
    #[serde(rename = "BridgeNfIp6tables", skip_serializing_if = "Option::is_none")]
    pub(crate) bridge_nf_ip6tables: Option<bool>,
    pub(crate) warnings: Vec<String>,
}

/// Drivers by what they drive.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Plugins {
    pub(crate) volume: Vec<&'static str>,
    pub(crate) network: Vec<&'static str>,
    pub(crate) authorization: Option<Vec<&'static str>>,
    pub(crate) log: Vec<&'static str>,
}

/// Registries with special treatment.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RegistryConfig {
    #[serde(rename = "InsecureRegistryCIDRs")]
    pub(crate) insecure_networks: Vec<String>,
    pub(crate) index_configs: BTreeMap<String, Index>,
    pub(crate) mirrors: Vec<String>,
    #[serde(rename = "AllowNondistributableArtifactsCIDRs", skip_serializing_if = "Option::is_none")]
    pub(crate) nondistributable_networks: Option<Option<()>>,
    #[serde(rename = "AllowNondistributableArtifactsHostnames", skip_serializing_if = "Option::is_none")]
    pub(crate) nondistributable_hosts: Option<Option<()>>,
}

/// One registry.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Index {
    pub(crate) name: String,
    pub(crate) mirrors: Vec<String>,
    pub(crate) secure: bool,
    pub(crate) official: bool,
}

/// What runs containers.
#[derive(Debug, Serialize)]
pub(crate) struct Runtime {
    pub(crate) path: &'static str,
}

/// The swarm that this is no part of.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Swarm {
    #[serde(rename = "NodeID")]
    pub(crate) node_id: &'static str,
    pub(crate) node_addr: &'static str,
    pub(crate) local_node_state: &'static str,
    pub(crate) control_available: bool,
    pub(crate) error: &'static str,
    pub(crate) remote_managers: Option<()>,
}

/// A version of a part that vch does not have.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Commit {
    #[serde(rename = "ID")]
    pub(crate) id: &'static str,
    #[serde(rename = "Expected", skip_serializing_if = "is_default")]
    pub(crate) expected: &'static str,
}
