//! Containers' files (moby `api/types/container/{filesystem_change,container}.go`).

use serde::Serialize;

/// `X-Docker-Container-Path-Stat`, behind base64.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PathStat {
    pub(crate) name: String,
    pub(crate) size: u64,
    /// Go's `os.FileMode`.
    pub(crate) mode: u32,
    pub(crate) mtime: String,
    pub(crate) link_target: String,
}

/// An item of `GET /containers/{name}/changes`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Change {
    pub(crate) path: String,
    pub(crate) kind: u8,
}
