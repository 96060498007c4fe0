//! Images (moby `api/types/image`).

use super::config::{Config, Healthcheck};
use super::inspect::GraphDriver;
use super::{Empty, object};
use serde::Serialize;
use std::collections::BTreeMap;

/// An item of `GET /images/json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Summary {
    pub(crate) containers: i64,
    pub(crate) created: i64,
    pub(crate) id: String,
    pub(crate) labels: Option<BTreeMap<String, String>>,
    pub(crate) parent_id: String,
    pub(crate) repo_digests: Vec<String>,
    pub(crate) repo_tags: Vec<String>,
    pub(crate) shared_size: i64,
    pub(crate) size: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) virtual_size: Option<i64>,
}

/// `GET /images/{name}/json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Image {
    pub(crate) id: String,
    pub(crate) repo_tags: Vec<String>,
    pub(crate) repo_digests: Vec<String>,
    pub(crate) parent: String,
    pub(crate) comment: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) container_config: Option<Config>,
    pub(crate) docker_version: String,
    pub(crate) author: String,
    pub(crate) config: ImageConfig,
    pub(crate) architecture: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) variant: String,
    pub(crate) os: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) os_version: String,
    pub(crate) size: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) virtual_size: Option<i64>,
    pub(crate) graph_driver: GraphDriver,
    #[serde(rename = "RootFS")]
    pub(crate) root_fs: RootFs,
    pub(crate) metadata: Metadata,
}

/// An image's defaults for containers. The members of [`Legacy`] were shown before API 1.50.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ImageConfig {
    #[serde(flatten)]
    pub(crate) legacy: Option<Legacy>,
    pub(crate) user: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) exposed_ports: BTreeMap<String, Empty>,
    pub(crate) env: Option<Vec<String>>,
    pub(crate) entrypoint: Option<Vec<String>>,
    pub(crate) cmd: Option<Vec<String>>,
    pub(crate) volumes: Option<BTreeMap<String, Empty>>,
    pub(crate) working_dir: String,
    pub(crate) labels: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stop_signal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) healthcheck: Option<Healthcheck>,
    pub(crate) on_build: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) shell: Option<Vec<String>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) args_escaped: bool,
}

/// What an image's config once showed and never meant.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Legacy {
    hostname: &'static str,
    domainname: &'static str,
    attach_stdin: bool,
    attach_stdout: bool,
    attach_stderr: bool,
    tty: bool,
    open_stdin: bool,
    stdin_once: bool,
    image: &'static str,
}

/// Layers by their uncompressed content.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RootFs {
    #[serde(rename = "Type")]
    pub(crate) kind: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) layers: Vec<String>,
}

/// What only this daemon knows of an image.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Metadata {
    pub(crate) last_tag_time: String,
}

/// A line of `GET /images/{name}/history`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct HistoryItem {
    pub(crate) comment: String,
    pub(crate) created: i64,
    pub(crate) created_by: String,
    pub(crate) id: String,
    pub(crate) size: i64,
    pub(crate) tags: Option<Vec<String>>,
}

/// What a removal took away.
#[derive(Debug, Serialize)]
pub(crate) enum Removed {
    Untagged(String),
    Deleted(String),
}

object! {
    /// A platform as an object, as image calls take it since API 1.48.
    Platform {
        "architecture" architecture: String,
        "os" os: String,
        "os.version" os_version: String,
        "os.features" os_features: Vec<String>,
        "variant" variant: String,
    }
}

impl Platform {
    /// As `os/arch[/variant]`.
    pub(crate) fn text(&self) -> String {
        let parts = [&self.os, &self.architecture, &self.variant];
        parts.into_iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join("/")
    }
}
