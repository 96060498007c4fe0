//! The mounts that every container has, those that the user asked for, and what is hidden or read-only.
//!
//! Options are those of `docker run` (moby oci/defaults.go). All paths are looked up in the container's own root.

use super::files::{self, copy_mount, make_directories, move_mount_to};
use super::start::Joined;
use super::tmpfs;
use crate::failure::{Explain, Failure, FailureClass, quoted};
use crate::sys::mount_attributes::set_read_only;
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_bind_recursive, mount_change};
use std::ffi::CString;
use std::os::fd::OwnedFd;
use vch_agent_proto::{Container, Mount, MountKind, Namespaces, Scope};

const QUIET: MountFlags = MountFlags::NOSUID.union(MountFlags::NOEXEC).union(MountFlags::NODEV);

/// Mounts that a container without an IPC namespace of its own shares with the machine or with another container.
pub(crate) struct Shared {
    ipc: Option<(OwnedFd, OwnedFd)>,
}

impl Shared {
    /// Takes copies of them, while the machine's file system is in sight.
    ///
    /// # Errors
    /// The kernel refuses.
    pub(crate) fn take(of: &Namespaces, joined: &Joined<'_>) -> Result<Self, Failure> {
        let both = || Ok::<_, Failure>((copy_mount("/dev/mqueue")?, copy_mount("/dev/shm")?));
        let ipc = match (&of.ipc, joined.ipc) {
            (Scope::Own, _) => None,
            (_, None) => Some(both()?),
            // Only from inside can mounts of another namespace be copied.
            (_, Some(first)) => Some(files::in_mounts_of(first, both)?),
        };
        Ok(Self { ipc })
    }
}

/// Mounts proc, dev, devpts, sysfs, cgroup, mqueue and shm.
///
/// # Errors
/// A mount point cannot be made, or a mount is refused.
pub(crate) fn standard(container: &Container, shared: Shared) -> Result<(), Failure> {
    let system = if container.privileged { QUIET } else { QUIET | MountFlags::RDONLY };
    let dev = MountFlags::NOSUID | MountFlags::STRICTATIME;
    attach("proc", "/proc", "proc", QUIET, "")?;
    attach("tmpfs", "/dev", "tmpfs", dev, "mode=755,size=65536k")?;
    let pts = "newinstance,ptmxmode=0666,mode=0620,gid=5";
    attach("devpts", "/dev/pts", "devpts", MountFlags::NOSUID | MountFlags::NOEXEC, pts)?;
    attach("sysfs", "/sys", "sysfs", system, "")?;
    attach("cgroup", "/sys/fs/cgroup", "cgroup2", system, "")?;
    let Some((mqueue, shm)) = shared.ipc else {
        attach("mqueue", "/dev/mqueue", "mqueue", QUIET, "")?;
        return attach("shm", "/dev/shm", "tmpfs", QUIET, &format!("mode=1777,size={}", container.shm_size));
    };
    for (mount, target) in [(mqueue, "/dev/mqueue"), (shm, "/dev/shm")] {
        make_directories(target, FailureClass::Mount)?;
        move_mount_to(&mount, target)?;
    }
    Ok(())
}

/// Mounts what the user asked for, in order.
///
/// # Errors
/// A mount point cannot be made, or the options are refused.
pub(crate) fn asked_for(mounts: &[Mount]) -> Result<(), Failure> {
    for Mount { target, kind: MountKind::Tmpfs { options }, read_only } in mounts {
        let mut options = tmpfs::Options::parse(options);
        if *read_only {
            options.flags |= MountFlags::RDONLY;
        }
        attach("tmpfs", target, "tmpfs", options.flags, &options.data)?;
        for propagation in options.propagation {
            change(target, propagation)?;
        }
    }
    Ok(())
}

/// Makes paths read-only and hides others; those that are not there need neither.
///
/// # Errors
/// A mount is refused.
pub(crate) fn protect(read_only: &[String], masked: &[String]) -> Result<(), Failure> {
    for path in read_only {
        let result = CString::new(path.as_str()).map_err(|_| Errno::INVAL).and_then(|name| {
            mount_bind_recursive(name.as_c_str(), name.as_c_str())?;
            set_read_only(&name, false)
        });
        absent_is_fine(result)
            .explain(FailureClass::Mount, |why| format!("can't make {} read-only: {why}", quoted(path)))?;
    }
    for path in masked {
        let result = match rustix::mount::mount_bind("/dev/null", path) {
            Err(Errno::NOTDIR) => mount("tmpfs", path, "tmpfs", MountFlags::RDONLY, None),
            result => result,
        };
        absent_is_fine(result).explain(FailureClass::Mount, |why| format!("can't mask path {path}: {why}"))?;
    }
    Ok(())
}

fn absent_is_fine(result: Result<(), Errno>) -> Result<(), Errno> {
    match result {
        Err(Errno::NOENT) => Ok(()),
        result => result,
    }
}

/// Mounts a file system on a directory, which is made where it is missing.
fn attach(source: &str, target: &str, kind: &str, flags: MountFlags, data: &str) -> Result<(), Failure> {
    let attempt = || {
        let data = CString::new(data).map_err(|_| Errno::INVAL)?;
        mount(source, target, kind, flags, data.as_c_str())
    };
    let result = match attempt() {
        Err(Errno::NOENT) => {
            files::make_directories(target, FailureClass::Mount)?;
            attempt()
        }
        result => result,
    };
    result.explain(FailureClass::Mount, |why| {
        format!("error mounting {} to rootfs at {}: {why}", quoted(source), quoted(target))
    })
}

fn change(target: &str, propagation: MountPropagationFlags) -> Result<(), Failure> {
    mount_change(target, propagation)
        .explain(FailureClass::Mount, |why| format!("set the propagation of {}: {why}", quoted(target)))
}
