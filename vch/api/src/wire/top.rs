//! A container's processes (moby `api/types/container.TopResponse`).

use serde::Serialize;

/// `GET /containers/{name}/top`; no processes are null.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TopResponse {
    pub(crate) processes: Option<Vec<Vec<String>>>,
    pub(crate) titles: Vec<String>,
}
