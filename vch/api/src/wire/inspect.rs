//! An inspected container (moby `api/types/container/container.go`).

use super::config::Config;
use super::host::HostConfig;
use super::network::NetworkSettings;
use serde::Serialize;
use std::collections::BTreeMap;

/// `GET /containers/{name}/json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) created: String,
    pub(crate) path: String,
    pub(crate) args: Vec<String>,
    pub(crate) state: State,
    pub(crate) image: String,
    pub(crate) resolv_conf_path: String,
    pub(crate) hostname_path: String,
    pub(crate) hosts_path: String,
    pub(crate) log_path: String,
    pub(crate) name: String,
    pub(crate) restart_count: u32,
    pub(crate) driver: &'static str,
    pub(crate) platform: String,
    pub(crate) mount_label: &'static str,
    pub(crate) process_label: &'static str,
    pub(crate) app_armor_profile: &'static str,
    #[serde(rename = "ExecIDs")]
    pub(crate) exec_ids: Option<Vec<String>>,
    pub(crate) host_config: HostConfig,
    pub(crate) graph_driver: GraphDriver,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) size_rw: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) size_root_fs: Option<i64>,
    pub(crate) mounts: Vec<MountPoint>,
    pub(crate) config: Config,
    pub(crate) network_settings: NetworkSettings,
}

/// `State`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct State {
    pub(crate) status: &'static str,
    pub(crate) running: bool,
    pub(crate) paused: bool,
    pub(crate) restarting: bool,
    #[serde(rename = "OOMKilled")]
    pub(crate) oom_killed: bool,
    pub(crate) dead: bool,
    pub(crate) pid: u32,
    pub(crate) exit_code: i32,
    pub(crate) error: String,
    pub(crate) started_at: String,
    pub(crate) finished_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) health: Option<Health>,
}

/// `State.Health`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Health {
    pub(crate) status: &'static str,
    pub(crate) failing_streak: u32,
    pub(crate) log: Vec<HealthcheckResult>,
}

/// One of the last probes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct HealthcheckResult {
    pub(crate) start: String,
    pub(crate) end: String,
    pub(crate) exit_code: i32,
    pub(crate) output: String,
}

/// `GraphDriver`: null data, as dockerd gives it where images are not kept by a graph driver.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GraphDriver {
    pub(crate) data: Option<BTreeMap<String, String>>,
    pub(crate) name: &'static str,
}

/// A mount in use.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct MountPoint {
    #[serde(rename = "Type")]
    pub(crate) kind: &'static str,
    pub(crate) source: String,
    pub(crate) destination: String,
    pub(crate) mode: String,
    #[serde(rename = "RW")]
    pub(crate) writable: bool,
    pub(crate) propagation: String,
}
