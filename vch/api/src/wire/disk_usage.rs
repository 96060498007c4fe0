//! `GET /system/df` and the prunes of networks, volumes and build caches (moby `api/types.DiskUsage`, `api/types/{network,volume,build}`).

use super::image;
use super::list;
use serde::Serialize;

/// What takes how much; what was not asked for is null.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DiskUsage {
    pub(crate) layers_size: i64,
    pub(crate) images: Option<Vec<image::Summary>>,
    pub(crate) containers: Option<Vec<list::Summary>>,
    pub(crate) volumes: Option<[(); 0]>,
    pub(crate) build_cache: Option<[(); 0]>,
}

/// `POST /networks/prune`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct NetworksPruned {
    pub(crate) networks_deleted: Option<[(); 0]>,
}

/// `POST /volumes/prune`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct VolumesPruned {
    pub(crate) volumes_deleted: [(); 0],
    pub(crate) space_reclaimed: u64,
}

/// `POST /build/prune`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CachesPruned {
    pub(crate) caches_deleted: Option<[(); 0]>,
    pub(crate) space_reclaimed: u64,
}
