//! Small files laid over the root file system from memory, and mount points.

use crate::boot::STAGE;
use crate::failure::{Explain, Failure, FailureClass, quoted};
use crate::sys::fork;
use rustix::fs::{CWD, FileType, Mode, OFlags, fchmod, lstat, mkdir, open, unlink};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MoveMountFlags, OpenTreeFlags, mount, move_mount, open_tree};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use vch_agent_proto::File;

/// Size of the memory that a container's files have, so that one who writes to them cannot fill the machine's.
const SIZE: &std::ffi::CStr = c"mode=755,size=16m";

/// Files that lie in memory, each as a mount that only needs its place.
pub(crate) struct Staged(Vec<(String, OwnedFd)>);

/// A copy of the mount at `path`, to be put elsewhere.
///
/// # Errors
/// There is no such path.
pub(crate) fn copy_mount(path: &str) -> Result<OwnedFd, Failure> {
    open_tree(CWD, path, OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC)
        .explain(FailureClass::Mount, |why| format!("copy the mount of {path}: {why}"))
}

/// Does `work` among the mounts of another process, and comes back. For a process with one thread.
///
/// # Errors
/// That process has ended, or `work` fails.
pub(crate) fn in_mounts_of<T>(
    process: BorrowedFd<'_>,
    work: impl FnOnce() -> Result<T, Failure>,
) -> Result<T, Failure> {
    let internal = |why: &str| format!("go to another container's mounts and back: {why}");
    let place =
        |path, flags| open(path, flags | OFlags::CLOEXEC, Mode::empty()).explain(FailureClass::Internal, internal);
    let (own, root, here) =
        (place("/proc/self/ns/mnt", OFlags::RDONLY)?, place("/", OFlags::PATH)?, place(".", OFlags::PATH)?);
    fork::join(process, fork::namespace::MOUNT).explain(FailureClass::NotFound, internal)?;
    let done = work();
    fork::join(own.as_fd(), fork::namespace::MOUNT).explain(FailureClass::Internal, internal)?;
    // Joining set root and working directory to those of the namespace.
    let back = rustix::process::fchdir(&root)
        .and_then(|()| rustix::process::chroot("."))
        .and_then(|()| rustix::process::fchdir(&here));
    back.explain(FailureClass::Internal, internal)?;
    done
}

/// Puts a copied mount on `target`, which is there.
///
/// # Errors
/// The kernel refuses, for instance a file on a directory.
pub(crate) fn move_mount_to(mount: &OwnedFd, target: &str) -> Result<(), Failure> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_SYMLINKS;
    move_mount(mount, "", CWD, target, flags)
        .explain(FailureClass::Mount, |why| format!("error mounting to rootfs at {}: {why}", quoted(target)))
}

/// Writes the files into memory, while the machine's file system is in sight.
///
/// # Errors
/// They do not fit, or the kernel refuses.
pub(crate) fn stage(files: &[File]) -> Result<Staged, Failure> {
    if files.is_empty() {
        return Ok(Staged(Vec::new()));
    }
    let folder = format!("{STAGE}/f");
    mount("tmpfs", folder.as_str(), "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, SIZE)
        .explain(FailureClass::Mount, |why| format!("mount memory for files: {why}"))?;
    let mut staged = Vec::with_capacity(files.len());
    for (number, file) in files.iter().enumerate() {
        let path = format!("{folder}/{number}");
        write(&path, file).explain(FailureClass::Mount, |why| format!("write {}: {why}", quoted(&file.path)))?;
        staged.push((file.path.clone(), copy_mount(&path)?));
    }
    Ok(Staged(staged))
}

fn write(path: &str, file: &File) -> Result<(), Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let descriptor = open(path, flags, Mode::from_raw_mode(0o644))?;
    let mut rest = file.content.as_slice();
    while !rest.is_empty() {
        let count = rustix::io::write(&descriptor, rest)?;
        rest = rest.get(count..).unwrap_or_default();
    }
    fchmod(&descriptor, Mode::from_raw_mode(file.mode & 0o7777))
}

impl Staged {
    /// Puts every file in its place in the container.
    ///
    /// # Errors
    /// A place cannot be made, or is a directory.
    pub(crate) fn put(&self) -> Result<(), Failure> {
        for (path, mount) in &self.0 {
            make_file(path)?;
            move_mount_to(mount, path)?;
        }
        Ok(())
    }

    /// Puts the machine's boot ID in the place of the kernel's, which every clone of a template would share.
    ///
    /// # Errors
    /// The kernel refuses.
    pub(crate) fn put_boot_id(&self, boot_id: OwnedFd) -> Result<(), Failure> {
        move_mount_to(&boot_id, "/proc/sys/kernel/random/boot_id")
    }
}

/// Makes an empty file to mount on, with the folders above it. A link in its place goes, as with Docker
/// (daemon/initlayer): the file that is mounted must not land where an image points.
fn make_file(path: &str) -> Result<(), Failure> {
    let explain = |why: &str| format!("make a place for {}: {why}", quoted(path));
    match lstat(path).map(|stat| FileType::from_raw_mode(stat.st_mode)) {
        Ok(FileType::Symlink) => unlink(path).explain(FailureClass::Mount, explain)?,
        Ok(_) => return Ok(()),
        Err(_) => {}
    }
    let create = || {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        open(path, flags, Mode::from_raw_mode(0o755)).map(drop)
    };
    let result = match create() {
        Err(Errno::NOENT) => {
            make_directories(path.rsplit_once('/').map_or("/", |(parent, _)| parent), FailureClass::Mount)?;
            create()
        }
        result => result,
    };
    result.explain(FailureClass::Mount, explain)
}

/// Makes a directory and those above it, mode 0755.
///
/// # Errors
/// A path component is no directory, or the file system refuses; named as Go's MkdirAll names it.
pub(crate) fn make_directories(path: &str, class: FailureClass) -> Result<(), Failure> {
    let ends = path.match_indices('/').map(|(at, _)| at).skip(1).chain([path.len()]);
    for end in ends {
        let part = path.get(..end).unwrap_or(path);
        match mkdir(part, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            result => result.explain(class, |why| format!("mkdir {part}: {why}")),
        }?;
    }
    Ok(())
}
