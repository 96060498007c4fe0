//! Files on their way in: written under `ingest/`, and given their name only when whole and synced.
//!
//! Called by pull, load and import. A [`TempFile`] that is dropped is removed, so that no failure leaves anything.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::ContentError;
use super::layout::{Layout, sync_directory};

/// Distinguishes temporary names within this process; the directory is emptied at start-up.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// A name under `ingest/`, removed again unless [`TempFile::persist`] is called.
#[derive(Debug)]
pub(crate) struct TempFile {
    path: PathBuf,
    kept: bool,
}

impl TempFile {
    /// Reserves a fresh name; nothing is created.
    pub(crate) fn reserve(layout: &Layout) -> Self {
        let name = NEXT.fetch_add(1, Ordering::Relaxed).to_string();
        Self { path: layout.ingest().join(name), kept: false }
    }

    /// Reserves a name and creates the file.
    pub(crate) fn create(layout: &Layout) -> Result<(Self, File), ContentError> {
        let temp = Self::reserve(layout);
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&temp.path)
            .map_err(ContentError::io("create", &temp.path))?;
        Ok((temp, file))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Syncs the file and gives it its final name, replacing what has that name.
    pub(crate) fn persist(mut self, target: &Path) -> Result<(), ContentError> {
        let file = File::open(&self.path).map_err(ContentError::io("open", &self.path))?;
        file.sync_all().map_err(ContentError::io("sync", &self.path))?;
        fs::rename(&self.path, target).map_err(ContentError::io("rename into place", target))?;
        self.kept = true;
        sync_directory(target.parent().unwrap_or(target))
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        // Absent is the usual case for a reserved name whose writer failed early; the rest is left to start-up.
        let _ = fs::remove_file(&self.path);
    }
}

/// Removes every leftover under `ingest/`.
pub(super) fn clean(layout: &Layout) -> Result<(), ContentError> {
    let dir = layout.ingest();
    for entry in fs::read_dir(&dir).map_err(ContentError::io("read directory", &dir))? {
        let entry = entry.map_err(ContentError::io("read directory", &dir))?;
        let path = entry.path();
        let is_dir = entry.file_type().map_err(ContentError::io("inspect", &path))?.is_dir();
        let removed = if is_dir { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(ContentError::io("remove leftover", &path))?;
    }
    Ok(())
}
