//! Where each file of the store is. The only place that knows the tree.

use std::fs;
use std::path::{Path, PathBuf};

use super::ContentError;
use crate::digest::Digest;

/// The tree under a root.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Makes the directories that are missing.
    pub(crate) fn create(root: &Path) -> Result<Self, ContentError> {
        let layout = Self { root: root.to_owned() };
        let empty = layout.root.join("empty");
        for dir in
            [layout.blobs("sha256"), layout.blobs("sha512"), layout.layers(), layout.disks(), layout.ingest(), empty]
        {
            fs::create_dir_all(&dir).map_err(ContentError::io("create directory", &dir))?;
        }
        Ok(layout)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn index(&self) -> PathBuf {
        self.root.join("index.redb")
    }

    pub(crate) fn blobs(&self, algorithm: &str) -> PathBuf {
        self.root.join("blobs").join(algorithm)
    }

    pub(crate) fn blob(&self, digest: &Digest) -> PathBuf {
        self.blobs(digest.algorithm().name()).join(digest.hex())
    }

    pub(crate) fn layers(&self) -> PathBuf {
        self.root.join("layers")
    }

    pub(crate) fn layer(&self, diff_id: &Digest) -> PathBuf {
        self.layers().join(format!("{}.erofs", diff_id.hex()))
    }

    pub(crate) fn disks(&self) -> PathBuf {
        self.root.join("disks")
    }

    pub(crate) fn disk(&self, chain: &Digest) -> PathBuf {
        self.disks().join(chain.hex())
    }

    /// The disk of an image without content.
    pub(crate) fn empty_disk(&self) -> PathBuf {
        self.root.join("empty").join("empty.erofs")
    }

    pub(crate) fn ingest(&self) -> PathBuf {
        self.root.join("ingest")
    }
}

/// Writes a directory's entries to stable storage, so that a rename in it survives a power cut.
pub(crate) fn sync_directory(dir: &Path) -> Result<(), ContentError> {
    fs::File::open(dir).and_then(|file| file.sync_all()).map_err(ContentError::io("sync directory", dir))
}
