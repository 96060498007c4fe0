//! The child's side of work on files: a container's root as `docker cp` sees it, or its layers and changes apart.
//!
//! dockerd shows `cp` the root file system with volumes and the files that it lays over it, and nothing else that a
//! container mounts: no `/proc`, no tmpfs (moby daemon/containerfs_linux.go). So it is here: whether the container runs
//! or not, a path means the same.
//!
//! Invariant: after any of these the process's root is the container's, or holds nothing but its layers, so no link in
//! them leads into the machine.

use super::files::{copy_mount, move_mount_to, stage};
use super::rootfs;
use crate::boot::STAGE;
use crate::failure::{Explain, Failure, FailureClass};
use crate::sys::fork::{self, namespace};
use rustix::mount::{MountPropagationFlags, mount_change};
use std::os::fd::{AsFd, OwnedFd};
use vch_agent_proto::{File, Rootfs};

/// Enters the root of a container that is there, whose mount namespace is `mounts`, with the files at `laid` over it.
///
/// # Errors
/// The kernel refuses.
pub(crate) fn of_running(mounts: &OwnedFd, laid: &[String]) -> Result<(), Failure> {
    let explain = |what: &'static str| move |why: &str| format!("{what}: {why}");
    fork::join(mounts.as_fd(), namespace::MOUNT)
        .explain(FailureClass::NotFound, explain("enter the container's mount namespace"))?;
    fork::leave(namespace::MOUNT).explain(FailureClass::Mount, explain("make a mount namespace"))?;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .explain(FailureClass::Mount, explain("make mounts private"))?;
    // A container that may mount may have taken them away: then there is nothing to show.
    let files: Vec<_> = laid.iter().filter_map(|path| Some((path, copy_mount(path).ok()?))).collect();
    let root = copy_mount("/")?;
    move_mount_to(&root, "/")?;
    rustix::process::fchdir(&root).explain(FailureClass::Mount, explain("enter the container's root"))?;
    rustix::process::chroot(".").explain(FailureClass::Mount, explain("enter the container's root"))?;
    for (path, file) in files {
        let _ = move_mount_to(&file, path);
    }
    Ok(())
}

/// Mounts and enters the root of a container that does not run, with `files` laid over it.
///
/// # Errors
/// A disk does not appear or cannot be mounted, or a file cannot be laid.
pub(crate) fn at_rest(root: &Rootfs, files: &[File]) -> Result<(), Failure> {
    rootfs::assemble(root)?;
    let files = stage(files)?;
    rootfs::enter()?;
    files.put()
}

/// Mounts a container's image and its changes apart, whether it runs or not, and enters the folder that holds them.
/// Returns the image's root there; the changes are in [`rootfs::UPPER`].
///
/// # Errors
/// A disk does not appear or cannot be mounted.
pub(crate) fn of_parts(root: &Rootfs) -> Result<String, Failure> {
    let image = rootfs::mount_image(rootfs::mount_disks(root)?)?;
    rustix::process::chroot(STAGE)
        .and_then(|()| rustix::process::chdir("/"))
        .explain(FailureClass::Mount, |why| format!("enter {STAGE}: {why}"))?;
    Ok(image)
}
