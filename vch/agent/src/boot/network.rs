//! Network namespaces, made ahead: one stands ready in the template, so that a clone's first container need not wait for
//! the kernel to set one up.

use super::power_off;
use crate::failure::{Explain, Failure, FailureClass, report};
use crate::sys::{self, fork, fork::namespace};
use rustix::fs::{Mode, OFlags, open};
use std::os::fd::{AsFd, OwnedFd};

/// Makes a network namespace with `lo` up, for a container to join.
///
/// # Errors
/// The kernel refuses.
pub(crate) fn prepare() -> Result<OwnedFd, Failure> {
    let own = current()?;
    fork::leave(namespace::NETWORK).explain(FailureClass::Setting, |why| format!("make a network namespace: {why}"))?;
    let made = loopback().and_then(|()| current());
    if let Err(error) = fork::join(own.as_fd(), namespace::NETWORK) {
        // The agent would set addresses in a namespace that is a container's.
        report(&format!("the machine's network namespace cannot be entered again: {error}"));
        power_off();
    }
    made
}

fn current() -> Result<OwnedFd, Failure> {
    open("/proc/self/ns/net", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .explain(FailureClass::Internal, |why| format!("open the network namespace: {why}"))
}

/// Brings up `lo` in the network namespace of the caller.
///
/// # Errors
/// No socket can be had, or there is no `lo`.
pub(crate) fn loopback() -> Result<(), Failure> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
    socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)
        .and_then(|socket| sys::interface::set_up(socket.as_fd(), "lo", true))
        .explain(FailureClass::Setting, |why| format!("bring up lo: {why}"))
}
