//! Signals: blocked and read from a descriptor in the agent, back to their defaults in its children.

use super::check;
use rustix::{io::Errno, process::Pid};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Blocks every signal and returns a non-blocking descriptor that becomes readable when a child ends.
///
/// # Errors
/// What sigprocmask(2) or signalfd(2) says.
pub(crate) fn children_descriptor() -> Result<OwnedFd, Errno> {
    let all = filled();
    // SAFETY: the set is initialised; no old mask is asked for.
    check(unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut()) }.into())?;
    // SAFETY: plain data, initialised by sigemptyset.
    let mut children: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is ours, the signal number valid.
    unsafe {
        libc::sigemptyset(&raw mut children);
        libc::sigaddset(&raw mut children, libc::SIGCHLD);
    }
    // SAFETY: the set is initialised; −1 asks for a new descriptor.
    let fd = check(unsafe { libc::signalfd(-1, &raw const children, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) }.into())?;
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Unblocks every signal and gives `SIGPIPE` its default action back, the only one that this program ignores: caught
/// ones get theirs from execve(2) itself.
pub(crate) fn reset() {
    // SAFETY: SIG_DFL is valid for every signal.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    // SAFETY: plain data, initialised by sigemptyset.
    let mut none: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is ours.
    unsafe {
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
}

/// Blocks every signal, for a process that takes them with [`next`].
pub(crate) fn block_all() {
    let all = filled();
    // SAFETY: the set is initialised.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut()) };
}

/// Waits for the next signal and returns its number.
pub(crate) fn next() -> Option<i32> {
    let all = filled();
    let mut signal = 0;
    // SAFETY: both point to live data.
    (unsafe { libc::sigwait(&raw const all, &raw mut signal) } == 0).then_some(signal)
}

/// Sends a signal by process descriptor, so that it can never reach a successor of the same process ID.
///
/// # Errors
/// `ESRCH` where the process has ended, `EINVAL` for a signal number that there is not.
pub(crate) fn send(pidfd: BorrowedFd<'_>, signal: i32) -> Result<(), Errno> {
    // SAFETY: no siginfo is passed.
    check(unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, std::ptr::null::<libc::siginfo_t>(), 0)
    })
    .map(drop)
}

/// Sends a signal by process ID: only for a child that has not been waited for.
pub(crate) fn send_to_child(child: Pid, signal: i32) {
    // SAFETY: kill takes plain numbers.
    unsafe { libc::kill(child.as_raw_nonzero().get(), signal) };
}

fn filled() -> libc::sigset_t {
    // SAFETY: plain data, initialised by sigfillset.
    let mut all: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is ours.
    unsafe { libc::sigfillset(&raw mut all) };
    all
}
