//! Output of one process: both channels in one queue, in the order of their arrival, each with credit of its own.
//!
//! The reader task pushes, one [`OutputReader`] takes. Credit goes back only for bytes that were handed out, so a
//! consumer that stops makes its own guest process wait, and nothing else.

use super::link::Link;
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use vch_agent_proto::WINDOW;

/// Payloads from this size on, in bytes, are kept as slices of the buffer that they were read into; smaller ones are
/// copied together, since a small slice would hold a whole buffer.
const SLICE: usize = 16 * 1024;

/// Pieces in a queue beyond which small payloads join the last piece of their channel, wherever it stands: a guest that
/// alternates channels byte by byte must not cost a piece for each. Order between channels is coarser then.
const PIECES: usize = 1024;

/// Bytes handed out after which their credit goes back: a quarter of the window, so that the guest never runs dry while
/// the consumer keeps up.
const GRANT: u32 = WINDOW / 4;

/// Which stream of a process. A terminal has only [`Channel::Stdout`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Standard output, or the terminal.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How a guest broke the protocol.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum Breach {
    #[error(transparent)]
    Frame(#[from] vch_agent_proto::FrameError),
    #[error("a request from the guest")]
    Request,
    #[error("reply to request {0}, which was not made")]
    Reply(u32),
    #[error("exit of process {0}, which was not started")]
    Process(u32),
    #[error("release of a container that was not run")]
    Container,
    #[error("frame for stream {0}, which was not opened")]
    Stream(u32),
    #[error("data beyond the credit of stream {0}")]
    Overrun(u32),
    #[error("credit beyond the window of stream {0}")]
    Credit(u32),
}

/// The queue between the reader task and the consumer.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    ready: Notify,
}

#[derive(Debug, Default)]
struct State {
    pieces: VecDeque<(Channel, Piece)>,
    sides: [Side; 2],
}

/// One channel.
#[derive(Debug, Default)]
struct Side {
    /// The stream's number; 0 until it is opened.
    stream: u32,
    /// Whether more bytes may come.
    open: bool,
    /// Bytes that the guest may still send.
    credit: u32,
    /// Bytes handed out and not yet given back as credit.
    owed: u32,
}

#[derive(Debug)]
enum Piece {
    Slice(Bytes),
    Joined(BytesMut),
}

impl Queue {
    /// Opens one channel. Called before its number is sent.
    pub(super) fn open(&self, channel: Channel, stream: u32) {
        self.state().sides[channel as usize] = Side { stream, open: true, credit: WINDOW, owed: 0 };
    }

    pub(super) fn push(&self, channel: Channel, bytes: Bytes) -> Result<(), Breach> {
        let mut state = self.state();
        let State { pieces, sides } = &mut *state;
        let side = &mut sides[channel as usize];
        let length = u32::try_from(bytes.len()).map_err(|_| Breach::Overrun(side.stream))?;
        side.credit = side.credit.checked_sub(length).ok_or(Breach::Overrun(side.stream))?;
        if bytes.is_empty() {
            return Ok(());
        }
        if bytes.len() >= SLICE {
            pieces.push_back((channel, Piece::Slice(bytes)));
        } else {
            let crowded = pieces.len() >= PIECES;
            let joined =
                pieces.iter_mut().rev().take(if crowded { usize::MAX } else { 1 }).find_map(|piece| match piece {
                    (of, Piece::Joined(joined)) if *of == channel => Some(joined),
                    _ => None,
                });
            match joined {
                Some(joined) => joined.extend_from_slice(&bytes),
                None => pieces.push_back((channel, Piece::Joined(BytesMut::from(&bytes[..])))),
            }
        }
        drop(state);
        self.ready.notify_one();
        Ok(())
    }

    pub(super) fn end(&self, channel: Channel) {
        self.state().sides[channel as usize].open = false;
        self.ready.notify_one();
    }

    /// Drops what is queued and says which streams were still open.
    fn shut(&self) -> Vec<u32> {
        let mut state = self.state();
        state.pieces.clear();
        state.sides.iter_mut().filter_map(|side| std::mem::take(&mut side.open).then_some(side.stream)).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn is_open(&self) -> bool {
        self.state().sides.iter().any(|side| side.open)
    }

    #[cfg(test)]
    pub(super) fn pieces(&self) -> usize {
        self.state().pieces.len()
    }
}

/// Reads a process's output. Dropping it early tells the guest to throw the rest away.
#[derive(Debug)]
pub struct OutputReader {
    pub(super) queue: Arc<Queue>,
    pub(super) link: Arc<Link>,
}

impl OutputReader {
    /// The next bytes, or `None` when every channel has ended (or the machine has gone). Cancel-safe: bytes are handed
    /// out or stay. Credit for the bytes goes back to the guest as they are handed out.
    pub async fn next(&mut self) -> Option<(Channel, Bytes)> {
        loop {
            {
                let mut state = self.queue.state();
                if let Some((channel, piece)) = state.pieces.pop_front() {
                    let bytes = match piece {
                        Piece::Slice(bytes) => bytes,
                        Piece::Joined(joined) => joined.freeze(),
                    };
                    let side = &mut state.sides[channel as usize];
                    // A queue holds no more than the window, so neither this nor the sum below can overflow.
                    side.owed += bytes.len() as u32;
                    if side.open && side.owed >= GRANT {
                        let granted = std::mem::take(&mut side.owed);
                        side.credit += granted;
                        self.link.send(|outbox| outbox.credit(side.stream, granted));
                    }
                    return Some((channel, bytes));
                }
                if state.sides.iter().all(|side| !side.open) {
                    return None;
                }
            }
            self.queue.ready.notified().await;
        }
    }

    /// Forgets the streams without a word to the guest, which never knew them or has ended them.
    pub(super) fn abandon(&self) {
        for stream in self.queue.shut() {
            self.link.tables().forget_output(stream);
        }
    }
}

impl Drop for OutputReader {
    fn drop(&mut self) {
        for stream in self.queue.shut() {
            self.link.tables().forget_output(stream);
            self.link.send(|outbox| outbox.reset(stream));
        }
    }
}
