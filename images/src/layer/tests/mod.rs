//! Layers from tars made here byte by byte, looked at through the reader, `fsck.erofs`, the kernel and GNU tar.

mod docker;
mod formats;
mod hostile;
mod kernel;
mod making;
mod model;
mod seeing;

use std::path::PathBuf;

use super::{Built, LayerError, Limits, build};
use seeing::{Seen, fsck};

/// A folder with the layer disk of `tar` in it.
struct Layer {
    folder: tempfile::TempDir,
    built: Built,
}

impl Layer {
    /// Builds a layer disk, has `fsck.erofs` accept it, and removes it with itself.
    fn of(tar: &[u8]) -> Self {
        let layer = Self::unchecked(tar).unwrap_or_else(|error| panic!("{}", chain(&error)));
        fsck(&layer.disk());
        layer
    }

    /// The same without `fsck.erofs`; or the error, after which nothing may stay.
    fn unchecked(tar: &[u8]) -> Result<Self, LayerError> {
        Self::limited(tar, &Limits::default())
    }

    fn limited(tar: &[u8], limits: &Limits) -> Result<Self, LayerError> {
        let folder = tempfile::tempdir().unwrap();
        let result = build(tar, &folder.path().join("disk"), limits);
        let left = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, usize::from(result.as_ref().is_ok_and(|built| !built.empty)), "files left behind");
        result.map(|built| Self { folder, built })
    }

    fn disk(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    fn bytes(&self) -> Vec<u8> {
        std::fs::read(self.disk()).unwrap()
    }

    fn seen(&self) -> Seen {
        Seen::in_image(&self.disk())
    }
}

/// An error with all its sources, as users see it.
fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}
