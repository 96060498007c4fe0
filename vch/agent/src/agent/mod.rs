//! The event loop: one thread, one epoll, everything edge-triggered.
//!
//! A turn takes what the events announced (requests, ended children, starting children's words), moves stream data both
//! ways, and then lets ended containers go: those last, since a `docker run` waits for the output and not for them.
//! Nothing here blocks but disk and cgroup files of the machine itself.

mod health;
mod lifecycle;
mod requests;

use crate::boot::Machine;
use crate::connection::{Connection, Read, streams::Streams};
use crate::container::{Container, Process};
use crate::failure::{Explain, Failure, FailureClass};
use crate::health::Check;
use crate::sys;
use rustix::event::{Timespec, epoll};
use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use vch_agent_proto::{Event, Frame, Kind, Reply};

/// Frames taken from the port before streams get their turn.
const FRAMES_A_TURN: usize = 64;

/// What an epoll event is about.
#[derive(Clone, Copy)]
enum Source {
    Port,
    Children,
    Channel(u32),
    Stream(u32),
    Cgroup,
    ProbeChannel(u32),
    ProbeOutput,
    Memory,
}

impl Source {
    fn to_data(self) -> epoll::EventData {
        let (kind, number) = match self {
            Self::Port => (0, 0),
            Self::Children => (1, 0),
            Self::Channel(number) => (2, number),
            Self::Stream(number) => (3, number),
            Self::Cgroup => (4, 0),
            Self::ProbeChannel(number) => (5, number),
            Self::ProbeOutput => (6, 0),
            Self::Memory => (7, 0),
        };
        epoll::EventData::new_u64(kind << 32 | u64::from(number))
    }

    fn from_data(data: epoll::EventData) -> Self {
        let number = data.u64() as u32;
        match data.u64() >> 32 {
            0 => Self::Port,
            1 => Self::Children,
            2 => Self::Channel(number),
            3 => Self::Stream(number),
            4 => Self::Cgroup,
            5 => Self::ProbeChannel(number),
            7 => Self::Memory,
            _ => Self::ProbeOutput,
        }
    }
}

/// The agent of a booted machine.
pub(crate) struct Agent {
    machine: Machine,
    epoll: OwnedFd,
    children: OwnedFd,
    connection: Connection,
    /// The port has something to read, or its host has come or gone.
    port_ready: bool,
    streams: Streams,
    processes: BTreeMap<u32, Process>,
    containers: BTreeMap<String, Container>,
    /// Health checks by the number of their process.
    checks: BTreeMap<u32, Check>,
    personalized: bool,
    /// The request to shut down, until it is answered.
    shutdown: Option<u32>,
}

impl Agent {
    /// Sets up the event loop.
    ///
    /// # Errors
    /// A descriptor cannot be had.
    pub(crate) fn new(machine: Machine) -> Result<Self, Failure> {
        let internal = |what: &'static str| move |why: &str| format!("{what}: {why}");
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).explain(FailureClass::Internal, internal("epoll"))?;
        let children = sys::signals::children_descriptor().explain(FailureClass::Internal, internal("signals"))?;
        let port =
            rustix::io::fcntl_dupfd_cloexec(&machine.port, 3).explain(FailureClass::Internal, internal("port"))?;
        let agent = Self {
            connection: Connection::new(port),
            machine,
            epoll,
            children,
            port_ready: true,
            streams: Streams::default(),
            processes: BTreeMap::new(),
            containers: BTreeMap::new(),
            checks: BTreeMap::new(),
            personalized: false,
            shutdown: None,
        };
        agent.watch(agent.connection.port(), Source::Port, epoll::EventFlags::IN | epoll::EventFlags::OUT)?;
        agent.watch(agent.children.as_fd(), Source::Children, epoll::EventFlags::IN)?;
        Ok(agent)
    }

    /// Serves the host for ever.
    ///
    /// # Errors
    /// Waiting for events fails, after which nothing can be served.
    pub(crate) fn serve(mut self) -> Result<(), Failure> {
        let mut events = Vec::with_capacity(64);
        let mut timeout = None;
        loop {
            events.clear();
            let spare = rustix::buffer::spare_capacity(&mut events);
            match epoll::wait(&self.epoll, spare, timeout.as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                result => drop(result.explain(FailureClass::Internal, |why| format!("wait for events: {why}"))?),
            }
            let sources: Vec<Source> =
                events.iter().map(|event: &epoll::Event| Source::from_data(event.data)).collect();
            timeout = self.turn(&sources);
        }
    }

    /// One turn; returns how long to wait for the next event at most.
    fn turn(&mut self, sources: &[Source]) -> Option<Timespec> {
        let mut children = false;
        for source in sources {
            match *source {
                Source::Port => {
                    self.port_ready = true;
                    self.connection.set_writable();
                }
                Source::Children => children = true,
                Source::Channel(number) => self.hear(number),
                Source::Stream(number) => self.streams.set_ready(number),
                Source::ProbeChannel(number) => self.hear_probe(number),
                // They are read in every turn.
                Source::Cgroup | Source::ProbeOutput => {}
                Source::Memory => self.tell_out_of_memory(),
            }
        }
        if self.port_ready {
            self.read_port();
        }
        if children {
            self.reap();
        }
        self.streams.feed_all(&mut self.connection);
        let more = self.streams.pump(&mut self.connection);
        self.connection.flush();
        let check = self.tend_checks().and_then(|wait| Timespec::try_from(wait).ok());
        let retry = self.settle();
        self.connection.flush();
        if more || self.port_ready {
            return Some(Timespec { tv_sec: 0, tv_nsec: 0 });
        }
        [check, retry].into_iter().flatten().min()
    }

    fn read_port(&mut self) {
        for _ in 0..FRAMES_A_TURN {
            while let Some(frame) = self.connection.next_frame() {
                match frame.kind {
                    Kind::Request => self.request(&frame),
                    _ => self.streams.receive(&frame, &mut self.connection),
                }
            }
            match self.connection.read() {
                Read::More => {}
                Read::Dry => {
                    self.port_ready = false;
                    return;
                }
                Read::Absent => {
                    self.port_ready = false;
                    self.host_gone();
                    return;
                }
            }
        }
    }

    /// The host has closed the port. Containers run on.
    fn host_gone(&mut self) {
        self.connection.clear();
        self.streams.disconnect();
        self.forget_checks(|_, _| true);
        self.forget_identity();
    }

    /// Gives up an identity that serves no container: between two connections a machine may be saved as a template.
    fn forget_identity(&mut self) {
        if self.containers.is_empty() {
            self.personalized = false;
        }
    }

    fn watch(&self, descriptor: BorrowedFd<'_>, source: Source, flags: epoll::EventFlags) -> Result<(), Failure> {
        epoll::add(&self.epoll, descriptor, source.to_data(), flags | epoll::EventFlags::ET)
            .explain(FailureClass::Internal, |why| format!("watch a descriptor: {why}"))
    }

    fn reply(&mut self, request: u32, answer: &Result<Reply, Failure>) {
        self.send_control(Kind::Reply, request, answer);
    }

    fn event(&mut self, event: &Event) {
        self.send_control(Kind::Event, 0, event);
    }

    fn send_control<M: serde::Serialize>(&mut self, kind: Kind, number: u32, message: &M) {
        match Frame::control(kind, number, message) {
            Ok(frame) => self.connection.send(&frame),
            Err(error) => crate::failure::report(&format!("a message could not be framed: {error}")),
        }
    }
}
