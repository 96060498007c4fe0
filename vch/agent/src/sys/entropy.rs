//! Feeding the kernel's random number generator, random(4).

use super::check;
use rustix::io::Errno;
use std::os::fd::{AsRawFd, BorrowedFd};

/// `_IOW('R', 0x03, int[2])`, linux/random.h
const RNDADDENTROPY: libc::c_ulong = 0x4008_5203;
/// `_IO('R', 0x07)`, linux/random.h
const RNDRESEEDCRNG: libc::c_ulong = 0x5207;

/// Most bytes taken at a time; the protocol's own bound.
const MAX: usize = 512;

#[repr(C)]
struct PoolInfo {
    entropy_bits: libc::c_int,
    bytes: libc::c_int,
    pool: [u8; MAX],
}

/// Mixes `bytes` into the pool, credits them in full, and reseeds the generator from the pool at once.
///
/// # Errors
/// `EINVAL` for more than 512 bytes; what the ioctls say.
pub(crate) fn reseed(random: BorrowedFd<'_>, bytes: &[u8]) -> Result<(), Errno> {
    let mut info = PoolInfo { entropy_bits: bytes.len() as i32 * 8, bytes: bytes.len() as i32, pool: [0; MAX] };
    info.pool.get_mut(..bytes.len()).ok_or(Errno::INVAL)?.copy_from_slice(bytes);
    // SAFETY: the structure is laid out as rand_pool_info and lives through the call; `bytes` is within the array.
    check(unsafe { libc::ioctl(random.as_raw_fd(), RNDADDENTROPY, &raw const info) }.into())?;
    info.pool.fill(0);
    // The secret must not stay in a dead stack frame; black_box keeps the compiler from dropping the fill.
    std::hint::black_box(&info.pool);
    // SAFETY: takes no argument.
    check(unsafe { libc::ioctl(random.as_raw_fd(), RNDRESEEDCRNG) }.into()).map(drop)
}
