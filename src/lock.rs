//! The data root, held by one daemon at a time: a lock on `daemon.lock` in it, which the kernel lets go of when the
//! process ends, however it ends.

use rustix::fs::{FlockOperation, flock};
use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Why the data root cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    /// Another daemon has it.
    #[error(
        "the data root {root} is in use by another daemon (process {pid}): stop it, or give this one a directory of its own with --data-root",
        root = root.display()
    )]
    Held {
        /// The data root.
        root: PathBuf,
        /// The other's process ID, as it wrote it down.
        pid: String,
    },
    /// It cannot be made or written to.
    #[error("cannot use the data root {root}: run as a user who may write there, or choose another with --data-root", root = root.display())]
    Unusable {
        /// The data root.
        root: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// A data root that is held for as long as this lives.
#[derive(Debug)]
pub(crate) struct DataRoot {
    /// Where it is, without symbolic links.
    pub(crate) path: PathBuf,
    _lock: File,
}

impl DataRoot {
    /// Makes the directory where it is missing, and takes it.
    pub(crate) fn take(root: &Path) -> Result<Self, LockError> {
        let unusable = |source| LockError::Unusable { root: root.to_owned(), source };
        // Machines run as a user of their own and must get through to their folders.
        DirBuilder::new().recursive(true).mode(0o711).create(root).map_err(unusable)?;
        let path = root.canonicalize().map_err(unusable)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o644);
        let mut lock = options.open(path.join("daemon.lock")).map_err(unusable)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut pid = String::new();
                let _ = lock.take(20).read_to_string(&mut pid);
                let pid = if pid.trim().is_empty() { "unknown" } else { pid.trim() }.to_owned();
                return Err(LockError::Held { root: root.to_owned(), pid });
            }
            Err(error) => return Err(unusable(error.into())),
        }
        lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id())).map_err(unusable)?;
        Ok(Self { path, _lock: lock })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("a/b");
        let first = DataRoot::take(&root).unwrap();
        let second = DataRoot::take(&root).unwrap_err().to_string();
        assert!(second.contains(&format!("another daemon (process {})", std::process::id())), "{second}");
        drop(first);
        DataRoot::take(&root).unwrap();
    }

    #[test]
    fn a_root_that_cannot_be_made() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        let error = DataRoot::take(&folder.path().join("file/root")).unwrap_err();
        assert!(crate::causes(&error).contains("Not a directory"), "{}", crate::causes(&error));
    }
}
