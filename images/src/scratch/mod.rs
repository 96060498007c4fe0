//! Scratch disks: the writable disk of a container, cloned from a formatted blank.
//!
//! Called when a container is created: [`blank`] finds or makes the blank of a size, [`clone`] makes the container's own.
//!
//! A blank is a sparse file with an ext4 file system: a journal, no blocks held back for root, inodes for many small
//! files, and every group marked as zeroed, so that the guest's kernel never sits down to zero inode tables, which would
//! fill the file. A blank of 10 GiB holds about 250 KiB.
//!
//! Durability: a blank is made under a temporary name, synced and renamed; so it is whole or not there. A clone is *not*
//! synced: until its container runs it holds nothing that the blank does not, and from then on the guest's own flushes
//! make it durable. After a crash of the host, the disk of a container that never ran can be cloned again.
//!
//! Invariant: no disk is ever read back here or mounted; what a guest wrote is the guest's.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::SeekFrom;
use rustix::io::Errno;

/// Smallest scratch disk: less has no room for a journal.
pub const MIN_BYTES: u64 = 16 << 20;
/// Largest: ext4's own limit with 4 KiB blocks and no more than 2³² of them, less one step.
pub const MAX_BYTES: u64 = (16 << 40) - STEP;
/// Sizes are rounded up to a multiple of this.
const STEP: u64 = 1 << 20;

/// Why there is no scratch disk.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScratchError {
    /// A size that ext4 cannot have.
    #[error("a scratch disk of {0} bytes cannot be made: it must have {MIN_BYTES} to {MAX_BYTES}")]
    Size(u64),
    /// `mke2fs` is not installed.
    #[error("mke2fs is missing: install e2fsprogs 1.47 or later")]
    NoMke2fs,
    /// `mke2fs` failed.
    #[error("mke2fs cannot format {}: {message}", path.display())]
    Mke2fs {
        /// The blank, under its temporary name.
        path: PathBuf,
        /// What it said, the beginning of it.
        message: String,
    },
    /// The system refused.
    #[error("cannot write the scratch disk {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The blank of at least `size_bytes` in `folder`, which exists: made if it is not there. Any number of callers may ask
/// at once.
///
/// # Errors
/// See [`ScratchError`]; nothing unfinished is left behind.
pub fn blank(folder: &Path, size_bytes: u64) -> Result<PathBuf, ScratchError> {
    let size = match size_bytes.checked_next_multiple_of(STEP) {
        Some(size) if (MIN_BYTES..=MAX_BYTES).contains(&size) => size,
        _ => return Err(ScratchError::Size(size_bytes)),
    };
    let path = folder.join(format!("blank-{size}.ext4"));
    if path.exists() {
        return Ok(path);
    }
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let temporary = Unfinished(Some(folder.join(format!(".blank-{}-{number}.tmp", std::process::id()))));
    let failed = |source| ScratchError::Io { path: path.clone(), source };
    let file = File::create_new(temporary.path()).map_err(failed)?;
    file.set_len(size).map_err(failed)?;
    format(temporary.path(), size)?;
    file.sync_all().map_err(failed)?;
    // Whoever else made the same blank meanwhile made the same thing: the last one stays.
    fs::rename(temporary.path(), &path).map_err(failed)?;
    temporary.keep();
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok(path)
}

/// Makes `to`, which must not exist, a copy of the blank (or of any file) that shares its blocks where the file system
/// can, and has its holes where it cannot. Not synced; see above.
///
/// # Errors
/// [`ScratchError::Io`]; `to` then does not exist, unless it did before.
pub fn clone(blank: &Path, to: &Path) -> Result<(), ScratchError> {
    let failed = |source| ScratchError::Io { path: to.to_owned(), source };
    let source = File::open(blank).map_err(|source| ScratchError::Io { path: blank.to_owned(), source })?;
    let target = File::create_new(to).map_err(failed)?;
    let unfinished = Unfinished(Some(to.to_owned()));
    // A file system without shared blocks, or another one, answers in several ways: copying finds out what is wrong.
    if rustix::fs::ioctl_ficlone(&target, &source).is_err() {
        copy_data(&source, &target).map_err(failed)?;
    }
    unfinished.keep();
    Ok(())
}

/// Copies what is not a hole.
fn copy_data(source: &File, target: &File) -> io::Result<()> {
    let len = source.metadata()?.len();
    target.set_len(len)?;
    let mut buffer = vec![0; 256 << 10];
    let mut end = 0;
    while end < len {
        let start = match rustix::fs::seek(source, SeekFrom::Data(end)) {
            Ok(start) => start,
            // Nothing but a hole is left.
            Err(Errno::NXIO) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        end = rustix::fs::seek(source, SeekFrom::Hole(start))?;
        let mut at = start;
        while at < end {
            let piece = &mut buffer[..usize::try_from(end - at).unwrap_or(usize::MAX).min(256 << 10)];
            source.read_exact_at(piece, at)?;
            target.write_all_at(piece, at)?;
            at += piece.len() as u64;
        }
    }
    Ok(())
}

fn format(path: &Path, size: u64) -> Result<(), ScratchError> {
    let mut command = Command::new(find_mke2fs().ok_or(ScratchError::NoMke2fs)?);
    command.args(["-q", "-F", "-t", "ext4", "-b", "4096", "-L", "vch-scratch"]);
    // An inode for every 8 KiB: twice the usual, for package trees of small files. None of them costs anything unused.
    command.args(["-i", "8192", "-m", "0"]);
    // Room to grow is given by other means; this one would fill the file with reserved tables.
    command.args(["-O", "^resize_inode"]);
    command.args(["-E", "root_owner=0:0,nodiscard,lazy_itable_init=1,lazy_journal_init=1,assume_storage_prezeroed=1"]);
    if size >= 1 << 30 {
        // Else up to 1 GiB, every block of which is written in turn and stays allocated on the host.
        command.args(["-J", "size=64"]);
    }
    let output = command
        .arg("--")
        .arg(path)
        .env_clear()
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .map_err(|source| ScratchError::Io { path: path.to_owned(), source })?;
    if output.status.success() {
        return Ok(());
    }
    let message: String = String::from_utf8_lossy(&output.stderr).trim().chars().take(500).collect();
    Err(ScratchError::Mke2fs { path: path.to_owned(), message })
}

/// `mke2fs` from `PATH` or where systems keep it, which users' paths often lack.
fn find_mke2fs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(OsStr::new("mke2fs")))
        .find(|program| program.is_absolute() && program.is_file())
}

/// Removes the file at its path unless it is kept.
struct Unfinished(Option<PathBuf>);

impl Unfinished {
    fn path(&self) -> &Path {
        self.0.as_deref().unwrap_or(Path::new(""))
    }

    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(path) = &self.0
            && let Err(error) = fs::remove_file(path)
        {
            tracing::warn!(path = %path.display(), %error, "cannot remove an unfinished scratch disk");
        }
    }
}

#[cfg(test)]
mod tests;
