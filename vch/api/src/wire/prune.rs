//! Answers to prunes (moby `api/types/{container,image}.PruneReport`).

use super::image::Removed;
use serde::Serialize;
use vch_engine::requests::Pruned;

/// `POST /containers/prune`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ContainersPruned {
    containers_deleted: Option<Vec<String>>,
    space_reclaimed: u64,
}

impl From<Pruned> for ContainersPruned {
    fn from(pruned: Pruned) -> Self {
        Self { containers_deleted: (!pruned.ids.is_empty()).then_some(pruned.ids), space_reclaimed: pruned.space }
    }
}

/// `POST /images/prune`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ImagesPruned {
    pub(crate) images_deleted: Option<Vec<Removed>>,
    pub(crate) space_reclaimed: u64,
}
