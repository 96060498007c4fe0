//! Device events of the kernel: a netlink socket that becomes readable when a device appears.

use super::check;
use rustix::io::Errno;
use std::os::fd::{FromRawFd, OwnedFd};

/// Opens a non-blocking socket in the kernel's uevent group.
///
/// # Errors
/// What socket(2) or bind(2) says.
pub(crate) fn listen() -> Result<OwnedFd, Errno> {
    let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: takes plain numbers.
    let fd = check(unsafe { libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_KOBJECT_UEVENT) }.into())?;
    // SAFETY: the kernel has just made this descriptor for us.
    let socket = unsafe { OwnedFd::from_raw_fd(fd as i32) };
    // SAFETY: sockaddr_nl is plain data.
    let mut address: libc::sockaddr_nl = unsafe { std::mem::zeroed() };
    address.nl_family = libc::AF_NETLINK as libc::sa_family_t;
    address.nl_groups = 1;
    let size = size_of::<libc::sockaddr_nl>() as libc::socklen_t;
    // SAFETY: the address lives through the call and has the size given.
    check(unsafe { libc::bind(fd as i32, (&raw const address).cast(), size) }.into())?;
    Ok(socket)
}
