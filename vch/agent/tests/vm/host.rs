//! The host's end of the protocol, blocking and plain: requests, events, streams with credit.

use crate::machine::DEADLINE;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use vch_agent_proto::{
    Container, Decoder, Event, ExitStatus, Failure, Frame, Hello, Identity, Kind, Process, Reply, Request, Stdio,
    VERSION, WINDOW,
};

#[derive(Default)]
pub(crate) struct Stream {
    pub(crate) bytes: Vec<u8>,
    pub(crate) ended: bool,
    /// Received bytes are credited at once, unless this is set.
    pub(crate) held: bool,
    pub(crate) credit: u32,
    pub(crate) reset: bool,
}

pub(crate) struct Host {
    socket: UnixStream,
    decoder: Decoder,
    next_request: u32,
    replies: BTreeMap<u32, Result<Reply, Failure>>,
    pub(crate) events: Vec<Event>,
    pub(crate) streams: BTreeMap<u32, Stream>,
}

/// A process that has been started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Running {
    pub(crate) number: u32,
}

/// How a process ended, with what it wrote.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) oom_killed: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn ok(self) -> String {
        assert_eq!((self.status, self.stderr.as_str()), (ExitStatus::Code(0), ""), "{}", self.stdout);
        self.stdout
    }
}

impl Host {
    pub(crate) fn new(socket: UnixStream) -> Self {
        Self {
            socket,
            decoder: Decoder::default(),
            next_request: 0,
            replies: BTreeMap::new(),
            events: Vec::new(),
            streams: BTreeMap::new(),
        }
    }

    pub(crate) fn close(&mut self) {
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
    }

    pub(crate) fn send(&mut self, frame: &Frame) {
        let mut bytes = Vec::new();
        frame.encode_into(&mut bytes);
        // What the agent sends meanwhile is taken first where the socket is full.
        self.socket.set_nonblocking(true).unwrap();
        let mut rest = bytes.as_slice();
        let deadline = Instant::now() + DEADLINE;
        while !rest.is_empty() {
            match self.socket.write(rest) {
                Ok(count) => rest = &rest[count..],
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    assert!(Instant::now() < deadline, "the agent takes nothing");
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
                Err(error) => panic!("send: {error}"),
            }
        }
        self.socket.set_nonblocking(false).unwrap();
    }

    /// Sends a request without waiting for its reply.
    pub(crate) fn begin(&mut self, request: &Request) -> u32 {
        self.next_request += 1;
        self.send(&Frame::control(Kind::Request, self.next_request, request).unwrap());
        self.next_request
    }

    pub(crate) fn request(&mut self, request: &Request) -> Result<Reply, Failure> {
        let number = self.begin(request);
        self.reply(number)
    }

    pub(crate) fn reply(&mut self, number: u32) -> Result<Reply, Failure> {
        self.until("a reply", |host| host.replies.remove(&number))
    }

    /// Takes frames until `condition` gives something, within the deadline.
    pub(crate) fn until<T>(&mut self, what: &str, mut condition: impl FnMut(&mut Self) -> Option<T>) -> T {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(value) = condition(self) {
                return value;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what} did not come; events {:?}", self.events);
            self.take(left);
        }
    }

    /// Reads once and takes what came.
    pub(crate) fn take(&mut self, timeout: std::time::Duration) {
        self.socket.set_read_timeout(Some(timeout)).unwrap();
        let mut bytes = [0; 65536];
        let count = match self.socket.read(&mut bytes) {
            Ok(0) => panic!("the agent's port has closed"),
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
            Err(error) => panic!("receive: {error}"),
        };
        self.decoder.push(&bytes[..count]);
        while let Some(frame) = self.decoder.next_frame().unwrap() {
            match frame.kind {
                Kind::Reply => drop(self.replies.insert(frame.stream, frame.message().unwrap())),
                Kind::Event => self.events.push(frame.message().unwrap()),
                Kind::Data => {
                    let stream = self.streams.entry(frame.stream).or_default();
                    assert!(!stream.ended, "data after the end of stream {}", frame.stream);
                    stream.bytes.extend(&frame.payload);
                    if !stream.held {
                        self.send(&Frame::credit(frame.stream, frame.payload.len() as u32));
                    }
                }
                Kind::Eof => self.streams.entry(frame.stream).or_default().ended = true,
                Kind::Credit => self.streams.entry(frame.stream).or_default().credit += frame.credited().unwrap(),
                Kind::Reset => self.streams.entry(frame.stream).or_default().reset = true,
                Kind::Request => panic!("the agent sent a request"),
            }
        }
    }

    pub(crate) fn hello(&mut self) -> Hello {
        match self.request(&Request::Hello { version: VERSION }).unwrap() {
            Reply::Hello(hello) => hello,
            other => panic!("{other:?}"),
        }
    }

    /// Gives the machine an identity of which every part depends on `seed`.
    pub(crate) fn personalize(&mut self, seed: u8) {
        assert_eq!(self.request(&Request::Personalize(identity(seed))), Ok(Reply::Done));
    }

    pub(crate) fn run(&mut self, container: Container) -> Result<Running, Failure> {
        let number = container.process.number;
        self.open_streams(&container.process);
        let reply = self.request(&Request::Run(Box::new(container)))?;
        assert!(matches!(reply, Reply::Started { pid } if pid > 1), "{reply:?}");
        Ok(Running { number })
    }

    pub(crate) fn exec(&mut self, container: &str, process: Process) -> Result<Running, Failure> {
        let number = process.number;
        self.open_streams(&process);
        let reply = self.request(&Request::Exec { container: container.to_owned(), process: Box::new(process) })?;
        assert!(matches!(reply, Reply::Started { pid } if pid > 1), "{reply:?}");
        Ok(Running { number })
    }

    pub(crate) fn open_streams(&mut self, process: &Process) {
        let (input, outputs) = match process.stdio {
            Stdio::Terminal { input, output, .. } => (input, vec![output]),
            Stdio::Pipes { stdin, stdout, stderr } => (stdin, [stdout, stderr].into_iter().flatten().collect()),
        };
        for number in outputs {
            self.streams.insert(number, Stream::default());
        }
        if let Some(number) = input {
            self.streams.insert(number, Stream { credit: WINDOW, ..Stream::default() });
        }
    }

    pub(crate) fn write(&mut self, stream: u32, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let credit = self.until("credit", |host| {
                let stream = &host.streams[&stream];
                (stream.reset || stream.credit > 0).then_some(stream.credit)
            });
            if self.streams[&stream].reset {
                return;
            }
            let (now, later) = bytes.split_at(bytes.len().min(credit as usize).min(vch_agent_proto::MAX_DATA));
            self.streams.get_mut(&stream).unwrap().credit -= now.len() as u32;
            self.send(&Frame::data(stream, now));
            bytes = later;
        }
    }

    pub(crate) fn end_input(&mut self, stream: u32) {
        self.send(&Frame::eof(stream));
    }

    pub(crate) fn exited(&mut self, running: Running) -> (ExitStatus, bool) {
        self.until("the exit", |host| {
            host.events.iter().find_map(|event| match event {
                Event::Exited { process, status, oom_killed } if *process == running.number => {
                    Some((*status, *oom_killed))
                }
                _ => None,
            })
        })
    }

    /// Waits for the end of a process whose streams are numbered as [`crate::wanted`] does.
    pub(crate) fn wait(&mut self, running: Running) -> Ended {
        let (status, oom_killed) = self.exited(running);
        let mut text = |number: u32| {
            if !self.streams.contains_key(&number) {
                return String::new();
            }
            self.until("the end of a stream", |host| host.streams[&number].ended.then_some(()));
            String::from_utf8_lossy(&self.streams[&number].bytes).into_owned()
        };
        let (stdout, stderr) = (text(running.number * 10 + 2), text(running.number * 10 + 4));
        Ended { status, oom_killed, stdout, stderr }
    }

    pub(crate) fn released(&mut self, id: &str) {
        self.until("the release", |host| {
            host.events
                .iter()
                .any(|event| matches!(event, Event::Released { container } if container == id))
                .then_some(())
        });
    }
}

pub(crate) fn identity(seed: u8) -> Identity {
    Identity {
        entropy: vec![seed; 64],
        realtime_ns: SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64,
        hostname: format!("machine-{seed}"),
        machine_id: [seed; 16],
        mac: Some([2, 0, 0, 0, 0, seed]),
    }
}
