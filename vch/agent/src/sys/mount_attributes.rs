//! mount_setattr(2): changing a mount's attributes without restating all of them.

use super::check;
use rustix::io::Errno;
use std::ffi::CStr;

/// linux/mount.h
const MOUNT_ATTR_RDONLY: u64 = 0x1;

#[repr(C)]
struct MountAttributes {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

/// Makes the mount at `path` read-only, and with `recursive` those beneath it; other attributes stay.
///
/// # Errors
/// `EINVAL` where `path` is not a mount's root.
pub(crate) fn set_read_only(path: &CStr, recursive: bool) -> Result<(), Errno> {
    let attributes = MountAttributes { set: MOUNT_ATTR_RDONLY, clear: 0, propagation: 0, user_namespace: 0 };
    let flags = if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: path and attributes live through the call; the size is the structure's first version.
    check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            path.as_ptr(),
            flags,
            &raw const attributes,
            size_of::<MountAttributes>(),
        )
    })
    .map(drop)
}
