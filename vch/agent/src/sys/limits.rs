//! Resource limits by number (asm-generic/resource.h).

use super::check;
use rustix::io::Errno;

/// Sets one limit of this process; `u64::MAX` is infinity.
///
/// # Errors
/// `EINVAL` for a soft limit over the hard one or an unknown resource, `EPERM` for a hard limit over the kernel's own.
pub(crate) fn set(resource: u8, soft: u64, hard: u64) -> Result<(), Errno> {
    let limit = libc::rlimit { rlim_cur: soft, rlim_max: hard };
    // SAFETY: the structure lives through the call.
    check(unsafe { libc::setrlimit(resource.into(), &raw const limit) }.into()).map(drop)
}
