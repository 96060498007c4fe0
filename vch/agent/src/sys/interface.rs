//! Network interfaces by ioctl, netdevice(7).

use super::check;
use rustix::io::Errno;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Sets or clears `IFF_UP`.
///
/// # Errors
/// `ENODEV` for an unknown name; what the driver says.
pub(crate) fn set_up(socket: BorrowedFd<'_>, name: &str, up: bool) -> Result<(), Errno> {
    let mut request = request(name)?;
    // SAFETY: the request is a whole ifreq with a NUL-terminated name.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFFLAGS, &raw mut request) }.into())?;
    // SAFETY: SIOCGIFFLAGS has filled in this member.
    let mut flags = unsafe { request.ifr_ifru.ifru_flags };
    let bit = libc::IFF_UP as libc::c_short;
    if up {
        flags |= bit;
    } else {
        flags &= !bit;
    }
    request.ifr_ifru.ifru_flags = flags;
    // SAFETY: as above.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) }.into()).map(drop)
}

/// Sets an Ethernet interface's address; the interface must be down.
///
/// # Errors
/// `EADDRNOTAVAIL` for a multicast or zero address, `EBUSY` while the interface is up; what the driver says.
pub(crate) fn set_address(socket: BorrowedFd<'_>, name: &str, mac: [u8; 6]) -> Result<(), Errno> {
    let mut request = request(name)?;
    // SAFETY: sockaddr is plain data.
    let mut address: libc::sockaddr = unsafe { std::mem::zeroed() };
    address.sa_family = libc::ARPHRD_ETHER;
    for (to, from) in address.sa_data.iter_mut().zip(mac) {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_hwaddr = address;
    // SAFETY: the request is a whole ifreq with a NUL-terminated name.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFHWADDR, &raw const request) }.into()).map(drop)
}

fn request(name: &str) -> Result<libc::ifreq, Errno> {
    // SAFETY: ifreq is plain data.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    if name.len() >= request.ifr_name.len() {
        return Err(Errno::NODEV);
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    Ok(request)
}
