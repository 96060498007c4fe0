//! A container in a list (moby `api/types/container.Summary`).

use super::inspect::MountPoint;
use super::is_default;
use super::network::EndpointSettings;
use serde::Serialize;
use std::collections::BTreeMap;

/// An item of `GET /containers/json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Summary {
    pub(crate) id: String,
    pub(crate) names: Vec<String>,
    pub(crate) image: String,
    #[serde(rename = "ImageID")]
    pub(crate) image_id: String,
    pub(crate) command: String,
    pub(crate) created: i64,
    pub(crate) ports: Vec<Port>,
    #[serde(skip_serializing_if = "is_zero_or_none")]
    pub(crate) size_rw: Option<i64>,
    #[serde(skip_serializing_if = "is_zero_or_none")]
    pub(crate) size_root_fs: Option<i64>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) state: &'static str,
    pub(crate) status: String,
    pub(crate) host_config: SummaryHost,
    pub(crate) network_settings: SummaryNetworks,
    pub(crate) mounts: Vec<MountPoint>,
}

fn is_zero_or_none(size: &Option<i64>) -> bool {
    size.unwrap_or(0) == 0
}

/// The little of `HostConfig` that a list shows.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SummaryHost {
    pub(crate) network_mode: String,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) annotations: BTreeMap<String, String>,
}

/// Networks by name.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SummaryNetworks {
    pub(crate) networks: BTreeMap<String, EndpointSettings>,
}

/// A port that is exposed and not published.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Port {
    pub(crate) private_port: u16,
    #[serde(rename = "Type")]
    pub(crate) protocol: String,
}
