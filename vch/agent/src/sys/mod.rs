//! The only room of the agent with `unsafe`: kernel calls that rustix lacks, each behind a safe function.
//!
//! Invariant: the agent has one thread, always. Forking, namespace changes and changes of credentials rely on it.
#![allow(unsafe_code)]

pub(crate) mod bpf;
pub(crate) mod entropy;
pub(crate) mod exec;
pub(crate) mod fork;
pub(crate) mod interface;
pub(crate) mod limits;
pub(crate) mod mount_attributes;
pub(crate) mod sessions;
pub(crate) mod signals;
pub(crate) mod terminal;
pub(crate) mod uevent;

use rustix::io::Errno;

/// What a raw call that answers −1 on failure answered.
fn check(answer: libc::c_long) -> Result<libc::c_long, Errno> {
    if answer < 0 {
        // SAFETY: errno's location is always valid for the calling thread.
        return Err(Errno::from_raw_os_error(unsafe { *libc::__errno_location() }));
    }
    Ok(answer)
}
