//! What registries have (moby `api/types/registry`, OCI image-spec `descriptor.go`).

use serde::Serialize;

/// `GET /distribution/{name}/json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DistributionInspect {
    pub(crate) descriptor: Descriptor,
    pub(crate) platforms: Option<Vec<Platform>>,
}

/// A manifest or index.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    pub(crate) media_type: String,
    pub(crate) digest: String,
    pub(crate) size: u64,
}

/// A platform as manifests name it.
#[derive(Debug, Serialize)]
pub(crate) struct Platform {
    pub(crate) architecture: String,
    pub(crate) os: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) variant: String,
}

/// An item of `GET /images/search`.
#[derive(Debug, Serialize)]
pub(crate) struct SearchResult {
    pub(crate) star_count: i64,
    pub(crate) is_official: bool,
    pub(crate) name: String,
    pub(crate) is_automated: bool,
    pub(crate) description: String,
}
