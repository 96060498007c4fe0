//! Pseudo-terminals inside a container's own devpts.

use super::check;
use rustix::io::Errno;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Lets the slave side be opened (`TIOCSPTLCK` with 0).
///
/// # Errors
/// `ENOTTY` where `master` is no pseudo-terminal's master.
pub(crate) fn unlock(master: BorrowedFd<'_>) -> Result<(), Errno> {
    let locked: libc::c_int = 0;
    // SAFETY: points to an int that lives through the call.
    check(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSPTLCK, &raw const locked) }.into()).map(drop)
}

/// The slave's number: its name under `/dev/pts`.
///
/// # Errors
/// `ENOTTY` where `master` is no pseudo-terminal's master.
pub(crate) fn number(master: BorrowedFd<'_>) -> Result<u32, Errno> {
    let mut number: libc::c_uint = 0;
    // SAFETY: points to an unsigned int that lives through the call.
    check(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTN, &raw mut number) }.into())?;
    Ok(number)
}
