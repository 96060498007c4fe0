//! What each request of the host's does.

use super::{Agent, Source};
use crate::container::start::Joined;
use crate::container::{self, Container, Phase, Process, stdio};
use crate::failure::{Explain, Failure, FailureClass, failure, report};
use crate::{boot, identity, sys};
use rustix::event::epoll::EventFlags;
use rustix::termios::{Winsize, tcsetwinsize};
use std::os::fd::AsFd;
use vch_agent_proto::{FileWork, Frame, Hello, Namespaces, Reply, Request, Scope, Stdio, VERSION, WindowSize};

impl Agent {
    /// Takes a request frame; answers now, or later where the answer hangs on a child.
    pub(super) fn request(&mut self, frame: &Frame) {
        let number = frame.stream;
        let answer = match frame.message::<Request>() {
            Ok(request) => self.take(number, request),
            Err(error) => Err(failure(FailureClass::Internal, format!("request {number}: {error}"))),
        };
        if let Some(answer) = answer.transpose() {
            self.reply(number, &answer);
        }
    }

    fn take(&mut self, number: u32, request: Request) -> Result<Option<Reply>, Failure> {
        match request {
            Request::Hello { version } => self.hello(version).map(Some),
            Request::Personalize(identity) => {
                self.no_container("an identity can be given")?;
                self.personalized = false;
                identity::apply(&identity)?;
                self.personalized = true;
                Ok(Some(Reply::Done))
            }
            Request::Anonymize => {
                self.no_container("an identity can be given up")?;
                self.personalized = false;
                if self.machine.network.is_none() {
                    self.machine.network = Some(boot::network::prepare()?);
                }
                Ok(Some(Reply::Done))
            }
            Request::Run(container) => self.run(number, &container).map(|()| None),
            Request::Exec { container, process } => self.exec(number, container, &process).map(|()| None),
            Request::Signal { process, signal } => self.signal(process, signal).map(Some),
            Request::Resize { process, size } => self.resize(process, size).map(Some),
            Request::Files { container, process, stdio, work } => {
                self.files(number, &container, process, &stdio, &work).map(|()| None)
            }
            Request::FilesAtRest { container, work } => self.files_at_rest(number, &container, &work).map(|()| None),
            Request::Freeze { container, frozen } => {
                self.containers.get(&container).ok_or_else(|| not_running(&container))?.cgroup.freeze(frozen)?;
                Ok(Some(Reply::Done))
            }
            Request::Shutdown => {
                self.shutdown = Some(number);
                let containers: Vec<String> = self.containers.keys().cloned().collect();
                containers.iter().for_each(|id| self.end(id));
                Ok(None)
            }
            Request::Health { container, check } => self.health(&container, *check).map(Some),
            Request::EndHealth { check } => {
                self.forget_checks(|number, _| number == check);
                Ok(Some(Reply::Done))
            }
            Request::Processes { container, after } => {
                let (container, _) = self.running_container(&container)?;
                Ok(Some(Reply::Processes(container::processes::page(&container.cgroup, after))))
            }
            Request::Usage { container } => {
                let (container, first) = self.running_container(&container)?;
                let first = first.pid.as_raw_nonzero().get().unsigned_abs();
                Ok(Some(Reply::Usage(Box::new(container::usage::read(&container.cgroup, first)))))
            }
            Request::Limit { container, limits } => {
                self.running_container(&container)?.0.cgroup.limit(&limits)?;
                Ok(Some(Reply::Done))
            }
        }
    }

    fn hello(&mut self, version: u16) -> Result<Reply, Failure> {
        if version != VERSION {
            let message = format!("the host speaks version {version} of the protocol, the agent {VERSION}");
            return Err(failure(FailureClass::Sequence, message));
        }
        // A connection that ended and began again within one turn is known by this only.
        self.streams.disconnect();
        self.forget_checks(|_, _| true);
        self.forget_identity();
        let kernel = rustix::system::uname().release().to_string_lossy().into_owned();
        Ok(Reply::Hello(Hello { version: VERSION, kernel, personalized: self.personalized }))
    }

    fn no_container(&self, what: &str) -> Result<(), Failure> {
        match self.containers.keys().next() {
            Some(id) => {
                Err(failure(FailureClass::Sequence, format!("{what} only while no container is there, not {id}")))
            }
            None => Ok(()),
        }
    }

    fn run(&mut self, request: u32, wanted: &vch_agent_proto::Container) -> Result<(), Failure> {
        self.admit(wanted)?;
        let cgroup = container::cgroup::Cgroup::create(self.machine.cgroups.as_fd(), &wanted.id)?;
        let stdio = stdio::Ends::open(&wanted.process.stdio)?;
        let joined = match self.joined(&wanted.namespaces) {
            Ok(joined) => joined,
            Err(failure) => {
                cgroup.remove();
                return Err(failure);
            }
        };
        let started = match container::start::run(&self.machine, wanted, &joined, &cgroup, stdio.child) {
            Ok(started) => started,
            Err(failure) => {
                cgroup.remove();
                return Err(failure);
            }
        };
        if wanted.namespaces.network == Scope::Own {
            // It is the container's now.
            self.machine.network = None;
        }
        let container = Container::new(wanted, cgroup, started.mounts);
        if let Some(events) = container.cgroup.memory_events()
            && let Err(failure) = self.watch(events, Source::Memory, EventFlags::PRI)
        {
            report(&failure.message);
        }
        self.containers.insert(wanted.id.clone(), container);
        let process = &wanted.process;
        self.started(request, &wanted.id, process.number, &process.stdio, started.process, stdio.agent)
    }

    fn files_at_rest(
        &mut self,
        request: u32,
        wanted: &vch_agent_proto::Container,
        work: &FileWork,
    ) -> Result<(), Failure> {
        self.admit(wanted)?;
        let cgroup = container::cgroup::Cgroup::create(self.machine.cgroups.as_fd(), &wanted.id)?;
        let process = &wanted.process;
        let stdio = stdio::Ends::open(&process.stdio)?;
        let started = match container::start::files_at_rest(wanted, work, stdio.child) {
            Ok(started) => started,
            Err(failure) => {
                cgroup.remove();
                return Err(failure);
            }
        };
        self.containers.insert(wanted.id.clone(), Container::new(wanted, cgroup, started.mounts));
        self.started(request, &wanted.id, process.number, &process.stdio, started.process, stdio.agent)
    }

    fn files(&mut self, request: u32, id: &str, process: u32, stdio: &Stdio, work: &FileWork) -> Result<(), Failure> {
        self.check_numbers(process, stdio)?;
        let container = self.containers.get(id).filter(|container| !container.ending).ok_or_else(|| not_running(id))?;
        let ends = stdio::Ends::open(stdio)?;
        let started = container::start::files(container, work, ends.child)?;
        self.started(request, id, process, stdio, started, ends.agent)
    }

    /// Whether a container can begin.
    fn admit(&self, wanted: &vch_agent_proto::Container) -> Result<(), Failure> {
        if !self.personalized {
            let message = "the machine still has its template's identity: Personalize comes before Run";
            return Err(failure(FailureClass::Sequence, message));
        }
        if self.shutdown.is_some() {
            return Err(failure(FailureClass::Sequence, "the machine is being shut down"));
        }
        if self.containers.contains_key(&wanted.id) {
            return Err(failure(FailureClass::Sequence, format!("container {} is there already", wanted.id)));
        }
        self.check_numbers(wanted.process.number, &wanted.process.stdio)
    }

    /// The first processes of the running containers whose namespaces are to be joined.
    fn joined(&self, of: &Namespaces) -> Result<Joined<'_>, Failure> {
        let first = |scope: &Scope| match scope {
            Scope::Container(id) => self.first_process(id).map(|first| Some(first.pidfd.as_fd())),
            Scope::Own | Scope::Machine => Ok(None),
        };
        Ok(Joined { pid: first(&of.pid)?, ipc: first(&of.ipc)?, network: first(&of.network)? })
    }

    fn first_process(&self, id: &str) -> Result<&Process, Failure> {
        self.running_container(id).map(|(_, first)| first)
    }

    fn exec(&mut self, request: u32, id: String, process: &vch_agent_proto::Process) -> Result<(), Failure> {
        self.check_numbers(process.number, &process.stdio)?;
        let (container, first) = self.running_container(&id)?;
        let stdio = stdio::Ends::open(&process.stdio)?;
        let started = container::start::exec(&self.machine, container, first, process, stdio.child)?;
        self.started(request, &id, process.number, &process.stdio, started, stdio.agent)
    }

    /// A container whose first process is executing, and that process.
    fn running_container(&self, id: &str) -> Result<(&Container, &Process), Failure> {
        let gone = || not_running(id);
        let container = self.containers.get(id).filter(|container| !container.ending).ok_or_else(gone)?;
        let first = self.processes.get(&container.first).filter(|p| p.is_running()).ok_or_else(gone)?;
        Ok((container, first))
    }

    fn check_numbers(&self, process: u32, stdio: &Stdio) -> Result<(), Failure> {
        if self.processes.contains_key(&process) {
            return Err(failure(FailureClass::Sequence, format!("process {process} is there already")));
        }
        match stdio::numbers(stdio).into_iter().find(|&stream| self.streams.contains(stream)) {
            Some(stream) => Err(failure(FailureClass::Sequence, format!("stream {stream} is there already"))),
            None => Ok(()),
        }
    }

    /// Registers a child that was forked: its streams, its channel, itself.
    fn started(
        &mut self,
        request: u32,
        id: &str,
        number: u32,
        stdio: &Stdio,
        started: container::start::Started,
        ends: stdio::AgentEnds,
    ) -> Result<(), Failure> {
        let oom_kills = self.containers.get(id).map_or(0, |container| container.cgroup.oom_kills());
        let first = self.containers.get(id).is_some_and(|container| container.first == number);
        let streams = stdio::numbers(stdio);
        ends.register(&mut self.streams);
        for &stream in &streams {
            self.watch_stream(stream)?;
        }
        self.watch(started.channel.as_fd(), Source::Channel(number), EventFlags::IN)?;
        self.processes.insert(
            number,
            Process {
                container: id.to_owned(),
                pid: started.pid,
                pidfd: started.pidfd,
                phase: Phase::Starting { channel: started.channel, request, ready: false },
                stdio: stdio.clone(),
                terminal: None,
                oom_kills_before: if first { 0 } else { oom_kills },
            },
        );
        Ok(())
    }

    /// Watches a stream's descriptor, where it has one yet.
    pub(super) fn watch_stream(&self, number: u32) -> Result<(), Failure> {
        match self.streams.descriptor(number) {
            Some(descriptor) => self.watch(descriptor, Source::Stream(number), EventFlags::IN | EventFlags::OUT),
            None => Ok(()),
        }
    }

    fn signal(&self, number: u32, signal: i32) -> Result<Reply, Failure> {
        let process = self.running(number)?;
        match sys::signals::send(process.pidfd.as_fd(), signal) {
            Err(rustix::io::Errno::SRCH) => Err(no_process(number)),
            result => result.explain(FailureClass::Setting, |why| format!("send signal {signal}: {why}")),
        }?;
        Ok(Reply::Done)
    }

    fn resize(&self, number: u32, size: WindowSize) -> Result<Reply, Failure> {
        let process = self.running(number)?;
        let Some(terminal) = &process.terminal else {
            return Err(failure(FailureClass::Setting, format!("process {number} has no terminal")));
        };
        tcsetwinsize(terminal, Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 })
            .explain(FailureClass::Setting, |why| format!("resize the terminal of process {number}: {why}"))?;
        Ok(Reply::Done)
    }

    fn running(&self, number: u32) -> Result<&Process, Failure> {
        self.processes.get(&number).filter(|process| process.is_running()).ok_or_else(|| no_process(number))
    }
}

fn not_running(container: &str) -> Failure {
    failure(FailureClass::NotFound, format!("container {container} is not running"))
}

fn no_process(number: u32) -> Failure {
    failure(FailureClass::NotFound, format!("no process {number} is running"))
}
