//! `Mounts` (moby `api/types/mount/mount.go`).

use super::{is_default, object};
use std::collections::BTreeMap;

object! {
    /// A mount asked for with `--mount`.
    Mount {
        #[serde(skip_serializing_if = "is_default")]
        "Type" kind: String,
        #[serde(skip_serializing_if = "is_default")]
        "Source" source: String,
        #[serde(skip_serializing_if = "is_default")]
        "Target" target: String,
        #[serde(skip_serializing_if = "is_default")]
        "ReadOnly" read_only: bool,
        #[serde(skip_serializing_if = "is_default")]
        "Consistency" consistency: String,
        #[serde(skip_serializing_if = "is_default")]
        "BindOptions" bind_options: Option<BindOptions>,
        #[serde(skip_serializing_if = "is_default")]
        "VolumeOptions" volume_options: Option<VolumeOptions>,
        #[serde(skip_serializing_if = "is_default")]
        "ImageOptions" image_options: Option<ImageOptions>,
        #[serde(skip_serializing_if = "is_default")]
        "TmpfsOptions" tmpfs_options: Option<TmpfsOptions>,
    }
}

object! {
    /// Options of a bind.
    BindOptions {
        "Propagation" propagation: String,
        "NonRecursive" non_recursive: bool,
        "CreateMountpoint" create_mountpoint: bool,
        "ReadOnlyNonRecursive" read_only_non_recursive: bool,
        "ReadOnlyForceRecursive" read_only_force_recursive: bool,
    }
}

object! {
    /// Options of a volume.
    VolumeOptions {
        "NoCopy" no_copy: bool,
        "Labels" labels: BTreeMap<String, String>,
        "Subpath" subpath: String,
    }
}

object! {
    /// Options of an image.
    ImageOptions {
        "Subpath" subpath: String,
    }
}

object! {
    /// Options of a tmpfs: bytes, permission bits, and mount options as lists of a name and a value.
    TmpfsOptions {
        #[serde(skip_serializing_if = "is_default")]
        "SizeBytes" size_bytes: i64,
        #[serde(skip_serializing_if = "is_default")]
        "Mode" mode: u32,
        #[serde(skip_serializing_if = "is_default")]
        "Options" options: Vec<Vec<String>>,
    }
}
