//! Garbage collection by reachability: files that no image, lease or pin keeps are deleted.
//!
//! Called after every removal, and once at start-up (where it also removes what a crash left). Runs under the pin lock,
//! so that nothing can begin to need a file while it is being deleted. Safe to stop at any point.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Change, ContentError, Kept, Shared};
use crate::digest::Digest;

/// What was deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Bytes of disk given back.
    pub bytes: u64,
    /// How many blobs.
    pub blobs: usize,
    /// How many layers.
    pub layers: usize,
}

impl Shared {
    /// Deletes what nothing keeps. Blocks.
    pub(crate) fn collect_garbage(&self) -> Result<Collected, ContentError> {
        let pins = self.pins.lock();
        let mut collected = Collected::default();
        let mut roots = self.index.snapshot().roots();
        for kept in pins.keys() {
            match kept {
                Kept::Blob(digest) => roots.blobs.insert(digest.clone()),
                Kept::Layer(digest) => roots.layers.insert(digest.clone()),
                Kept::Disk(digest) => roots.disks.insert(digest.clone()),
            };
        }
        // The record goes first: a layer in the index always has its disk.
        collected.layers = self.index.commit(|state| {
            let lost: Vec<_> =
                state.layers.keys().filter(|diff_id| !roots.layers.contains(*diff_id)).cloned().collect();
            let count = lost.len();
            let changes = lost.into_iter().map(|diff_id| Change::Layer(diff_id, None)).collect();
            Ok::<_, ContentError>((changes, count))
        })?;
        // Image disks before layer disks, since they are made of them.
        let names = |keep: &HashSet<Digest>| keep.iter().map(|digest| digest.hex().to_owned()).collect::<HashSet<_>>();
        sweep(&self.layout.disks(), &names(&roots.disks), "", &mut collected.bytes)?;
        sweep(&self.layout.layers(), &names(&roots.layers), ".erofs", &mut collected.bytes)?;
        for algorithm in ["sha256", "sha512"] {
            collected.blobs += sweep(&self.layout.blobs(algorithm), &names(&roots.blobs), "", &mut collected.bytes)?;
        }
        Ok(collected)
    }
}

/// Deletes the entries of a directory whose name, less the suffix, is not in the set.
fn sweep(dir: &Path, keep: &HashSet<String>, suffix: &str, bytes: &mut u64) -> Result<usize, ContentError> {
    let mut count = 0;
    for entry in fs::read_dir(dir).map_err(ContentError::io("read directory", dir))? {
        let entry = entry.map_err(ContentError::io("read directory", dir))?;
        let name = entry.file_name();
        let kept = name.to_str().and_then(|name| name.strip_suffix(suffix)).is_some_and(|name| keep.contains(name));
        if kept {
            continue;
        }
        let path: PathBuf = entry.path();
        let meta = entry.metadata().map_err(ContentError::io("inspect", &path))?;
        let removed = if meta.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(ContentError::io("remove", &path))?;
        if meta.is_file() {
            *bytes += meta.len();
        }
        count += 1;
    }
    Ok(count)
}
