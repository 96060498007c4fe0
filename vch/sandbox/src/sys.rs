//! The kernel interfaces that no crate wraps.

#![allow(unsafe_code, reason = "the one place for it; each use says why it holds")]

use rustix::fd::OwnedFd;
use rustix::io;
use rustix::ioctl;
use rustix::thread::UnshareFlags;

/// `TUNSETIFF`: `_IOW('T', 202, int)` (linux/if_tun.h).
const TUNSETIFF: ioctl::Opcode = 0x4004_54ca;

/// `IFF_TAP | IFF_NO_PI | IFF_VNET_HDR` (linux/if_tun.h): Ethernet frames, no extra header but virtio's own, which QEMU
/// uses for checksum and segmentation offloads.
const TAP_FLAGS: u16 = 0x0002 | 0x1000 | 0x4000;

/// `struct ifreq` (linux/if.h) as `TUNSETIFF` reads and writes it.
#[repr(C)]
struct InterfaceRequest {
    name: [u8; 16],
    flags: u16,
    rest: [u8; 22],
}

/// Moves the calling thread into a network namespace of its own. The thread must be one that does nothing else.
pub(crate) fn enter_new_network() -> io::Result<()> {
    // SAFETY: only the file descriptor table would be unsound to unshare; NEWNET touches no memory or descriptors.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }
}

/// Makes a tap device in the calling thread's network namespace, which goes when the descriptor is closed. The kernel
/// names it from `pattern` (`vch%d`).
pub(crate) fn open_tap(pattern: &str) -> io::Result<OwnedFd> {
    use rustix::fs::{Mode, OFlags};
    let tun = rustix::fs::open("/dev/net/tun", OFlags::RDWR | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty())?;
    let mut request = InterfaceRequest { name: [0; 16], flags: TAP_FLAGS, rest: [0; 22] };
    let length = pattern.len().min(request.name.len() - 1);
    request.name[..length].copy_from_slice(&pattern.as_bytes()[..length]);
    // SAFETY: TUNSETIFF reads and writes one `struct ifreq` of 40 bytes, which InterfaceRequest is, and it outlives the call.
    unsafe {
        let operation = ioctl::Updater::<TUNSETIFF, InterfaceRequest>::new(&mut request);
        ioctl::ioctl(&tun, operation)?;
    }
    Ok(tun)
}
