//! Starting a child with clone3(2), and moving between namespaces.

use super::check;
use rustix::{io::Errno, process::Pid};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// linux/sched.h; libc's own constant is too narrow for it.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// Which side of the fork this is.
pub(crate) enum Forked {
    /// The agent, and its new child.
    Parent {
        /// The child's process ID in the agent's namespace.
        pid: Pid,
        /// A descriptor of the child, closed on exec.
        pidfd: OwnedFd,
    },
    /// The child.
    Child,
}

/// Namespaces as `CLONE_NEW*` bits.
pub(crate) mod namespace {
    /// Mounts.
    pub(crate) const MOUNT: u64 = libc::CLONE_NEWNS as u64;
    /// Process IDs.
    pub(crate) const PID: u64 = libc::CLONE_NEWPID as u64;
    /// System V IPC and POSIX queues.
    pub(crate) const IPC: u64 = libc::CLONE_NEWIPC as u64;
    /// Host name.
    pub(crate) const UTS: u64 = libc::CLONE_NEWUTS as u64;
    /// Network.
    pub(crate) const NETWORK: u64 = libc::CLONE_NEWNET as u64;
    /// cgroup root.
    pub(crate) const CGROUP: u64 = libc::CLONE_NEWCGROUP as u64;
}

/// Forks into new namespaces (a sum of [`namespace`] bits) and, where given, straight into a cgroup.
///
/// # Errors
/// What clone3(2) says, for instance `EBUSY` for a cgroup that has child cgroups with controllers.
pub(crate) fn fork(namespaces: u64, cgroup: Option<BorrowedFd<'_>>) -> Result<Forked, Errno> {
    let mut pidfd: libc::c_int = -1;
    // SAFETY: clone_args is plain data, for which zero is valid.
    let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
    arguments.flags = namespaces | libc::CLONE_PIDFD as u64;
    arguments.pidfd = &raw mut pidfd as u64;
    arguments.exit_signal = libc::SIGCHLD as u64;
    if let Some(cgroup) = cgroup {
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = cgroup.as_raw_fd() as u64;
    }
    // SAFETY: without CLONE_VM this is fork(2); the agent has one thread, so the child's copy of memory (allocator
    // locks included) is in a consistent state, and the child may go on as ordinary code.
    let answer = check(unsafe { libc::syscall(libc::SYS_clone3, &raw mut arguments, size_of::<libc::clone_args>()) })?;
    match Pid::from_raw(answer as i32) {
        None => Ok(Forked::Child),
        // SAFETY: the kernel has just made this descriptor for us and nobody else knows it.
        Some(pid) => Ok(Forked::Parent { pid, pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) } }),
    }
}

/// Joins the namespaces (a sum of [`namespace`] bits) of the process that `pidfd` names, or of the namespace file that it is.
///
/// # Errors
/// What setns(2) says: `ESRCH` where the process has ended.
pub(crate) fn join(pidfd: BorrowedFd<'_>, namespaces: u64) -> Result<(), Errno> {
    // SAFETY: setns changes only this thread's namespaces; no memory is passed.
    check(unsafe { libc::setns(pidfd.as_raw_fd(), namespaces as libc::c_int) }.into()).map(drop)
}

/// Moves into new namespaces (a sum of [`namespace`] bits): a cgroup namespace is rooted at the caller's cgroup.
///
/// # Errors
/// What unshare(2) says.
pub(crate) fn leave(namespaces: u64) -> Result<(), Errno> {
    // SAFETY: new namespaces touch no memory and no descriptors.
    check(unsafe { libc::unshare(namespaces as libc::c_int) }.into()).map(drop)
}

/// Closes every descriptor above standard error but two: for a child that does one thing and then [`exit`]s.
pub(crate) fn close_all_but(kept: [BorrowedFd<'_>; 2]) {
    let mut kept = kept.map(|descriptor| descriptor.as_raw_fd() as u32);
    kept.sort_unstable();
    let [low, high] = kept;
    for (from, to) in [(3, low.saturating_sub(1)), (low + 1, high.saturating_sub(1)), (high + 1, u32::MAX)] {
        if from <= to {
            // SAFETY: the owners of these descriptors are in the copied memory of a child that exits without touching
            // them again, and never runs their destructors.
            unsafe { libc::syscall(libc::SYS_close_range, from, to, 0) };
        }
    }
}

/// Ends this process at once, without running anything on the way.
pub(crate) fn exit(code: i32) -> ! {
    // SAFETY: _exit never returns and needs nothing.
    unsafe { libc::_exit(code) }
}
