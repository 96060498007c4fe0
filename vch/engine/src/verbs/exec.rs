//! `exec`: a further process in a running container.

use crate::container::Published;
use crate::container::detach::{self, Typed, Watcher};
use crate::container::process_spec;
use crate::container::state::Status;
use crate::container::view::{ExecSpec, ExecView};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::execs::{Exec, Stage};
use crate::requests::ExecStart;
use crate::stream::{Attached, Channel, Chunk};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use vch_sandbox::proto::{FailureClass, WindowSize};
use vch_sandbox::{OutputReader, Process, SandboxError, StdinWriter, Streams};

/// Chunks that wait for a client at a time.
const CHUNKS: usize = 16;

/// How long an exec that ended can still be inspected (moby: five to ten minutes).
const KEPT: Duration = Duration::from_secs(300);

/// How long output may come after the end of the process (moby waits as long).
const DRAIN: Duration = Duration::from_secs(2);

impl Engine {
    /// Makes an exec.
    ///
    /// # Errors
    /// Docker's words for a container that does not run or is paused, and for a missing command.
    pub async fn exec_create(&self, name: &str, spec: ExecSpec) -> Result<String> {
        let container = self.find(name)?;
        let now = container.now();
        refuse_if_unfit(&now)?;
        if spec.cmd.is_empty() {
            return Err(Error::invalid("No exec command specified"));
        }
        detach::parse(&spec.detach_keys)?;
        let id = self.fresh_id()?;
        let action = format!("exec_create: {}", spec.cmd.join(" "));
        self.execs().add(id.clone(), container.id.clone(), spec);
        self.tell_container(&now.record, &action, [("execID", id.clone())]);
        Ok(id)
    }

    /// Starts an exec; none when detached. A command that cannot be run is told in the stream, as dockerd does.
    ///
    /// # Errors
    /// No such exec; one that has been started; a container that no longer runs.
    pub async fn exec_start(&self, id: &str, options: ExecStart) -> Result<Option<Attached>> {
        let exec = self.execs().find(id)?;
        let container = self.find(&exec.container)?;
        let now = container.now();
        let live = refuse_if_unfit(&now)?.clone();
        exec.begin()?;
        let spec = &exec.spec;
        let process = process_spec::exec(&now.record, spec)?;
        self.tell_container(&now.record, &format!("exec_start: {}", spec.cmd.join(" ")), [("execID", id.to_owned())]);
        let size = options.console_size.or(spec.console_size).filter(|[rows, columns]| *rows > 0 && *columns > 0);
        let stdin = spec.attach_stdin && !options.detach;
        let streams = if spec.tty {
            let size = size.map(|[rows, columns]| WindowSize { rows, columns });
            Streams::Terminal { input: stdin, size }
        } else {
            let wanted = |attached: bool| attached && !options.detach;
            Streams::Pipes { stdin, stdout: wanted(spec.attach_stdout), stderr: wanted(spec.attach_stderr) }
        };
        match live.sandbox.exec(&container.id, process, streams).await {
            Ok(process) => Ok(self.follow(exec, &now, process, options.detach)),
            Err(error) => {
                let (code, message) = explain(&error);
                exec.set(Stage::Ended { code, pid: 0 });
                if options.detach {
                    return Err(message);
                }
                let text = Chunk { channel: Channel::Stdout, bytes: format!("{message}\r\n").into() };
                Ok(Some(Attached { tty: spec.tty, output: stream::iter([text]).boxed(), stdin: None }))
            }
        }
    }

    fn follow(&self, exec: Arc<Exec>, now: &Published, mut process: Process, detach: bool) -> Option<Attached> {
        exec.set(Stage::Running(process.handle()));
        let (chunks, receiver) = mpsc::channel(CHUNKS);
        let output = process.take_output();
        let stdin = process.take_stdin();
        let tty = exec.spec.tty;
        let keys = detach::parse(&exec.spec.detach_keys).unwrap_or_default();
        let id = exec.id.clone();
        let ended = Ended { engine: self.clone(), exec, record: Arc::clone(&now.record) };
        let detached = Arc::new(Notify::new());
        let client = (!detach).then_some(chunks);
        let pump = ended.pump(output, process, client, Arc::clone(&detached));
        let engine = self.clone();
        tokio::spawn(async move {
            pump.await;
            // Clients ask for the code soon after; what nobody asks for any more is forgotten, as in dockerd.
            tokio::select! {
                () = tokio::time::sleep(KEPT) => engine.execs().forget(&id),
                () = engine.rooms.closed.cancelled() => {}
            }
        });
        if detach {
            return None;
        }
        let stdin = stdin.map(|stdin| {
            let (sender, typed) = mpsc::channel(CHUNKS);
            tokio::spawn(forward(typed, stdin, tty.then(|| Watcher::new(keys)), detached));
            sender
        });
        Some(Attached { tty, output: ReceiverStream::new(receiver).boxed(), stdin })
    }

    /// An exec as it stands.
    ///
    /// # Errors
    /// No such exec.
    pub async fn exec_inspect(&self, id: &str) -> Result<ExecView> {
        Ok(self.execs().find(id)?.view())
    }

    /// Sets an exec's terminal size.
    ///
    /// # Errors
    /// No such exec; it does not run; it has no terminal.
    pub async fn exec_resize(&self, id: &str, rows: u16, columns: u16) -> Result<()> {
        let exec = self.execs().find(id)?;
        let Stage::Running(handle) = exec.stage() else {
            return Err(Error::conflict(format!("exec {id} is not running")));
        };
        handle.resize(WindowSize { rows, columns }).await.map_err(|e| Error::chain("resize the terminal", &e))
    }
}

fn refuse_if_unfit(now: &Published) -> Result<&crate::container::live::Live> {
    let id = &now.record.id;
    match (&now.live, now.record.state.status) {
        (_, Status::Paused) => {
            Err(Error::conflict(format!("container {id} is paused, unpause the container before exec")))
        }
        (_, Status::Restarting) => Err(Error::restarting(id)),
        (Some(live), Status::Running) => Ok(live),
        _ => Err(Error::conflict(format!("container {id} is not running"))),
    }
}

/// Docker's exit code and words for an exec that could not be started.
fn explain(error: &SandboxError) -> (i32, Error) {
    let SandboxError::Failure(failure) = error else {
        return (126, Error::chain("start the process", error));
    };
    let code = if failure.class == FailureClass::ExecutableNotFound { 127 } else { 126 };
    if failure.class == FailureClass::UnknownUser {
        return (code, Error::system(failure.message.clone()));
    }
    (code, Error::invalid(process_spec::refused(&failure.message)))
}

/// Moves an exec's output and notes its end, before the client's stream ends: clients inspect once, right after.
struct Ended {
    engine: Engine,
    exec: Arc<Exec>,
    record: Arc<crate::container::record::Record>,
}

impl Ended {
    async fn pump(
        self,
        output: Option<OutputReader>,
        process: Process,
        mut client: Option<mpsc::Sender<Chunk>>,
        detached: Arc<Notify>,
    ) {
        let handle = process.handle();
        let copy = async {
            let Some(mut output) = output else { return };
            loop {
                let next = tokio::select! {
                    next = output.next() => next,
                    () = detached.notified(), if client.is_some() => {
                        client = None;
                        continue;
                    }
                };
                let Some((channel, bytes)) = next else { return };
                let channel = Channel::from(channel);
                let Some(chunks) = &client else { continue };
                tokio::select! {
                    sent = chunks.send(Chunk { channel, bytes }) => if sent.is_err() { client = None },
                    () = detached.notified() => client = None,
                }
            }
        };
        let mut copy = std::pin::pin!(copy);
        let exit = tokio::select! {
            () = &mut copy => handle.wait().await,
            exit = handle.wait() => {
                // A child that holds the output open does not hold up the end.
                let _ = tokio::time::timeout(DRAIN, &mut copy).await;
                exit
            }
        };
        let code = crate::supervisor::Ended::of(exit).code;
        self.exec.set(Stage::Ended { code, pid: handle.guest_pid() });
        let attributes = [("execID", self.exec.id.clone()), ("exitCode", code.to_string())];
        self.engine.tell_container(&self.record, "exec_die", attributes);
    }
}

/// Moves a client's input to an exec's process.
async fn forward(
    mut typed: mpsc::Receiver<Bytes>,
    mut stdin: StdinWriter,
    mut watcher: Option<Watcher>,
    detached: Arc<Notify>,
) {
    loop {
        let bytes = tokio::select! {
            bytes = typed.recv() => bytes,
            () = stdin.closed() => return,
        };
        let Some(bytes) = bytes else { return stdin.close() };
        let (bytes, leave) = match watcher.as_mut().map(|w| w.feed(&bytes)) {
            Some(Typed::Pass(bytes)) => (bytes.into(), false),
            Some(Typed::Detach(bytes)) => (bytes.into(), true),
            None => (bytes, false),
        };
        if !bytes.is_empty() && stdin.write(bytes).await.is_err() {
            return;
        }
        if leave {
            detached.notify_one();
            // Dropping the writer would end the process's input: it keeps its terminal until it ends.
            return stdin.closed().await;
        }
    }
}
