//! What the host expects from the guest: replies, exits, releases and output, each by the number that the host gave it.
//!
//! Invariant: an entry is made by the host before it sends the number, so a number that was never given out is a breach
//! of the protocol; one that has been given out but is no longer here is a frame that crossed the end of its subject.

use super::output::{Breach, Channel, Queue};
use super::probes;
use super::process::Exit;
use super::request::Numbers;
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};
use vch_agent_proto::{Event, Failure, MAX_PROBE_OUTPUT, Probe, ProbeOutcome, Reply};

/// What an agent answers.
pub(super) type Answer = Result<Reply, Failure>;

/// Longest text that a failure may have, in bytes; what is beyond is cut.
const FAILURE: usize = 4096;

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Tables {
    numbers: Numbers,
    next_request: u32,
    pending: HashMap<u32, oneshot::Sender<Answer>>,
    exits: HashMap<u32, watch::Sender<Option<Exit>>>,
    outputs: HashMap<u32, (Channel, Arc<Queue>)>,
    released: HashMap<String, watch::Sender<bool>>,
    probes: HashMap<u32, mpsc::Sender<Probe>>,
    /// How often each container ran out of memory.
    struck: HashMap<String, watch::Sender<u64>>,
    open: bool,
}

impl Tables {
    pub(super) fn new(numbers: Numbers) -> Self {
        Self {
            numbers,
            next_request: 1,
            pending: HashMap::new(),
            exits: HashMap::new(),
            outputs: HashMap::new(),
            released: HashMap::new(),
            probes: HashMap::new(),
            struck: HashMap::new(),
            open: true,
        }
    }

    pub(super) fn numbers(&self) -> Numbers {
        self.numbers
    }

    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// Requests that the guest owes an answer.
    pub(super) fn owed(&self) -> usize {
        self.pending.len()
    }

    /// Books a request: its number, and where the answer will come.
    pub(super) fn expect_reply(&mut self) -> (u32, oneshot::Receiver<Answer>) {
        let number = self.next_request;
        self.next_request = self.next_request.checked_add(1).unwrap_or(1);
        let (answer, receiver) = oneshot::channel();
        if self.open {
            self.pending.insert(number, answer);
        }
        (number, receiver)
    }

    /// Undoes [`Tables::expect_reply`] for a request that was not sent.
    pub(super) fn cancel_reply(&mut self, number: u32) {
        self.pending.remove(&number);
    }

    /// The next process number; its exit will show in the receiver.
    pub(super) fn expect_exit(&mut self) -> (u32, watch::Receiver<Option<Exit>>) {
        let number = self.numbers.take_process();
        let (exit, receiver) = watch::channel(if self.open { None } else { Some(Exit::MachineGone) });
        if self.open {
            self.exits.insert(number, exit);
        }
        (number, receiver)
    }

    /// A stream from the guest that feeds one channel of `queue`.
    pub(super) fn expect_output(&mut self, channel: Channel, queue: &Arc<Queue>) -> u32 {
        let number = self.numbers.take_output();
        if self.open {
            self.outputs.insert(number, (channel, queue.clone()));
        }
        number
    }

    /// The number of a stream to the guest.
    pub(super) fn take_input(&mut self) -> u32 {
        self.numbers.take_input()
    }

    /// Whether `stream` was ever given to a stream to the guest.
    pub(super) fn was_input(&self, stream: u32) -> bool {
        self.numbers.was_input(stream)
    }

    /// Books a container's release. `false` if one of that name has not been released yet.
    pub(super) fn expect_release(&mut self, container: &str) -> bool {
        let free = self.released.get(container).is_none_or(|released| *released.borrow());
        if free {
            self.released.insert(container.to_owned(), watch::Sender::new(!self.open));
            self.struck.insert(container.to_owned(), watch::Sender::new(0));
        }
        free
    }

    /// Shows when the container's disks are free of the guest; `None` for a container that was never run here.
    pub(super) fn release(&self, container: &str) -> Option<watch::Receiver<bool>> {
        self.released.get(container).map(watch::Sender::subscribe)
    }

    /// The number of a health check, and where its news will come.
    pub(super) fn expect_probes(&mut self) -> (u32, mpsc::Receiver<Probe>) {
        let number = self.numbers.take_process();
        let (news, receiver) = mpsc::channel(probes::WAITING);
        if self.open {
            self.probes.insert(number, news);
        }
        (number, receiver)
    }

    /// Forgets a health check: what still comes of it is dropped.
    pub(super) fn forget_probes(&mut self, number: u32) {
        self.probes.remove(&number);
    }

    /// Counts the strikes of the out-of-memory killer in a container; `None` for one that was never run here.
    pub(super) fn struck(&self, container: &str) -> Option<watch::Receiver<u64>> {
        self.struck.get(container).map(watch::Sender::subscribe)
    }

    /// Forgets a process that did not start.
    pub(super) fn forget_process(&mut self, process: u32) {
        self.exits.remove(&process);
    }

    /// Forgets a container that did not start.
    pub(super) fn forget_container(&mut self, container: &str) {
        self.released.remove(container);
        self.struck.remove(container);
    }

    /// Forgets a stream from the guest: what still comes on it is dropped.
    pub(super) fn forget_output(&mut self, stream: u32) {
        self.outputs.remove(&stream);
    }

    /// An answer came.
    pub(super) fn reply(&mut self, request: u32, mut answer: Answer) -> Result<(), Breach> {
        let waiting = self.pending.remove(&request).ok_or(Breach::Reply(request))?;
        if let Err(failure) = &mut answer {
            failure.message.truncate(crate::cut(&failure.message, FAILURE).len());
        }
        // Nobody waits any more when the request's deadline has passed or its caller has gone: nothing to do then.
        let _ = waiting.send(answer);
        Ok(())
    }

    /// An event came.
    pub(super) fn event(&mut self, event: Event) -> Result<(), Breach> {
        match event {
            Event::Exited { process, status, oom_killed } => match self.exits.remove(&process) {
                Some(exit) => {
                    exit.send_replace(Some(Exit::Ended { status, oom_killed }));
                    Ok(())
                }
                None if self.numbers.was_process(process) => Ok(()),
                None => Err(Breach::Process(process)),
            },
            Event::Released { container } => match self.released.get(&container) {
                Some(released) => {
                    released.send_replace(true);
                    Ok(())
                }
                None => Err(Breach::Container),
            },
            Event::Probe { check, probe } => match self.probes.get(&check) {
                Some(news) => {
                    // See [`probes::WAITING`].
                    let _ = news.try_send(bounded(probe));
                    Ok(())
                }
                None if self.numbers.was_process(check) => Ok(()),
                None => Err(Breach::Process(check)),
            },
            Event::OutOfMemory { container } => match self.struck.get(&container) {
                Some(struck) => {
                    struck.send_modify(|count| *count = count.saturating_add(1));
                    Ok(())
                }
                None => Err(Breach::Container),
            },
        }
    }

    /// Bytes came.
    pub(super) fn data(&mut self, stream: u32, bytes: Bytes) -> Result<(), Breach> {
        match self.outputs.get(&stream) {
            Some((channel, queue)) => queue.push(*channel, bytes),
            None => self.ended_output(stream),
        }
    }

    /// The guest ended a stream.
    pub(super) fn end_output(&mut self, stream: u32) -> Result<(), Breach> {
        match self.outputs.remove(&stream) {
            Some((channel, queue)) => {
                queue.end(channel);
                Ok(())
            }
            None => self.ended_output(stream),
        }
    }

    fn ended_output(&self, stream: u32) -> Result<(), Breach> {
        if self.numbers.was_output(stream) { Ok(()) } else { Err(Breach::Stream(stream)) }
    }

    /// Entries of each kind: replies, exits, outputs, releases.
    #[cfg(test)]
    pub(super) fn sizes(&self) -> [usize; 4] {
        [self.pending.len(), self.exits.len(), self.outputs.len(), self.released.len()]
    }

    /// Tells everybody who waits that nothing will come any more.
    pub(super) fn close(&mut self) {
        self.open = false;
        self.pending.clear();
        for (_, exit) in self.exits.drain() {
            exit.send_replace(Some(Exit::MachineGone));
        }
        for (_, (channel, queue)) in self.outputs.drain() {
            queue.end(channel);
        }
        for released in self.released.values() {
            released.send_replace(true);
        }
        self.probes.clear();
        self.struck.clear();
    }
}

/// What a guest tells of a probe, cut where it is longer than promised.
fn bounded(mut probe: Probe) -> Probe {
    if let Probe::Ended { outcome, output, truncated } = &mut probe {
        *truncated |= output.len() > MAX_PROBE_OUTPUT;
        output.truncate(MAX_PROBE_OUTPUT);
        output.shrink_to_fit();
        if let ProbeOutcome::Failed(failure) = outcome {
            failure.message.truncate(crate::cut(&failure.message, FAILURE).len());
        }
    }
    probe
}
