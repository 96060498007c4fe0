//! The task that writes commands, with a descriptor beside the bytes where one is passed.
//!
//! Callers queue whole commands for it, so that one who gives up waiting never leaves half a line behind.

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use std::{
    io::IoSlice,
    mem::MaybeUninit,
    os::fd::{AsFd, OwnedFd},
};
use tokio::{io::Interest, net::unix::OwnedWriteHalf, sync::mpsc};

/// A command on its way.
pub(super) struct Outgoing {
    /// The line, line feed included.
    pub(super) line: Vec<u8>,
    /// A descriptor that travels with it (SCM_RIGHTS) and is closed here afterwards.
    pub(super) fd: Option<OwnedFd>,
}

/// Writes until the queue or the connection ends; the reading task notices the latter.
pub(super) async fn write(socket: OwnedWriteHalf, mut queue: mpsc::UnboundedReceiver<Outgoing>) {
    while let Some(outgoing) = queue.recv().await {
        if let Err(error) = write_one(&socket, outgoing).await {
            tracing::debug!(%error, "cannot write to the monitor");
            return;
        }
    }
}

async fn write_one(socket: &OwnedWriteHalf, outgoing: Outgoing) -> std::io::Result<()> {
    let mut fd = outgoing.fd;
    let mut rest = outgoing.line.as_slice();
    while !rest.is_empty() {
        let sent = socket.as_ref().async_io(Interest::WRITABLE, || send(socket.as_ref(), rest, fd.as_ref())).await?;
        // The descriptor went with the first byte.
        fd = None;
        rest = rest.get(sent..).unwrap_or_default();
    }
    Ok(())
}

fn send(socket: impl AsFd, bytes: &[u8], fd: Option<&OwnedFd>) -> std::io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fds = fd.map(|fd| [fd.as_fd()]);
    if let Some(fds) = &fds {
        control.push(SendAncillaryMessage::ScmRights(fds));
    }
    Ok(sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)?)
}
