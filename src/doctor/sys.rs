//! The calls to the kernel that [`super::network`] makes and that Rust cannot check.

#![expect(unsafe_code, reason = "namespaces and ioctls, a SAFETY note each")]

use rustix::{
    ioctl::{Setter, Updater, ioctl},
    net::{AddressFamily, SocketFlags, SocketType, netdevice::name_to_index, socket_with},
    thread::{UnshareFlags, unshare_unsafe},
};
use std::{
    fs::{File, OpenOptions},
    io,
};

/// Longest name of an interface, with its closing zero (`linux/if.h`).
const NAME: usize = 16;
/// `linux/sockios.h`.
const SIOCBRADDBR: u32 = 0x89a0;
const SIOCBRADDIF: u32 = 0x89a2;
/// `linux/if_tun.h`: `_IOW('T', 202, int)`, and the flags of a tap without packet information.
const TUNSETIFF: u32 = 0x4004_54ca;
const IFF_TAP_NO_PI: u16 = 0x0002 | 0x1000;

/// `struct ifreq` with the member that TUNSETIFF reads.
#[repr(C)]
struct Flags {
    name: [u8; NAME],
    flags: u16,
    rest: [u8; 22],
}

/// `struct ifreq` with the member that SIOCBRADDIF reads.
#[repr(C)]
struct Index {
    name: [u8; NAME],
    index: i32,
    rest: [u8; 20],
}

/// Moves this thread to a new network namespace.
pub(super) fn leave_network() -> io::Result<()> {
    // SAFETY: only NEWNET is unshared, not the file table, so that no descriptor of another thread changes its meaning.
    Ok(unsafe { unshare_unsafe(UnshareFlags::NEWNET) }?)
}

/// Makes a bridge in this thread's namespace.
pub(super) fn add_bridge(name: &str) -> io::Result<()> {
    // SAFETY: SIOCBRADDBR reads a name of NAME bytes, closed by a zero, from the pointer that `Setter` passes.
    Ok(unsafe { ioctl(control()?, Setter::<SIOCBRADDBR, [u8; NAME]>::new(padded(name)?)) }?)
}

/// Makes a tap in this thread's namespace; it goes when the file is closed.
pub(super) fn add_tap(name: &str) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).open("/dev/net/tun")?;
    let mut request = Flags { name: padded(name)?, flags: IFF_TAP_NO_PI, rest: [0; 22] };
    // SAFETY: TUNSETIFF reads a `struct ifreq`, 40 bytes on this architecture, which `Flags` is, and writes it back.
    unsafe { ioctl(&file, Updater::<TUNSETIFF, Flags>::new(&mut request)) }?;
    Ok(file)
}

/// Makes the interface `port` a port of `bridge`.
pub(super) fn join_bridge(bridge: &str, port: &str) -> io::Result<()> {
    let control = control()?;
    let index = name_to_index(&control, port)? as i32;
    let request = Index { name: padded(bridge)?, index, rest: [0; 20] };
    // SAFETY: SIOCBRADDIF reads a `struct ifreq`, which `Index` is.
    Ok(unsafe { ioctl(control, Setter::<SIOCBRADDIF, Index>::new(request)) }?)
}

/// Any socket will do for the ioctls of interfaces (netdevice(7)).
fn control() -> io::Result<std::os::fd::OwnedFd> {
    Ok(socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?)
}

fn padded(name: &str) -> io::Result<[u8; NAME]> {
    let mut bytes = [0; NAME];
    bytes
        .get_mut(..name.len())
        .filter(|_| name.len() < NAME)
        .ok_or(io::ErrorKind::InvalidInput)?
        .copy_from_slice(name.as_bytes());
    Ok(bytes)
}
