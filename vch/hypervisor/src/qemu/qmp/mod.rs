//! A QMP client: commands with replies matched by number, descriptors passed along, events handed on.
//!
//! One per machine, made by [`super::launch`] and [`super::adopt`]. A task reads, a task writes; [`Client::send`] queues
//! a command at once, so several can be under way and are taken in order. It promises that every command ends: in
//! QEMU's answer, its end, a breach of the protocol, or its deadline. Dropping the client closes the connection and
//! leaves the machine as it is.

mod lines;
mod message;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use message::Event;

use crate::{Cause, HypervisorError, Result};
use lines::Lines;
use message::Message;
use serde_json::Value;
use std::{
    collections::HashMap,
    os::fd::OwnedFd,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::{UnixStream, unix::OwnedReadHalf},
    sync::{broadcast, mpsc, oneshot, watch},
    task::AbortHandle,
};

/// How long a command may take. Generous: a host whose processors are all busy answers late, and is not broken.
pub(crate) const COMMAND: Duration = Duration::from_secs(30);

/// Events kept for a waiter that is slow. Only those that commands of ours provoke are passed on: a handful each.
const EVENTS: usize = 256;

type Answer = std::result::Result<Value, String>;

/// A connection to one machine's monitor.
pub(crate) struct Client {
    name: String,
    next: AtomicU64,
    out: mpsc::UnboundedSender<writer::Outgoing>,
    shared: Arc<Shared>,
    tasks: [AbortHandle; 2],
}

/// What the reading task and the callers share.
struct Shared {
    waiting: Mutex<Waiting>,
    cause: Mutex<Option<Cause>>,
    events: broadcast::Sender<Event>,
    /// Turns true when the connection is over.
    closed: watch::Sender<bool>,
}

enum Waiting {
    /// Who waits for which answer.
    Open(HashMap<u64, oneshot::Sender<Answer>>),
    /// The connection is over; if QEMU broke the protocol, how.
    Closed(Option<String>),
}

impl Client {
    /// Greets the monitor at the other end of `stream` and makes it take commands. `name` is the machine's.
    ///
    /// # Errors
    /// QEMU ended, did not answer in time, or spoke another protocol.
    pub(crate) async fn connect(name: &str, stream: UnixStream) -> Result<Self> {
        let (reading, writing) = stream.into_split();
        let mut lines = Lines::new(reading);
        let greeting = tokio::time::timeout(COMMAND, greet(&mut lines)).await;
        match greeting {
            Ok(Ok(())) => {}
            Ok(Err(Some(problem))) => return Err(HypervisorError::Protocol { name: name.to_owned(), problem }),
            Ok(Err(None)) => return Err(HypervisorError::Gone { name: name.to_owned() }),
            Err(_) => {
                return Err(HypervisorError::Deadline {
                    name: name.to_owned(),
                    action: "QEMU's greeting",
                    limit: COMMAND,
                });
            }
        }
        let shared = Arc::new(Shared {
            waiting: Mutex::new(Waiting::Open(HashMap::new())),
            cause: Mutex::new(None),
            events: broadcast::Sender::new(EVENTS),
            closed: watch::Sender::new(false),
        });
        let (out, queue) = mpsc::unbounded_channel();
        let tasks = [
            tokio::spawn(writer::write(writing, queue)).abort_handle(),
            tokio::spawn(read(lines, shared.clone(), name.to_owned())).abort_handle(),
        ];
        let client = Self { name: name.to_owned(), next: AtomicU64::new(0), out, shared, tasks };
        client.call("qmp_capabilities", serde_json::json!({})).await?;
        Ok(client)
    }

    /// Queues a command and returns its answer to be awaited. Commands are taken in the order of these calls.
    pub(crate) fn send(&self, command: &'static str, arguments: Value, fd: Option<OwnedFd>) -> Pending<'_> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (tell, answer) = oneshot::channel();
        if let Waiting::Open(waiting) = &mut *lock(&self.shared.waiting) {
            waiting.insert(id, tell);
        }
        let line = serde_json::json!({ "execute": command, "arguments": arguments, "id": id });
        // A closed queue means a closed connection, which the pending answer tells.
        let _ = self.out.send(writer::Outgoing { line: format!("{line}\n").into_bytes(), fd });
        Pending { client: self, command, id, answer }
    }

    /// Sends a command and waits for its answer.
    ///
    /// # Errors
    /// QEMU refused it, ended, broke the protocol, or did not answer in time.
    pub(crate) async fn call(&self, command: &'static str, arguments: Value) -> Result<Value> {
        self.send(command, arguments, None).answer().await
    }

    /// Events from now on.
    pub(crate) fn events(&self) -> Events<'_> {
        Events { client: self, receiver: self.shared.events.subscribe() }
    }

    /// Resolves when the connection is over, to why QEMU said that it ends.
    pub(crate) fn closed(&self) -> impl Future<Output = Option<Cause>> + Send + 'static {
        let shared = self.shared.clone();
        async move {
            let _ = shared.closed.subscribe().wait_for(|closed| *closed).await;
            *lock(&shared.cause)
        }
    }

    fn ended(&self) -> HypervisorError {
        let name = self.name.clone();
        match &*lock(&self.shared.waiting) {
            Waiting::Closed(Some(problem)) => HypervisorError::Protocol { name, problem: problem.clone() },
            _ => HypervisorError::Gone { name },
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
        self.shared.close(None);
    }
}

/// An answer to come. Dropping it gives up waiting; QEMU still does what it was told.
pub(crate) struct Pending<'a> {
    client: &'a Client,
    command: &'static str,
    id: u64,
    answer: oneshot::Receiver<Answer>,
}

impl Pending<'_> {
    /// Waits for the answer.
    ///
    /// # Errors
    /// QEMU refused the command, ended, broke the protocol, or did not answer in time.
    pub(crate) async fn answer(mut self) -> Result<Value> {
        let name = || self.client.name.clone();
        match tokio::time::timeout(COMMAND, &mut self.answer).await {
            Ok(Ok(Ok(value))) => Ok(value),
            Ok(Ok(Err(message))) => Err(HypervisorError::Refused { name: name(), command: self.command, message }),
            Ok(Err(_)) => Err(self.client.ended()),
            Err(_) => Err(HypervisorError::Deadline { name: name(), action: self.command, limit: COMMAND }),
        }
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if let Waiting::Open(waiting) = &mut *lock(&self.client.shared.waiting) {
            waiting.remove(&self.id);
        }
    }
}

/// Events of one machine, from the moment of [`Client::events`].
pub(crate) struct Events<'a> {
    client: &'a Client,
    receiver: broadcast::Receiver<Event>,
}

impl Events<'_> {
    /// Waits until `wanted` makes something of an event; `action` says what for, should it take longer than `limit`.
    ///
    /// # Errors
    /// The connection ended, or the deadline passed.
    pub(crate) async fn wait<T>(
        &mut self,
        action: &'static str,
        limit: Duration,
        mut wanted: impl FnMut(Event) -> Option<T>,
    ) -> Result<T> {
        let closed = self.client.closed();
        let search = async {
            loop {
                match self.receiver.recv().await {
                    Ok(event) => {
                        if let Some(found) = wanted(event) {
                            return Some(found);
                        }
                    }
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            }
        };
        let found = tokio::select! {
            biased;
            found = tokio::time::timeout(limit, search) => found,
            _ = closed => Ok(None),
        };
        match found {
            Ok(Some(found)) => Ok(found),
            Ok(None) => Err(self.client.ended()),
            Err(_) => Err(HypervisorError::Deadline { name: self.client.name.clone(), action, limit }),
        }
    }
}

/// Takes the greeting. An error of `None` is a plain end.
async fn greet(lines: &mut Lines<OwnedReadHalf>) -> std::result::Result<(), Option<String>> {
    match lines.next().await {
        Ok(Some(line)) => match message::parse(line) {
            Ok(Message::Greeting) => Ok(()),
            Ok(_) => Err(Some("no greeting".to_owned())),
            Err(problem) => Err(Some(problem)),
        },
        Ok(None) | Err(lines::LineError::Io(_)) => Err(None),
        Err(error) => Err(Some(error.to_string())),
    }
}

/// The reading task: hands every line to whom it concerns until the connection is over.
async fn read(mut lines: Lines<OwnedReadHalf>, shared: Arc<Shared>, name: String) {
    let problem = loop {
        let line = match lines.next().await {
            Ok(Some(line)) => line,
            Ok(None) | Err(lines::LineError::Io(_)) => break None,
            Err(error) => break Some(error.to_string()),
        };
        match message::parse(line) {
            Ok(Message::Return { id, value }) => shared.answer(id, Ok(value)),
            Ok(Message::Error { id, description }) => shared.answer(id, Err(description)),
            Ok(Message::Event(event)) => shared.event(event),
            Ok(Message::Ignored) => {}
            Ok(Message::Greeting) => break Some("a second greeting".to_owned()),
            Err(problem) => break Some(problem),
        }
    };
    if let Some(problem) = &problem {
        tracing::warn!(machine = name, problem, "the monitor broke its protocol and is not listened to any more");
    }
    shared.close(problem);
}

impl Shared {
    /// Passes an answer on; one that nobody waits for any more is dropped.
    fn answer(&self, id: u64, answer: Answer) {
        if let Waiting::Open(waiting) = &mut *lock(&self.waiting)
            && let Some(tell) = waiting.remove(&id)
        {
            let _ = tell.send(answer);
        }
    }

    fn event(&self, event: Event) {
        if let Event::Shutdown(cause) = event {
            *lock(&self.cause) = Some(cause);
        }
        let _ = self.events.send(event);
    }

    fn close(&self, problem: Option<String>) {
        let mut waiting = lock(&self.waiting);
        if matches!(*waiting, Waiting::Open(_)) {
            *waiting = Waiting::Closed(problem);
        }
        drop(waiting);
        self.closed.send_replace(true);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
