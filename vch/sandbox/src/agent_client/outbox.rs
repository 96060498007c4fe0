//! What waits to be written: control frames first, then credit, then one data frame of each input in turn.
//!
//! Invariant: an input queues no more than the guest gave credit for, and credit never exceeds
//! [`vch_agent_proto::WINDOW`], so a guest cannot make this grow. Credit for one stream is summed, not listed.

use super::output::Breach;
use bytes::Bytes;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use tokio::sync::Notify;
use vch_agent_proto::{Frame, Header, Kind, MAX_DATA, WINDOW};

/// Control bytes written in one go, so that data gets its turn between two of them.
const BATCH: usize = 256 * 1024;

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    control: VecDeque<Vec<u8>>,
    credit: BTreeMap<u32, u64>,
    inputs: HashMap<u32, Input>,
    /// Inputs that have something to write, each once, in the order of their turns.
    turns: VecDeque<u32>,
    closed: bool,
}

/// A stream to the guest.
#[derive(Debug)]
struct Input {
    /// Bytes that may still be taken from the producer.
    credit: u32,
    /// Taken from the producer and not yet written; each at most a frame's payload.
    queued: VecDeque<Bytes>,
    unwritten: u32,
    /// The producer will send no more.
    ending: bool,
    /// Rung when credit comes or the stream ends.
    changed: Arc<Notify>,
}

/// What the writer writes next.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) control: Vec<u8>,
    pub(super) data: Bytes,
}

impl Outbox {
    pub(super) fn control(&mut self, frame: &Frame) {
        let mut bytes = Vec::new();
        frame.encode_into(&mut bytes);
        self.control.push_back(bytes);
    }

    pub(super) fn credit(&mut self, stream: u32, bytes: u32) {
        *self.credit.entry(stream).or_default() += u64::from(bytes);
    }

    pub(super) fn reset(&mut self, stream: u32) {
        self.credit.remove(&stream);
        self.control(&Frame::reset(stream));
    }

    /// Opens a stream to the guest; the notification rings when [`Outbox::write`] is worth another try.
    pub(super) fn open_input(&mut self, stream: u32) -> Arc<Notify> {
        let changed = Arc::new(Notify::new());
        if !self.closed {
            let input = Input {
                credit: WINDOW,
                queued: VecDeque::new(),
                unwritten: 0,
                ending: false,
                changed: changed.clone(),
            };
            self.inputs.insert(stream, input);
        }
        changed
    }

    /// Takes as much of `bytes` as there is credit for. `None`: the guest takes no more of this stream.
    pub(super) fn write(&mut self, stream: u32, bytes: &mut Bytes) -> Option<usize> {
        let input = self.inputs.get_mut(&stream)?;
        let mut taken = 0;
        while !bytes.is_empty() && input.credit > 0 {
            let length = bytes.len().min(MAX_DATA).min(input.credit as usize);
            input.queued.push_back(bytes.split_to(length));
            input.credit -= length as u32;
            input.unwritten += length as u32;
            taken += length;
        }
        if taken > 0 && !self.turns.contains(&stream) {
            self.turns.push_back(stream);
        }
        Some(taken)
    }

    /// Whether the guest still takes this stream.
    pub(super) fn has_input(&self, stream: u32) -> bool {
        self.inputs.contains_key(&stream)
    }

    /// The producer has no more; what is queued is still written, and the end after it.
    pub(super) fn end_input(&mut self, stream: u32) {
        if let Some(input) = self.inputs.get_mut(&stream) {
            input.ending = true;
            if !self.turns.contains(&stream) {
                self.turns.push_back(stream);
            }
        }
    }

    /// The guest takes no more, or the process did not start: what is queued is dropped.
    pub(super) fn forget_input(&mut self, stream: u32) {
        if let Some(input) = self.inputs.remove(&stream) {
            input.changed.notify_one();
            self.turns.retain(|turn| *turn != stream);
        }
    }

    /// The guest took bytes. Unknown streams are the caller's to judge: `Ok(false)`.
    pub(super) fn credited(&mut self, stream: u32, bytes: u32) -> Result<bool, Breach> {
        let Some(input) = self.inputs.get_mut(&stream) else { return Ok(false) };
        // What was not yet written cannot have been taken by the guest.
        let room = WINDOW - input.unwritten;
        input.credit = input.credit.checked_add(bytes).filter(|sum| *sum <= room).ok_or(Breach::Credit(stream))?;
        input.changed.notify_one();
        Ok(true)
    }

    /// What to write next; `None` when there is nothing.
    pub(super) fn next(&mut self) -> Option<Batch> {
        let mut batch = Batch::default();
        while batch.control.len() < BATCH {
            let Some(bytes) = self.control.pop_front() else { break };
            if batch.control.is_empty() {
                batch.control = bytes;
            } else {
                batch.control.extend_from_slice(&bytes);
            }
        }
        while let Some((stream, sum)) = self.credit.pop_first() {
            let now = u32::try_from(sum).unwrap_or(u32::MAX);
            Frame::credit(stream, now).encode_into(&mut batch.control);
            if sum > u64::from(now) {
                self.credit.insert(stream, sum - u64::from(now));
                break;
            }
        }
        self.next_data(&mut batch);
        (!batch.control.is_empty()).then_some(batch)
    }

    /// One frame of the input whose turn it is: its header after the control bytes, its payload uncopied.
    fn next_data(&mut self, batch: &mut Batch) {
        let Some(stream) = self.turns.pop_front() else { return };
        let Some(input) = self.inputs.get_mut(&stream) else { return };
        if let Some(bytes) = input.queued.pop_front() {
            input.unwritten -= bytes.len() as u32;
            let header = Header { kind: Kind::Data, stream, length: bytes.len() };
            batch.control.extend_from_slice(&header.encode());
            batch.data = bytes;
        } else if input.ending {
            Frame::eof(stream).encode_into(&mut batch.control);
            self.inputs.remove(&stream);
            return;
        }
        if !input.queued.is_empty() || input.ending {
            self.turns.push_back(stream);
        }
    }

    /// Drops everything; producers are told at their next write.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.control.clear();
        self.credit.clear();
        self.turns.clear();
        for (_, input) in self.inputs.drain() {
            input.changed.notify_one();
        }
    }
}
