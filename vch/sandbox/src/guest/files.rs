//! The builder's folder: one builder at a time, and nothing half-made under a final name.

use super::GuestError;
use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

/// Prefix of what is not finished.
const UNFINISHED: &str = "new-";

/// Largest file that is read whole, in bytes: kernels have some 10 MiB, agents and modules fewer.
const MAX: u64 = 256 << 20;

/// Names action and path for `map_err`.
pub(super) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> GuestError {
    let path = path.to_path_buf();
    move |source| GuestError::File { action, path, source }
}

/// Makes a folder and those above it.
pub(super) fn make(folder: &Path) -> Result<(), GuestError> {
    fs::create_dir_all(folder).map_err(failed("make", folder))
}

/// Waits until no other builder works in `folder`; the lock lasts as long as the file is open.
pub(super) fn lock(folder: &Path) -> Result<File, GuestError> {
    let path = folder.join("lock");
    let file = File::create(&path).map_err(failed("open", &path))?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive)
        .map_err(|error| failed("lock", &path)(error.into()))?;
    Ok(file)
}

/// Removes what an interrupted builder left. Only with the lock held.
pub(super) fn remove_unfinished(folder: &Path) -> Result<(), GuestError> {
    for path in entries(folder)? {
        if name(&path).starts_with(UNFINISHED) {
            fs::remove_dir_all(&path).map_err(failed("remove", &path))?;
        }
    }
    Ok(())
}

/// An empty folder to build in, removed by the next builder if this one does not finish.
pub(super) fn unfinished(folder: &Path, what: &str) -> Result<PathBuf, GuestError> {
    let path = folder.join(format!("{UNFINISHED}{what}"));
    if path.exists() {
        fs::remove_dir_all(&path).map_err(failed("remove", &path))?;
    }
    fs::create_dir(&path).map_err(failed("make", &path))?;
    Ok(path)
}

/// Gives a finished folder its final name, in place of whatever has it.
pub(super) fn finish(from: &Path, to: &Path) -> Result<(), GuestError> {
    if let Some(parent) = to.parent() {
        make(parent)?;
    }
    if to.exists() {
        fs::remove_dir_all(to).map_err(failed("remove", to))?;
    }
    fs::rename(from, to).map_err(failed("rename to", to))
}

/// Writes a file to stable storage.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), GuestError> {
    let write = || {
        let mut file = File::create(path)?;
        io::Write::write_all(&mut file, bytes)?;
        file.sync_all()
    };
    write().map_err(failed("write", path))
}

/// Reads a whole file of a bounded size.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, GuestError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX + 1).read_to_end(&mut bytes));
    match read {
        Ok(count) if count as u64 <= MAX => Ok(bytes),
        Ok(_) => Err(failed("read", path)(io::ErrorKind::FileTooLarge.into())),
        Err(source) => Err(failed("read", path)(source)),
    }
}

/// The paths in a folder, sorted; none if there is no such folder.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>, GuestError> {
    let list = || fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>();
    match list() {
        Ok(mut paths) => {
            paths.sort();
            Ok(paths)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(failed("list", folder)(error)),
    }
}

/// The last part of a path, empty if it is not UTF-8.
pub(super) fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}
