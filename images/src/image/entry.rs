//! One image in the store: its identifier, its layers with the blobs they came in, and its configuration.
//!
//! Made by pull, load and import; read by everything else. Immutable once made.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::config::ImageConfig;
use crate::digest::{Digest, DigestError};

/// An image's identifier: the digest of its configuration blob.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ImageId(Digest);

impl ImageId {
    /// The identifier of the image with this configuration digest.
    pub fn new(config: Digest) -> Self {
        Self(config)
    }

    /// The configuration's digest.
    pub fn digest(&self) -> &Digest {
        &self.0
    }

    /// The first 12 hex digits.
    pub fn short(&self) -> &str {
        self.0.short()
    }

    /// Whether a user who types this means this identifier: a prefix, with or without `sha256:`.
    pub fn has_prefix(&self, prefix: &str) -> bool {
        self.0.hex().starts_with(prefix) || self.0.to_string().starts_with(prefix)
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ImageId {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        text.parse().map(Self)
    }
}

/// A blob as a manifest names it (OCI descriptor).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the blob is.
    #[serde(default)]
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

/// A layer of an image, and the blob it came in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageLayer {
    /// Digest of the uncompressed tar; names the layer disk.
    pub diff_id: Digest,
    /// The blob as downloaded or loaded.
    pub blob: Descriptor,
}

/// An image in the store.
#[derive(Clone, Debug)]
pub struct Image {
    /// Identifier.
    pub id: ImageId,
    /// The image this one was built or committed from, here.
    pub parent: Option<ImageId>,
    /// The manifest it was pulled by, where it was.
    pub manifest: Option<Descriptor>,
    /// The index (manifest list) that led to the manifest.
    pub index: Option<Descriptor>,
    /// Layers, oldest first.
    pub layers: Vec<ImageLayer>,
    /// Bytes of the layers' files, as Docker tells it (layers shared with other images counted).
    pub size: u64,
    /// When a tag was last put on it, here.
    pub last_tagged: Option<OffsetDateTime>,
    /// The configuration.
    pub config: Arc<ImageConfig>,
}

impl Image {
    /// The diff IDs, oldest first.
    pub fn diff_ids(&self) -> impl Iterator<Item = &Digest> + '_ {
        self.layers.iter().map(|layer| &layer.diff_id)
    }

    /// The chain ID of all layers together; `None` for an image without layers.
    pub fn chain_id(&self) -> Option<Digest> {
        chain_ids(self.diff_ids()).pop()
    }
}

/// The chain ID of each layer with all below it (OCI image-spec `config.md`, "Layer ChainID").
pub fn chain_ids<'a>(diff_ids: impl Iterator<Item = &'a Digest>) -> Vec<Digest> {
    let mut chain: Vec<Digest> = Vec::new();
    for diff_id in diff_ids {
        let next = match chain.last() {
            None => diff_id.clone(),
            Some(below) => Digest::of(format!("{below} {diff_id}").as_bytes()),
        };
        chain.push(next);
    }
    chain
}
