//! execve(2) and what surrounds it.

use super::check;
use rustix::io::Errno;
use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, BorrowedFd};

/// Replaces this process by the program at `path`. Returns only the error.
pub(crate) fn execve(path: &CStr, arguments: &[CString], environment: &[CString]) -> Errno {
    let (arguments, environment) = (pointers(arguments), pointers(environment));
    // SAFETY: all three point to NUL-terminated data that lives until the call returns, the arrays end with null.
    failure(unsafe { libc::execve(path.as_ptr(), arguments.as_ptr(), environment.as_ptr()) }.into())
}

/// Replaces this process by the program that the descriptor names (`AT_EMPTY_PATH`). Returns only the error.
pub(crate) fn execve_descriptor(program: BorrowedFd<'_>, arguments: &[CString], environment: &[CString]) -> Errno {
    let (arguments, environment) = (pointers(arguments), pointers(environment));
    // SAFETY: as in `execve`; the path is empty, so the descriptor is the program.
    failure(unsafe {
        libc::syscall(
            libc::SYS_execveat,
            program.as_raw_fd(),
            c"".as_ptr(),
            arguments.as_ptr(),
            environment.as_ptr(),
            libc::AT_EMPTY_PATH,
        )
    })
}

/// Marks every descriptor above standard error close-on-exec.
///
/// # Errors
/// What close_range(2) says.
pub(crate) fn close_all_on_exec() -> Result<(), Errno> {
    // SAFETY: sets a flag on descriptors; nothing is closed here.
    check(unsafe { libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) }).map(drop)
}

/// Hides this process's memory and descriptors from other processes until it executes a program: a root user in the
/// container's process namespace could otherwise reach through them into the machine (CVE-2016-9962).
///
/// # Errors
/// What prctl(2) says.
pub(crate) fn hide() -> Result<(), Errno> {
    // SAFETY: PR_SET_DUMPABLE takes plain numbers.
    check(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) }.into()).map(drop)
}

/// Makes `descriptor` standard input, output or error (`number` 0 to 2), open across exec.
///
/// # Errors
/// What dup2(2) says.
pub(crate) fn become_standard(descriptor: BorrowedFd<'_>, number: u8) -> Result<(), Errno> {
    // SAFETY: the standard descriptors belong to no OwnedFd in the agent, so none is closed behind its owner's back.
    check(unsafe { libc::dup2(descriptor.as_raw_fd(), number.min(2).into()) }.into()).map(drop)
}

fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings.iter().map(|s| s.as_ptr()).chain([std::ptr::null()]).collect()
}

fn failure(answer: libc::c_long) -> Errno {
    check(answer).err().unwrap_or(Errno::INVAL)
}
