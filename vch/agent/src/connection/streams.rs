//! Byte streams between the host and the containers' pipes and terminals, each with credit of its own.
//!
//! Output is read only while its stream has credit and the connection has room, in turns of at most one frame each, so
//! one flood never stalls another and the agent holds next to nothing. Input waits here for its pipe, at most a window
//! of it, and is credited as the pipe takes it. All descriptors are non-blocking and edge-triggered.

use super::Connection;
use rustix::io::Errno;
use std::collections::{BTreeMap, VecDeque};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use vch_agent_proto::{Frame, Kind, MAX_DATA, WINDOW};

/// Input is credited once this much has been taken: fewer frames, and three quarters of a window are left meanwhile.
const CREDIT_STEP: u32 = WINDOW / 4;
/// Turns that [`Streams::pump`] takes before other work is looked at.
const TURNS: usize = 8;

/// What the event loop is to do after a stream changed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Watch {
    /// Nothing.
    Nothing,
    /// The stream is gone, its descriptor closed (which ends its watching).
    Gone,
}

/// From a container to the host.
struct Output {
    source: Option<OwnedFd>,
    credit: u32,
    ready: bool,
    /// The host takes no more: what comes is read and dropped, so that the process is not stopped by it.
    dropped: bool,
}

/// From the host to a container.
struct Input {
    sink: Option<OwnedFd>,
    waiting: VecDeque<u8>,
    taken: u32,
    ready: bool,
    ended: bool,
    terminal: bool,
}

/// All streams, by their number.
#[derive(Default)]
pub(crate) struct Streams {
    outputs: BTreeMap<u32, Output>,
    inputs: BTreeMap<u32, Input>,
    /// The output after which the next turn begins.
    last: u32,
}

impl Streams {
    /// Adds an output; its source may follow by [`Self::connect`].
    pub(crate) fn add_output(&mut self, number: u32, source: Option<OwnedFd>) {
        let ready = source.is_some();
        self.outputs.insert(number, Output { source, credit: WINDOW, ready, dropped: false });
    }

    /// Adds an input; its sink may follow by [`Self::connect`]. A terminal is not closed at the stream's end.
    pub(crate) fn add_input(&mut self, number: u32, sink: Option<OwnedFd>, terminal: bool) {
        let ready = sink.is_some();
        let waiting = VecDeque::new();
        self.inputs.insert(number, Input { sink, waiting, taken: 0, ready, ended: false, terminal });
    }

    /// Gives a stream the descriptor that was not there yet.
    pub(crate) fn connect(&mut self, number: u32, descriptor: OwnedFd) {
        if let Some(output) = self.outputs.get_mut(&number) {
            output.source = Some(descriptor);
            output.ready = true;
        } else if let Some(input) = self.inputs.get_mut(&number) {
            input.sink = Some(descriptor);
            input.ready = true;
        }
    }

    /// The stream's descriptor, for the event loop.
    pub(crate) fn descriptor(&self, number: u32) -> Option<BorrowedFd<'_>> {
        let output = self.outputs.get(&number).and_then(|output| output.source.as_ref());
        output.or_else(|| self.inputs.get(&number).and_then(|input| input.sink.as_ref())).map(AsFd::as_fd)
    }

    /// Whether a stream of that number is there.
    pub(crate) fn contains(&self, number: u32) -> bool {
        self.outputs.contains_key(&number) || self.inputs.contains_key(&number)
    }

    /// Forgets a stream, without a word to the host.
    pub(crate) fn remove(&mut self, number: u32) {
        self.outputs.remove(&number);
        self.inputs.remove(&number);
    }

    /// An event came for the stream's descriptor.
    pub(crate) fn set_ready(&mut self, number: u32) {
        if let Some(output) = self.outputs.get_mut(&number) {
            output.ready = true;
        }
        if let Some(input) = self.inputs.get_mut(&number) {
            input.ready = true;
        }
    }

    /// A frame of the host's for a stream. Those for streams that have ended are dropped, as the protocol has it.
    pub(crate) fn receive(&mut self, frame: &Frame, connection: &mut Connection) {
        let number = frame.stream;
        match frame.kind {
            Kind::Credit => {
                if let (Some(output), Ok(bytes)) = (self.outputs.get_mut(&number), frame.credited()) {
                    output.credit = output.credit.saturating_add(bytes);
                }
            }
            Kind::Reset => {
                if let Some(output) = self.outputs.get_mut(&number) {
                    output.dropped = true;
                    output.ready = true;
                }
                self.inputs.remove(&number);
            }
            Kind::Data => {
                if let Some(input) = self.inputs.get_mut(&number) {
                    input.waiting.extend(&frame.payload);
                    self.feed(number, connection);
                }
            }
            Kind::Eof => {
                if let Some(input) = self.inputs.get_mut(&number) {
                    input.ended = true;
                    self.feed(number, connection);
                }
            }
            Kind::Request | Kind::Reply | Kind::Event => {}
        }
    }

    /// Writes what waits for an input, as far as its pipe takes it.
    pub(crate) fn feed(&mut self, number: u32, connection: &mut Connection) -> Watch {
        let Some(input) = self.inputs.get_mut(&number) else { return Watch::Nothing };
        let Some(sink) = &input.sink else { return Watch::Nothing };
        while input.ready && !input.waiting.is_empty() {
            match rustix::io::write(sink, input.waiting.as_slices().0) {
                Ok(count) => {
                    input.waiting.drain(..count);
                    input.taken += count as u32;
                }
                Err(Errno::AGAIN) => input.ready = false,
                Err(Errno::INTR) => {}
                Err(_) => {
                    // Nobody reads it any more.
                    connection.send(&Frame::reset(number));
                    self.inputs.remove(&number);
                    return Watch::Gone;
                }
            }
        }
        if input.ended && input.waiting.is_empty() {
            if input.terminal {
                // A terminal has no half-close; its input just stays quiet.
                return Watch::Nothing;
            }
            self.inputs.remove(&number);
            return Watch::Gone;
        }
        if input.taken >= CREDIT_STEP {
            connection.send(&Frame::credit(number, input.taken));
            input.taken = 0;
        }
        Watch::Nothing
    }

    /// Feeds every input whose pipe has room again.
    pub(crate) fn feed_all(&mut self, connection: &mut Connection) {
        let due: Vec<u32> =
            self.inputs.iter().filter(|(_, i)| i.ready && !i.waiting.is_empty()).map(|(&n, _)| n).collect();
        for number in due {
            self.feed(number, connection);
        }
    }

    /// Puts output in line, a frame a stream and turn, until there is no room, no credit or nothing to read, or other
    /// work is due. Returns whether a stream could go on at once.
    pub(crate) fn pump(&mut self, connection: &mut Connection) -> bool {
        let mut turn = self.in_turn();
        for _ in 0..TURNS {
            let mut next = Vec::with_capacity(turn.len());
            for number in turn {
                if !connection.has_room() {
                    connection.flush();
                    if !connection.has_room() {
                        return false;
                    }
                }
                if self.read(number, connection) {
                    next.push(number);
                }
                self.last = number;
            }
            if next.is_empty() {
                return false;
            }
            turn = next;
        }
        true
    }

    /// Streams that can be read now, beginning after the one that was read last.
    fn in_turn(&self) -> Vec<u32> {
        let able = |(_, output): &(&u32, &Output)| {
            output.ready && output.source.is_some() && (output.credit > 0 || output.dropped)
        };
        let after = self.outputs.range(self.last.saturating_add(1)..).filter(able);
        let before = self.outputs.range(..=self.last).filter(able);
        after.chain(before).map(|(&number, _)| number).collect()
    }

    /// Reads one frame's worth; whether the stream can be read again.
    fn read(&mut self, number: u32, connection: &mut Connection) -> bool {
        let Some(output) = self.outputs.get_mut(&number) else { return false };
        let Some(source) = &output.source else { return false };
        let result = if output.dropped {
            rustix::io::read(source, &mut [0; 16 * 1024])
        } else {
            connection.send_from(number, source.as_fd(), MAX_DATA.min(output.credit as usize))
        };
        match result {
            Ok(count) if count > 0 => {
                if !output.dropped {
                    output.credit -= count as u32;
                }
                output.dropped || output.credit > 0
            }
            Err(Errno::AGAIN) => {
                output.ready = false;
                false
            }
            Err(Errno::INTR) => true,
            // End of file; a terminal whose last user has gone answers EIO.
            Ok(_) | Err(_) => {
                if !output.dropped {
                    connection.send(&Frame::eof(number));
                }
                self.outputs.remove(&number);
                false
            }
        }
    }

    /// The connection has ended, and with it every stream: output is dropped from now on, input stays quiet.
    pub(crate) fn disconnect(&mut self) {
        for output in self.outputs.values_mut() {
            output.dropped = true;
            output.ready = true;
        }
        for input in self.inputs.values_mut() {
            input.waiting.clear();
        }
    }
}
