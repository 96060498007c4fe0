//! Files of ours that must be whole or absent, and copies that stay sparse.

use crate::SandboxError;
use rustix::fs::{FlockOperation, SeekFrom};
use serde::{Serialize, de::DeserializeOwned};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Reads a small JSON file of ours; `None` if it is missing or not what it should be, in which case it is made anew.
pub(crate) fn load<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Writes a small JSON file: whole, or not at all.
pub(crate) fn store<T: Serialize>(path: &Path, value: &T) -> Result<(), SandboxError> {
    let failed = SandboxError::storage("write the file", path);
    let bytes = serde_json::to_vec_pretty(value).map_err(|error| failed(error.into()))?;
    let part = path.with_extension("part");
    let written = fs::write(&part, bytes).and_then(|()| File::open(&part)?.sync_all());
    written.and_then(|()| fs::rename(&part, path)).map_err(failed)
}

/// A lock on a file, held until dropped.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "held for the lock on it")] File);

/// How a lock is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Locking {
    /// One holder; waits for it.
    Alone,
    /// One holder; `None` at once if there is another.
    AloneNow,
    /// Many holders, none of them alone; waits.
    Shared,
}

/// Takes a lock (flock(2)), making the file if it is missing. Blocks: call it where that is allowed.
pub(crate) fn lock(path: &Path, how: Locking) -> Result<Option<Lock>, SandboxError> {
    let failed = SandboxError::storage("lock", path);
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).map_err(&failed)?;
    let operation = match how {
        Locking::Alone => FlockOperation::LockExclusive,
        Locking::AloneNow => FlockOperation::NonBlockingLockExclusive,
        Locking::Shared => FlockOperation::LockShared,
    };
    loop {
        match rustix::fs::flock(&file, operation) {
            Ok(()) => return Ok(Some(Lock(file))),
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::WOULDBLOCK) if how == Locking::AloneNow => return Ok(None),
            Err(error) => return Err(failed(error.into())),
        }
    }
}

/// Copies a file's data and leaves its holes holes.
pub(crate) fn copy_sparse(from: &Path, to: &Path) -> io::Result<()> {
    let (source, target) = (File::open(from)?, File::create(to)?);
    let length = source.metadata()?.len();
    target.set_len(length)?;
    let mut at = 0;
    while at < length {
        let start = match rustix::fs::seek(&source, SeekFrom::Data(at)) {
            Ok(start) => start,
            // No data up to the end.
            Err(rustix::io::Errno::NXIO) => break,
            Err(error) => return Err(error.into()),
        };
        let end = rustix::fs::seek(&source, SeekFrom::Hole(start))?;
        let (mut read, mut write) = (start, start);
        while read < end {
            let piece = usize::try_from(end - read).unwrap_or(usize::MAX);
            if rustix::fs::copy_file_range(&source, Some(&mut read), &target, Some(&mut write), piece)? == 0 {
                break;
            }
        }
        at = end;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{FileExt, MetadataExt};

    #[test]
    fn a_sparse_copy_has_the_same_bytes_and_stays_sparse() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        let file = File::create(&from).unwrap();
        file.set_len(64 << 20).unwrap();
        file.write_all_at(b"head", 0).unwrap();
        file.write_all_at(&[7; 10_000], 5_000_001).unwrap();
        file.write_all_at(b"tail", (64 << 20) - 4).unwrap();
        copy_sparse(&from, &to).unwrap();
        assert!(fs::read(&from).unwrap() == fs::read(&to).unwrap());
        assert!(fs::metadata(&to).unwrap().blocks() * 512 < 1 << 20);
        fs::write(&from, "").unwrap();
        copy_sparse(&from, &to).unwrap();
        assert_eq!(fs::metadata(&to).unwrap().len(), 0);
    }

    #[test]
    fn a_lock_has_one_holder_or_many() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let alone = lock(&path, Locking::Alone).unwrap();
        assert!(lock(&path, Locking::AloneNow).unwrap().is_none());
        drop(alone);
        let _one = lock(&path, Locking::Shared).unwrap();
        let _two = lock(&path, Locking::Shared).unwrap();
        assert!(lock(&path, Locking::AloneNow).unwrap().is_none());
    }

    #[test]
    fn a_stored_file_is_read_back_and_a_broken_one_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        assert_eq!(load::<Vec<u32>>(&path), None);
        store(&path, &vec![1, 2]).unwrap();
        assert_eq!(load::<Vec<u32>>(&path), Some(vec![1, 2]));
        fs::write(&path, "[1,").unwrap();
        assert_eq!(load::<Vec<u32>>(&path), None);
    }
}
