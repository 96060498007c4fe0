//! What a starting child tells the agent: its terminal, that all is ready, or why it failed.
//!
//! A socket pair that closes on exec: its end after [`Word::Ready`] says that execve has succeeded.

use crate::failure::{Failure, FailureClass, failure};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};

const TERMINAL: u8 = 1;
const READY: u8 = 2;
const FAILED: u8 = 3;

/// A word from the child.
pub(crate) enum Word {
    /// The master of its terminal.
    Terminal(OwnedFd),
    /// Only execve is left.
    Ready,
    /// It will not run.
    Failed(Failure),
    /// Nothing yet.
    Nothing,
}

/// Makes a channel: the agent's end (non-blocking) and the child's.
///
/// # Errors
/// What socketpair(2) says.
pub(crate) fn open() -> Result<(OwnedFd, OwnedFd), Errno> {
    let pair = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    let flags = rustix::fs::fcntl_getfl(&pair.0)? | rustix::fs::OFlags::NONBLOCK;
    rustix::fs::fcntl_setfl(&pair.0, flags)?;
    Ok(pair)
}

/// The next word, or none after the child's end is closed.
pub(crate) fn receive(channel: BorrowedFd<'_>) -> Option<Word> {
    let mut bytes = [0; 8192];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let length = match recvmsg(channel, &mut [IoSliceMut::new(&mut bytes)], &mut control, RecvFlags::CMSG_CLOEXEC) {
        Ok(message) => message.bytes,
        Err(Errno::AGAIN | Errno::INTR) => return Some(Word::Nothing),
        Err(_) => return None,
    };
    let descriptor = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    let (tag, rest) = bytes.get(..length)?.split_first()?;
    Some(match (*tag, descriptor) {
        (TERMINAL, Some(master)) => Word::Terminal(master),
        (READY, _) => Word::Ready,
        _ => {
            Word::Failed(postcard::from_bytes(rest).unwrap_or_else(|_| {
                failure(FailureClass::Internal, "the starting process failed and could not say why")
            }))
        }
    })
}

/// Passes the terminal's master to the agent.
///
/// # Errors
/// What sendmsg(2) says.
pub(crate) fn send_terminal(channel: BorrowedFd<'_>, master: BorrowedFd<'_>) -> Result<(), Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = [master];
    control.push(SendAncillaryMessage::ScmRights(&descriptors));
    sendmsg(channel, &[IoSlice::new(&[TERMINAL])], &mut control, SendFlags::NOSIGNAL).map(drop)
}

/// Says that only execve is left.
///
/// # Errors
/// What send(2) says.
pub(crate) fn send_ready(channel: BorrowedFd<'_>) -> Result<(), Errno> {
    rustix::net::send(channel, &[READY], SendFlags::NOSIGNAL).map(drop)
}

/// Says why it will not run. Nothing more can be done where this fails.
pub(crate) fn send_failure(channel: BorrowedFd<'_>, failure: &Failure) {
    let mut bytes = vec![FAILED];
    bytes.extend(postcard::to_stdvec(failure).unwrap_or_default());
    let _ = rustix::net::send(channel, &bytes, SendFlags::NOSIGNAL);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn words_arrive_in_order_and_the_end_after_them() {
        let (agent, child) = open().unwrap();
        assert!(matches!(receive(agent.as_fd()), Some(Word::Nothing)));
        let (read, _write) = rustix::pipe::pipe().unwrap();
        send_terminal(child.as_fd(), read.as_fd()).unwrap();
        send_failure(child.as_fd(), &failure(FailureClass::Mount, "no"));
        send_ready(child.as_fd()).unwrap();
        drop(child);
        assert!(matches!(receive(agent.as_fd()), Some(Word::Terminal(_))));
        let Some(Word::Failed(failed)) = receive(agent.as_fd()) else { panic!("no failure came") };
        assert_eq!((failed.class, failed.message.as_str()), (FailureClass::Mount, "no"));
        assert!(matches!(receive(agent.as_fd()), Some(Word::Ready)));
        assert!(receive(agent.as_fd()).is_none());
    }
}
