//! The one place with `unsafe`: what a child process does between `fork` and `exec`, and waiting for a descriptor.
//!
//! [`qemu::process`](crate::qemu) calls it. It promises that the child leads a session of its own and keeps, besides
//! its standard streams, exactly the descriptors it was given.
#![expect(unsafe_code, reason = "neither a child's session and descriptors nor AsyncFd can be had through safe calls")]

use std::{
    io,
    os::{
        fd::{BorrowedFd, OwnedFd, RawFd},
        unix::process::CommandExt,
    },
    process::Command,
    sync::Arc,
};
use tokio::io::{Interest, unix::AsyncFd};

/// `fd`, to be awaited until it is readable: a pidfd is when its process has ended.
///
/// # Errors
/// The kernel cannot watch it.
pub(crate) fn readable(fd: Arc<OwnedFd>) -> io::Result<AsyncFd<Arc<OwnedFd>>> {
    // SAFETY: the Arc keeps the descriptor open for the AsyncFd's whole life, and nobody can replace an Arc's content.
    let watched = unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) };
    watched.map_err(|error| error.into_parts().1)
}

/// Makes `command`'s child lead a session of its own, so that no terminal's signal reaches it, and inherit of all
/// descriptors from 3 up just `keep`, under their numbers. They must stay open until the child was spawned.
pub(crate) fn own_session(command: &mut Command, keep: Vec<RawFd>) {
    let prepare = move || {
        rustix::process::setsid()?;
        close_all_on_exec()?;
        for &fd in &keep {
            // SAFETY: the caller keeps these descriptors open until the spawn is over, and this is the child's copy.
            let fd = unsafe { BorrowedFd::borrow_raw(fd) };
            rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::empty())?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes system calls only: it takes no lock and allocates nothing, and it
    // touches no memory of the parent but the vector, which the fork copied.
    unsafe { command.pre_exec(prepare) };
}

/// Marks every descriptor from 3 up to be closed by `exec`. Rust opens all its own so; this catches the ones that C
/// code in the same process left open. Linux before 5.9 does not have the call, and goes without the second catch.
fn close_all_on_exec() -> io::Result<()> {
    const FIRST: libc::c_uint = 3;
    // SAFETY: close_range with CLOSE_RANGE_CLOEXEC only sets flags of this process's own descriptors.
    let done = unsafe { libc::syscall(libc::SYS_close_range, FIRST, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    match done {
        0 => Ok(()),
        _ => match io::Error::last_os_error() {
            old if old.raw_os_error() == Some(libc::ENOSYS) => Ok(()),
            error => Err(error),
        },
    }
}
