//! A process in the guest: started, fed, signalled, waited for.

use super::Client;
use super::link::Link;
use super::output::{Channel, OutputReader, Queue};
use super::request::Sent;
use crate::SandboxError;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use vch_agent_proto::{self as proto, ExitStatus, Reply, Request, Stdio, WindowSize};

/// How long the guest may take to mount a container's disks and start a process. Long, since a storm of starts under
/// software emulation is slow and not broken.
const START: Duration = Duration::from_secs(120);

/// How long the guest may take for a signal or a terminal's size.
const TOUCH: Duration = Duration::from_secs(30);

/// Which standard streams a process gets; the others are `/dev/null`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Streams {
    /// A pseudo-terminal. Its output comes on [`Channel::Stdout`].
    Terminal {
        /// Whether it gets input.
        input: bool,
        /// Its size at the start, if known.
        size: Option<WindowSize>,
    },
    /// Pipes.
    Pipes {
        /// Standard input.
        stdin: bool,
        /// Standard output.
        stdout: bool,
        /// Standard error.
        stderr: bool,
    },
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself or by a signal.
    Ended {
        /// How.
        status: ExitStatus,
        /// Whether the kernel's out-of-memory killer struck in its container while it ran.
        oom_killed: bool,
    },
    /// Its machine went first.
    MachineGone,
}

/// A started process: its streams, to be taken once each, and a handle that can be cloned.
#[derive(Debug)]
pub struct Process {
    handle: ProcessHandle,
    stdin: Option<StdinWriter>,
    output: Option<OutputReader>,
}

impl Process {
    /// Its number in its machine, never used twice there.
    pub fn number(&self) -> u32 {
        self.handle.number
    }

    /// Its process ID in the guest's outermost PID namespace.
    pub fn guest_pid(&self) -> u32 {
        self.handle.guest_pid
    }

    /// Standard input (or the terminal's), the first time, if it has one.
    pub fn take_stdin(&mut self) -> Option<StdinWriter> {
        self.stdin.take()
    }

    /// All its output, the first time. Output that nobody takes is thrown away by the guest when this is dropped.
    pub fn take_output(&mut self) -> Option<OutputReader> {
        self.output.take()
    }

    /// For waiting, signals and the terminal's size, apart from the streams.
    pub fn handle(&self) -> ProcessHandle {
        self.handle.clone()
    }

    /// See [`ProcessHandle::wait`].
    pub async fn wait(&self) -> Exit {
        self.handle.wait().await
    }
}

/// Waits for a process and touches it from outside; cheap to clone.
#[derive(Debug, Clone)]
pub struct ProcessHandle {
    number: u32,
    guest_pid: u32,
    exit: watch::Receiver<Option<Exit>>,
    link: Arc<Link>,
}

impl ProcessHandle {
    /// Its number in its machine.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Its process ID in the guest's outermost PID namespace.
    pub fn guest_pid(&self) -> u32 {
        self.guest_pid
    }

    /// Waits until it has ended. Output may still be on its way then: that ends by itself, see [`OutputReader::next`].
    pub async fn wait(&self) -> Exit {
        let mut exit = self.exit.clone();
        // The sender goes only with the whole connection, which sets the value first.
        exit.wait_for(Option::is_some).await.ok().and_then(|seen| *seen).unwrap_or(Exit::MachineGone)
    }

    /// How it ended, if it has.
    pub fn exit(&self) -> Option<Exit> {
        *self.exit.borrow()
    }

    /// Sends a Linux signal.
    ///
    /// # Errors
    /// [`SandboxError::Failure`] of class `NotFound` if it has ended; no answer in time; the machine is gone.
    pub async fn signal(&self, signal: i32) -> Result<(), SandboxError> {
        let request = Request::Signal { process: self.number, signal };
        self.link.done(self.link.request("sending a signal", TOUCH, &request)?).await
    }

    /// Sets the size of its terminal.
    ///
    /// # Errors
    /// It has none, or has ended; no answer in time; the machine is gone.
    pub async fn resize(&self, size: WindowSize) -> Result<(), SandboxError> {
        let request = Request::Resize { process: self.number, size };
        self.link.done(self.link.request("resizing a terminal", TOUCH, &request)?).await
    }
}

/// Writes to a process's standard input. Dropping it is the end of the input, like [`StdinWriter::close`].
#[derive(Debug)]
pub struct StdinWriter {
    stream: u32,
    changed: Arc<Notify>,
    link: Arc<Link>,
}

/// The process takes no more input: it closed its end, has ended, or its machine has gone. What `EPIPE` is to a pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the process takes no more input")]
pub struct WriteError;

impl StdinWriter {
    /// Writes all of `bytes`, waiting for credit as needed. Dropped half way, a part may have been written.
    ///
    /// # Errors
    /// The process takes no more.
    pub async fn write(&mut self, mut bytes: Bytes) -> Result<(), WriteError> {
        loop {
            let taken = self.link.send(|outbox| outbox.write(self.stream, &mut bytes));
            if taken.is_none() {
                return Err(WriteError);
            }
            if bytes.is_empty() {
                return Ok(());
            }
            self.changed.notified().await;
        }
    }

    /// Waits until the process takes no more input: its end was closed, it has ended, or its machine has gone.
    pub async fn closed(&self) {
        while self.link.outbox().has_input(self.stream) {
            self.changed.notified().await;
        }
    }

    /// The end of the input. What was written before still arrives.
    pub fn close(self) {}
}

impl Drop for StdinWriter {
    fn drop(&mut self) {
        self.link.send(|outbox| outbox.end_input(self.stream));
    }
}

/// A process whose start is on its way.
#[derive(Debug)]
pub(crate) struct Starting {
    sent: Sent,
    number: u32,
    exit: watch::Receiver<Option<Exit>>,
    stdin: Option<StdinWriter>,
    output: Option<OutputReader>,
    container: Option<String>,
}

impl Client {
    /// Sends a container to run. Its process's number and streams are set here. Wait with [`Client::started`].
    pub(crate) fn run(&self, container: proto::Container, streams: Streams) -> Result<Starting, SandboxError> {
        self.first("starting the container", container, streams, |container| Request::Run(Box::new(container)))
    }

    /// Sends what a container begins with.
    pub(super) fn first(
        &self,
        what: &'static str,
        mut container: proto::Container,
        streams: Streams,
        request: impl FnOnce(proto::Container) -> Request,
    ) -> Result<Starting, SandboxError> {
        let id = container.id.clone();
        if !self.link.tables().expect_release(&id) {
            return Err(SandboxError::Setting(format!("container {id} runs in this machine already")));
        }
        let starting = self.start(what, streams, |number, stdio| {
            container.process.number = number;
            container.process.stdio = stdio;
            request(container)
        });
        match starting {
            Ok(starting) => Ok(Starting { container: Some(id), ..starting }),
            Err(error) => {
                self.link.tables().forget_container(&id);
                Err(error)
            }
        }
    }

    /// Sends a further process for a running container.
    pub(crate) fn exec(
        &self,
        container: &str,
        mut process: proto::Process,
        streams: Streams,
    ) -> Result<Starting, SandboxError> {
        self.start("starting the process", streams, |number, stdio| {
            process.number = number;
            process.stdio = stdio;
            Request::Exec { container: container.to_owned(), process: Box::new(process) }
        })
    }

    pub(super) fn start(
        &self,
        what: &'static str,
        streams: Streams,
        request: impl FnOnce(u32, Stdio) -> Request,
    ) -> Result<Starting, SandboxError> {
        let link = &self.link;
        let queue = Arc::new(Queue::default());
        let (number, exit, stdio, input) = {
            let mut tables = link.tables();
            let (number, exit) = tables.expect_exit();
            let mut output = |channel| {
                let stream = tables.expect_output(channel, &queue);
                if tables.is_open() {
                    queue.open(channel, stream);
                }
                stream
            };
            let (stdio, input) = match streams {
                Streams::Terminal { input, size } => {
                    let output = output(Channel::Stdout);
                    let input = input.then(|| tables.take_input());
                    (Stdio::Terminal { input, output, size }, input)
                }
                Streams::Pipes { stdin, stdout, stderr } => {
                    let stdout = stdout.then(|| output(Channel::Stdout));
                    let stderr = stderr.then(|| output(Channel::Stderr));
                    let stdin = stdin.then(|| tables.take_input());
                    (Stdio::Pipes { stdin, stdout, stderr }, stdin)
                }
            };
            (number, exit, stdio, input)
        };
        // From here on whatever is dropped on an error undoes itself.
        let output = OutputReader { queue, link: link.clone() };
        let stdin =
            input.map(|stream| StdinWriter { stream, changed: link.outbox().open_input(stream), link: link.clone() });
        match link.request(what, START, &request(number, stdio)) {
            Ok(sent) => Ok(Starting { sent, number, exit, stdin, output: Some(output), container: None }),
            Err(error) => {
                output.abandon();
                stdin.iter().for_each(|stdin| link.outbox().forget_input(stdin.stream));
                link.tables().forget_process(number);
                Err(error)
            }
        }
    }

    /// Waits until the process runs.
    ///
    /// # Errors
    /// [`SandboxError::Failure`] if the agent could not start it; nothing of it is left then.
    pub(crate) async fn started(&self, starting: Starting) -> Result<Process, SandboxError> {
        let Starting { sent, number, exit, stdin, output, container } = starting;
        let link = &self.link;
        match link.answer(sent).await {
            Ok(Reply::Started { pid }) => {
                let handle = ProcessHandle { number, guest_pid: pid, exit, link: link.clone() };
                Ok(Process { handle, stdin, output })
            }
            Ok(_) => Err(link.unexpected("a start")),
            Err(error) => {
                if matches!(error, SandboxError::Failure(_)) {
                    output.iter().for_each(OutputReader::abandon);
                    stdin.iter().for_each(|stdin| link.outbox().forget_input(stdin.stream));
                    let mut tables = link.tables();
                    tables.forget_process(number);
                    container.iter().for_each(|id| tables.forget_container(id));
                }
                Err(error)
            }
        }
    }

    /// Shows `true` once the guest has let go of the container's disks, or has gone. `None` for a container that was
    /// never run here.
    pub(crate) fn released(&self, container: &str) -> Option<watch::Receiver<bool>> {
        self.link.tables().release(container)
    }
}
