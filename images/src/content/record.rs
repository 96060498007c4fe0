//! The records of the index as they stand on disk: JSON with a version in each, so that a later program can migrate.
//!
//! Read and written by `index.rs` only. Invariant: a field is only ever added with a default, else the version goes up.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::ContentError;
use crate::digest::Digest;
use crate::image::{Descriptor, ImageId, ImageLayer};

/// The version written today.
const VERSION: u32 = 1;

/// What is kept of an image beside its configuration blob.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ImageRecord {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parent: Option<ImageId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) manifest: Option<Descriptor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) index: Option<Descriptor>,
    pub(crate) layers: Vec<ImageLayer>,
    /// Unix time in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_tagged: Option<i64>,
}

/// Where a reference points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ReferenceRecord {
    pub(crate) image: ImageId,
}

/// What is known of a layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LayerRecord {
    /// Bytes of its files: the size Docker tells.
    pub(crate) content_size: u64,
    /// Bytes of the layer disk's file; 0 where it is empty.
    pub(crate) disk_size: u64,
    /// No disk, for there is nothing in it.
    pub(crate) empty: bool,
    /// Bytes of the uncompressed tar.
    pub(crate) tar_size: u64,
}

/// Who keeps which images' layers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct LeaseRecord {
    /// Diff IDs by image, oldest first: they stay even when the image is removed by force.
    pub(crate) images: BTreeMap<ImageId, Vec<Digest>>,
}

#[derive(Serialize)]
struct Written<'a, T> {
    v: u32,
    #[serde(flatten)]
    record: &'a T,
}

/// A record as bytes.
pub(super) fn encode<T: Serialize>(key: &str, record: &T) -> Result<Vec<u8>, ContentError> {
    serde_json::to_vec(&Written { v: VERSION, record })
        .map_err(|source| ContentError::Record { key: key.to_owned(), source })
}

/// A record from bytes.
pub(super) fn decode<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, ContentError> {
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    let damaged = |source| ContentError::Record { key: key.to_owned(), source };
    let Version { v } = serde_json::from_slice(bytes).map_err(damaged)?;
    if v != VERSION {
        return Err(ContentError::RecordVersion { key: key.to_owned(), version: v });
    }
    serde_json::from_slice(bytes).map_err(damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_carry_their_version() {
        let record = LayerRecord { content_size: 5, disk_size: 4096, empty: false, tar_size: 10240 };
        let bytes = encode("x", &record).unwrap();
        assert_eq!(
            String::from_utf8_lossy(&bytes),
            r#"{"v":1,"content_size":5,"disk_size":4096,"empty":false,"tar_size":10240}"#
        );
        assert_eq!(decode::<LayerRecord>("x", &bytes).unwrap(), record);
        let later = decode::<LayerRecord>("x", br#"{"v":2}"#).unwrap_err();
        assert!(matches!(later, ContentError::RecordVersion { version: 2, .. }));
        assert!(matches!(decode::<LayerRecord>("x", b"{}").unwrap_err(), ContentError::Record { .. }));
    }
}
