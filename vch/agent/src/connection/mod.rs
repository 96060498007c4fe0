//! The agent port as the agent sees it: whole frames in, frames out, and whether the host is there.
//!
//! The port is edge-triggered: after an event it is read until it would block, and written until it would block. Without
//! a host it reports a hang-up once and then keeps quiet, so an idle machine wakes for nothing.
//!
//! Bounds: at most [`HIGH_WATER`] bytes of stream data wait to be sent, beyond which no stream is read; control frames
//! are few (a reply a request, two events a process) and may exceed it.

pub(crate) mod streams;
#[cfg(test)]
mod tests;

use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use vch_agent_proto::{Decoder, Frame, Header, Kind, MAX_DATA};

/// Stream data is put in line only while fewer bytes than this wait.
pub(crate) const HIGH_WATER: usize = 128 * 1024;
/// Most bytes that one write hands to the port: its driver copies no more at a time.
const WRITE: usize = 32 * 1024;
/// Most bytes that one read takes, from the port or a stream: a data frame's payload.
const READ: usize = MAX_DATA;

/// What reading found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// More bytes may be there.
    More,
    /// Nothing more until the next event.
    Dry,
    /// The host has gone. Said once; until it is seen again there is nothing to read.
    Absent,
}

/// The port and what is on its way through it.
pub(crate) struct Connection {
    port: OwnedFd,
    decoder: Decoder,
    out: Vec<u8>,
    sent: usize,
    writable: bool,
    /// Whether the host was seen on the port. What it says can arrive ahead of the news that it is there, since data and
    /// port state come by queues of their own: such words count, though the port still says that nobody is there.
    host_seen: bool,
    scratch: Vec<u8>,
}

impl Connection {
    /// Wraps an open, non-blocking port.
    pub(crate) fn new(port: OwnedFd) -> Self {
        let (decoder, out, scratch) = (Decoder::default(), Vec::new(), vec![0; READ]);
        Self { port, decoder, out, sent: 0, writable: true, host_seen: false, scratch }
    }

    /// The port, for the event loop.
    pub(crate) fn port(&self) -> BorrowedFd<'_> {
        self.port.as_fd()
    }

    /// Reads once; frames come from [`Self::next_frame`].
    pub(crate) fn read(&mut self) -> Read {
        match rustix::io::read(&self.port, self.scratch.as_mut_slice()) {
            Ok(0) if std::mem::take(&mut self.host_seen) => Read::Absent,
            Ok(0) => Read::Dry,
            Ok(count) => {
                self.decoder.push(self.scratch.get(..count).unwrap_or_default());
                Read::More
            }
            Err(Errno::INTR) => Read::More,
            Err(Errno::AGAIN) => {
                self.host_seen = true;
                Read::Dry
            }
            Err(_) => Read::Absent,
        }
    }

    /// The next whole frame. After bytes that are no frame everything read so far is forgotten: the host starts again.
    pub(crate) fn next_frame(&mut self) -> Option<Frame> {
        match self.decoder.next_frame() {
            Ok(frame) => frame,
            Err(error) => {
                crate::failure::report(&format!("the host sent no frame: {error}"));
                self.decoder.clear();
                None
            }
        }
    }

    /// Forgets what was half read and half sent: the host has gone, or has started anew.
    pub(crate) fn clear(&mut self) {
        self.decoder.clear();
        self.out.clear();
        self.sent = 0;
        self.writable = true;
    }

    /// Puts a frame in line.
    pub(crate) fn send(&mut self, frame: &Frame) {
        frame.encode_into(&mut self.out);
    }

    /// Puts data of a stream in line: one read of `source`, of at most `limit` bytes.
    ///
    /// # Errors
    /// What the read says; nothing is put in line then, nor where it answers 0.
    pub(crate) fn send_from(&mut self, stream: u32, source: BorrowedFd<'_>, limit: usize) -> Result<usize, Errno> {
        let limit = limit.min(self.scratch.len());
        let length = rustix::io::read(source, self.scratch.get_mut(..limit).unwrap_or_default())?;
        if length > 0 {
            self.out.extend_from_slice(&Header { kind: Kind::Data, stream, length }.encode());
            self.out.extend_from_slice(self.scratch.get(..length).unwrap_or_default());
        }
        Ok(length)
    }

    /// Whether stream data may be put in line.
    pub(crate) fn has_room(&self) -> bool {
        self.out.len() - self.sent < HIGH_WATER
    }

    /// The port can be written again.
    pub(crate) fn set_writable(&mut self) {
        self.writable = true;
    }

    /// Writes until everything is out or the port would block.
    pub(crate) fn flush(&mut self) {
        while self.writable && self.sent < self.out.len() {
            let end = self.out.len().min(self.sent + WRITE);
            match rustix::io::write(&self.port, self.out.get(self.sent..end).unwrap_or_default()) {
                Ok(0) | Err(Errno::AGAIN) => self.writable = false,
                Ok(count) => self.sent += count,
                Err(Errno::INTR) => {}
                // Without a host nothing can be sent; its absence shows when reading.
                Err(_) => self.writable = false,
            }
        }
        if self.sent == self.out.len() {
            self.out.clear();
            self.sent = 0;
        } else if self.sent > HIGH_WATER {
            self.out.drain(..self.sent);
            self.sent = 0;
        }
    }
}
