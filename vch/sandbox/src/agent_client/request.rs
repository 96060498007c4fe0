//! Requests: sent in order, answered by number, each with a deadline.

use super::Client;
use super::link::Link;
use super::tables::Answer;
use crate::SandboxError;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use vch_agent_proto::{Frame, Hello, Identity, Kind, Reply, Request};

/// Requests that may wait for an answer at one time.
const PENDING: usize = 1024;

/// How long the first hello waits for an answer before it is said again.
const FIRST_HELLO: Duration = Duration::from_millis(500);

/// Numbers that a machine has not used yet: for processes, and for pairs of streams. A template hands its own on to
/// its clones, since the agent in them remembers what the template's ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Numbers {
    process: u32,
    input: u32,
    output: u32,
}

impl Default for Numbers {
    fn default() -> Self {
        Self { process: 1, input: 1, output: 2 }
    }
}

impl Numbers {
    // Four billion processes in one machine are out of reach; wrapping is only what cannot panic.
    pub(super) fn take_process(&mut self) -> u32 {
        take(&mut self.process, 1)
    }

    pub(super) fn take_input(&mut self) -> u32 {
        take(&mut self.input, 2)
    }

    pub(super) fn take_output(&mut self) -> u32 {
        take(&mut self.output, 2)
    }

    pub(super) fn was_process(self, number: u32) -> bool {
        number != 0 && number < self.process
    }

    pub(super) fn was_input(self, number: u32) -> bool {
        number % 2 == 1 && number < self.input
    }

    pub(super) fn was_output(self, number: u32) -> bool {
        number != 0 && number.is_multiple_of(2) && number < self.output
    }
}

fn take(next: &mut u32, step: u32) -> u32 {
    let number = *next;
    *next = next.wrapping_add(step);
    number
}

/// A request that was sent and not yet answered.
#[derive(Debug)]
pub(crate) struct Sent {
    what: &'static str,
    limit: Duration,
    answer: oneshot::Receiver<Answer>,
}

impl Link {
    /// Sends a request now; the answer is waited for apart, so that several can be on their way at once.
    pub(super) fn request(&self, what: &'static str, limit: Duration, request: &Request) -> Result<Sent, SandboxError> {
        let mut tables = self.tables();
        if !tables.is_open() {
            drop(tables);
            return Err(self.ended());
        }
        if tables.owed() >= PENDING {
            return Err(SandboxError::Busy(PENDING));
        }
        let (number, answer) = tables.expect_reply();
        match Frame::control(Kind::Request, number, request) {
            // The order in the outbox must be the order of the numbers' booking: both under the tables' lock.
            Ok(frame) => self.send(|outbox| outbox.control(&frame)),
            Err(source) => {
                tables.cancel_reply(number);
                return Err(SandboxError::Message { what, source });
            }
        }
        Ok(Sent { what, limit, answer })
    }

    /// The error for whoever finds the connection ended.
    pub(super) fn ended(&self) -> SandboxError {
        self.reason().map_or(SandboxError::MachineGone, SandboxError::from)
    }

    /// Waits for the answer.
    pub(super) async fn answer(&self, sent: Sent) -> Result<Reply, SandboxError> {
        match tokio::time::timeout(sent.limit, sent.answer).await {
            Ok(Ok(answer)) => Ok(answer?),
            Ok(Err(_)) => Err(self.ended()),
            Err(_) => Err(SandboxError::Deadline { what: sent.what, limit: sent.limit }),
        }
    }

    /// An answer of another kind than the request's ends the connection.
    pub(super) fn unexpected(&self, what: &'static str) -> SandboxError {
        self.close(super::Closed::Protocol(format!("the answer to {what} is of another kind")));
        self.ended()
    }

    /// Waits for an answer that carries nothing.
    pub(super) async fn done(&self, sent: Sent) -> Result<(), SandboxError> {
        let what = sent.what;
        match self.answer(sent).await? {
            Reply::Done => Ok(()),
            _ => Err(self.unexpected(what)),
        }
    }
}

impl Client {
    /// Opens the conversation. Says hello again, at growing intervals, until there is an answer: what a guest hears
    /// before it knows that the host is there may be lost, since port state and data reach it by separate queues.
    ///
    /// # Errors
    /// No answer in time, an agent of another version, a connection that ended.
    pub(crate) async fn hello(&self, limit: Duration) -> Result<Hello, SandboxError> {
        const WHAT: &str = "the agent's hello";
        let request = Request::Hello { version: vch_agent_proto::VERSION };
        let deadline = Instant::now() + limit;
        let mut patience = FIRST_HELLO;
        let reply = loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.link.answer(self.link.request(WHAT, patience.min(left), &request)?).await {
                Err(SandboxError::Deadline { .. }) if left > patience => patience *= 2,
                Err(SandboxError::Deadline { what, .. }) => return Err(SandboxError::Deadline { what, limit }),
                answer => break answer?,
            }
        };
        match reply {
            Reply::Hello(hello) if hello.version == vch_agent_proto::VERSION => Ok(hello),
            Reply::Hello(hello) => Err(SandboxError::Protocol(format!(
                "the agent speaks version {} and this program version {}: run 'vch guest build'",
                hello.version,
                vch_agent_proto::VERSION
            ))),
            _ => Err(self.link.unexpected("hello")),
        }
    }

    /// Sends an identity; nothing may run before [`Client::done`] says that it holds.
    pub(crate) fn personalize(&self, identity: Identity, limit: Duration) -> Result<Sent, SandboxError> {
        self.link.request("giving the machine its identity", limit, &Request::Personalize(identity))
    }

    /// Takes the identity back, after a warm-up.
    pub(crate) fn anonymize(&self, limit: Duration) -> Result<Sent, SandboxError> {
        self.link.request("taking the machine's identity back", limit, &Request::Anonymize)
    }

    /// Has the processes of a container stand still, or go on.
    pub(crate) fn freeze(&self, container: &str, frozen: bool, limit: Duration) -> Result<Sent, SandboxError> {
        let what = if frozen { "freezing the container" } else { "thawing the container" };
        self.link.request(what, limit, &Request::Freeze { container: container.to_owned(), frozen })
    }

    /// Asks the agent to end what runs and to let go of every disk.
    pub(crate) fn shutdown(&self, limit: Duration) -> Result<Sent, SandboxError> {
        self.link.request("shutting the guest down", limit, &Request::Shutdown)
    }

    /// Waits for the answer to a request that carries nothing.
    pub(crate) async fn done(&self, sent: Sent) -> Result<(), SandboxError> {
        self.link.done(sent).await
    }
}
