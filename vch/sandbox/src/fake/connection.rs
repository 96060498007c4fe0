//! One connection of the fake guest: reads frames, answers requests, starts programs.

use super::program::{End, Proc};
use super::streams::{Input, InputEnd, Output, OutputEnd};
use super::{Guest, Running, Touch, failure};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};
use vch_agent_proto::{
    Decoder, Event, ExitStatus, Failure, FailureClass, FileWork, Frame, Hello, Kind, Process, Reply, Request, Stdio,
    VERSION,
};

/// `SIGKILL`, which no program handles.
const SIGKILL: i32 = 9;

/// The streams of one connection.
struct Connection<'a> {
    guest: &'a Guest,
    frames: mpsc::UnboundedSender<Frame>,
    outputs: HashMap<u32, Arc<OutputEnd>>,
    inputs: HashMap<u32, Arc<InputEnd>>,
}

pub(super) async fn serve(guest: &Guest, stream: UnixStream) {
    let (mut read, mut write) = stream.into_split();
    let (frames, mut queue) = mpsc::unbounded_channel::<Frame>();
    let writer = tokio::spawn(async move {
        let mut bytes = Vec::new();
        while let Some(frame) = queue.recv().await {
            bytes.clear();
            frame.encode_into(&mut bytes);
            if write.write_all(&bytes).await.is_err() {
                return;
            }
        }
    });
    let mut connection = Connection { guest, frames, outputs: HashMap::new(), inputs: HashMap::new() };
    let mut decoder = Decoder::default();
    let mut buffer = vec![0; 64 * 1024];
    'connection: while let Ok(length @ 1..) = read.read(&mut buffer).await {
        decoder.push(&buffer[..length]);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => connection.take(frame),
                Ok(None) => break,
                Err(_) => break 'connection,
            }
        }
    }
    connection.outputs.values().for_each(|end| end.reset());
    connection.inputs.values().for_each(|end| end.end());
    // Processes that go on hold senders of their own: the writer must not wait for them.
    writer.abort();
}

impl Connection<'_> {
    fn take(&mut self, frame: Frame) {
        match frame.kind {
            Kind::Request => {
                let number = frame.stream;
                let (go, started) = oneshot::channel();
                let answer = match frame.message::<Request>() {
                    Ok(request) => self.answer(request, started),
                    Err(error) => Err(failure(FailureClass::Internal, &error.to_string())),
                };
                if let Ok(reply) = Frame::control(Kind::Reply, number, &answer) {
                    let _ = self.frames.send(reply);
                }
                // A program starts only after the answer that says so is on its way.
                let _ = go.send(());
            }
            Kind::Data => {
                if let Some(input) = self.inputs.get(&frame.stream) {
                    input.push(Bytes::from(frame.payload));
                }
            }
            Kind::Eof => {
                if let Some(input) = self.inputs.remove(&frame.stream) {
                    input.end();
                }
            }
            Kind::Credit => {
                if let (Some(output), Ok(bytes)) = (self.outputs.get(&frame.stream), frame.credited()) {
                    output.credited(bytes);
                }
            }
            Kind::Reset => {
                if let Some(output) = self.outputs.remove(&frame.stream) {
                    output.reset();
                }
            }
            Kind::Reply | Kind::Event => {}
        }
    }

    fn answer(&mut self, request: Request, go: oneshot::Receiver<()>) -> Result<Reply, Failure> {
        let guest = self.guest.clone();
        guest.state().requests.push(request.clone());
        match request {
            Request::Hello { version } if version == VERSION => Ok(Reply::Hello(Hello {
                version: VERSION,
                kernel: "6.1.0-fake".to_owned(),
                personalized: guest.state().identity.is_some(),
            })),
            Request::Hello { .. } => Err(failure(FailureClass::Sequence, "another version")),
            Request::Personalize(_) if guest.refuse.load(Ordering::Relaxed) => {
                Err(failure(FailureClass::Internal, "the identity cannot be set"))
            }
            Request::Personalize(identity) => {
                guest.state().identity = Some(identity);
                Ok(Reply::Done)
            }
            Request::Anonymize => {
                let mut state = guest.state();
                if !state.containers.is_empty() {
                    return Err(failure(FailureClass::Sequence, "a container is there"));
                }
                state.identity = None;
                Ok(Reply::Done)
            }
            Request::Run(container) => {
                guest.state().admit(&container.id)?;
                guest.check_disks(&container.rootfs)?;
                let number = container.process.number;
                guest.state().limits.insert(container.id.clone(), container.limits.clone());
                let reply = self.start(container.process, container.id.clone(), None, go)?;
                guest.state().containers.insert(container.id, number);
                Ok(reply)
            }
            Request::Exec { container, process } => {
                if !guest.state().containers.contains_key(&container) {
                    return Err(failure(FailureClass::NotFound, "no such container"));
                }
                self.start(*process, container, None, go)
            }
            Request::Files { container, process, stdio, work } => {
                if !guest.state().containers.contains_key(&container) {
                    return Err(failure(FailureClass::NotFound, "no such container"));
                }
                let process = Process { number: process, stdio, ..super::process(&[super::files::NAME]) };
                self.start(process, container, Some(*work), go)
            }
            Request::FilesAtRest { container, work } => {
                guest.state().admit(&container.id)?;
                guest.check_disks(&container.rootfs)?;
                let process = Process {
                    number: container.process.number,
                    stdio: container.process.stdio,
                    ..super::process(&[super::files::NAME])
                };
                let number = process.number;
                let reply = self.start(process, container.id.clone(), Some(*work), go)?;
                guest.state().containers.insert(container.id, number);
                Ok(reply)
            }
            Request::Freeze { container, frozen } => {
                let mut state = guest.state();
                state.first_of(&container)?;
                if frozen {
                    state.frozen.insert(container)
                } else {
                    state.frozen.remove(&container)
                };
                Ok(Reply::Done)
            }
            Request::Signal { process, signal } => {
                guest.state().touch(process, Touch::Signal(signal)).map(|()| Reply::Done)
            }
            Request::Resize { process, size } => {
                guest.state().touch(process, Touch::Resize(size)).map(|()| Reply::Done)
            }
            Request::Shutdown => {
                let state = guest.state();
                state.processes.values().for_each(|running| {
                    let _ = running.signals.send(Touch::Signal(SIGKILL));
                });
                Ok(Reply::Done)
            }
            Request::Health { container, check } => {
                if !guest.state().containers.contains_key(&container) {
                    return Err(failure(FailureClass::NotFound, "no such container"));
                }
                guest.state().check = Some((check.process.number, self.frames.clone()));
                Ok(Reply::Done)
            }
            Request::EndHealth { check } => {
                let mut state = guest.state();
                state.check = state.check.take().filter(|(number, _)| *number != check);
                Ok(Reply::Done)
            }
            Request::Processes { container, after } => {
                guest.state().processes_of(&container, after).map(Reply::Processes)
            }
            Request::Usage { container } => {
                guest.state().usage_of(&container).map(|usage| Reply::Usage(Box::new(usage)))
            }
            Request::Limit { container, limits } => {
                let mut state = guest.state();
                state.first_of(&container)?;
                state.limits.insert(container, limits);
                Ok(Reply::Done)
            }
        }
    }

    fn start(
        &mut self,
        process: Process,
        container: String,
        work: Option<FileWork>,
        go: oneshot::Receiver<()>,
    ) -> Result<Reply, Failure> {
        let name = process.args.first().cloned().unwrap_or_default();
        let Some(program) = self.guest.programs.find(&name) else {
            let message = format!("exec: \"{name}\": executable file not found in $PATH");
            return Err(failure(FailureClass::ExecutableNotFound, &message));
        };
        let (input, stdout, stderr, size) = match process.stdio {
            Stdio::Terminal { input, output, size } => (input, Some(output), None, size),
            Stdio::Pipes { stdin, stdout, stderr } => (stdin, stdout, stderr, None),
        };
        let frames = self.frames.clone();
        let mut output = |stream: Option<u32>| {
            let end = stream.map(|stream| self.outputs.entry(stream).or_insert_with(|| OutputEnd::new(stream)).clone());
            Output::new(end, frames.clone())
        };
        let (stdout, stderr) = (output(stdout), output(stderr));
        let end = input.map(|stream| self.inputs.entry(stream).or_insert_with(|| InputEnd::new(stream)).clone());
        let (signals, outside) = mpsc::unbounded_channel();
        let (inside, touches) = mpsc::unbounded_channel();
        let pid = {
            let mut state = self.guest.state();
            state.next_pid += 1;
            let pid = state.next_pid;
            let args = process.args.clone();
            state.processes.insert(process.number, Running { container: container.clone(), pid, args, signals });
            pid
        };
        let stdin = Input::new(end, self.frames.clone());
        let proc = Proc { args: process.args, env: process.env, work, stdin, stdout, stderr, touches, size };
        let guest = self.guest.clone();
        tokio::spawn(async move {
            // The sender is kept until the answer was queued; that it went away says the same.
            let _ = go.await;
            let end = tokio::select! {
                biased;
                () = killed(outside, inside) => End::from(ExitStatus::Signal(SIGKILL as u8)),
                end = program(proc) => end,
            };
            end_process(&guest, &frames, process.number, end);
        });
        Ok(Reply::Started { pid })
    }
}

/// Passes what comes from outside on to the program, and returns when it is `SIGKILL`.
async fn killed(mut outside: mpsc::UnboundedReceiver<Touch>, inside: mpsc::UnboundedSender<Touch>) {
    while let Some(touch) = outside.recv().await {
        if matches!(touch, Touch::Signal(SIGKILL)) {
            return;
        }
        let _ = inside.send(touch);
    }
    std::future::pending::<()>().await;
}

/// Tells the exit; with a container's first process its others are killed, and the container is released with the last.
fn end_process(guest: &Guest, frames: &mpsc::UnboundedSender<Frame>, number: u32, end: End) {
    let mut state = guest.state();
    let Some(ended) = state.processes.remove(&number) else { return };
    let mut events = Vec::new();
    if end.oom_killed {
        events.push(Event::OutOfMemory { container: ended.container.clone() });
    }
    events.push(Event::Exited { process: number, status: end.status, oom_killed: end.oom_killed });
    let mut siblings = state.processes.values().filter(|other| other.container == ended.container).peekable();
    let first = state.containers.get(&ended.container).copied();
    let first_gone = first == Some(number) || first.is_none_or(|first| !state.processes.contains_key(&first));
    if first_gone && siblings.peek().is_none() {
        events.push(Event::Released { container: ended.container.clone() });
        state.containers.remove(&ended.container);
    } else if first_gone {
        siblings.for_each(|other| {
            let _ = other.signals.send(Touch::Signal(SIGKILL));
        });
    }
    for event in events {
        if let Ok(frame) = Frame::control(Kind::Event, 0, &event) {
            let _ = frames.send(frame);
        }
    }
}
