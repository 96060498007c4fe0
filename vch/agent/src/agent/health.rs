//! Health checks in the event loop: probes are forked when due, heard, read, reaped, and killed when they take too long.

use super::{Agent, Source};
use crate::container;
use crate::container::channel::{self, Word};
use crate::container::stdio::ChildEnds;
use crate::failure::{Explain, Failure, FailureClass, failure};
use crate::health::{Check, Overdue, Probe};
use rustix::event::epoll::EventFlags;
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Pid;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};
use vch_agent_proto::{Event, ExitStatus, HealthCheck, Probe as News, ProbeOutcome, Reply};

/// Pieces of a probe's output that are read before others get their turn.
const READS: usize = 16;

impl Agent {
    /// Checks a container's health by `wanted` from now on.
    pub(super) fn health(&mut self, id: &str, wanted: HealthCheck) -> Result<Reply, Failure> {
        if self.containers.get(id).is_none_or(|container| container.ending) {
            return Err(failure(FailureClass::NotFound, format!("container {id} is not running")));
        }
        let number = wanted.process.number;
        if self.checks.contains_key(&number) {
            return Err(failure(FailureClass::Sequence, format!("health check {number} is there already")));
        }
        self.forget_checks(|_, check| check.container == id);
        self.checks.insert(number, Check::new(id.to_owned(), wanted, Instant::now()));
        Ok(Reply::Done)
    }

    /// Ends the checks of which `which` holds, by number, without a word of probes under way.
    pub(super) fn forget_checks(&mut self, which: impl Fn(u32, &Check) -> bool) {
        self.checks.retain(|&number, check| {
            let forgotten = which(number, check);
            if let Some(probe) = check.probe.as_ref().filter(|_| forgotten) {
                probe.kill();
            }
            !forgotten
        });
    }

    /// Does what the time asks for. Returns how long until it asks again.
    pub(super) fn tend_checks(&mut self) -> Option<Duration> {
        if self.checks.is_empty() {
            return None;
        }
        let numbers: Vec<u32> = self.checks.keys().copied().collect();
        for number in numbers {
            self.read_probe(number);
            self.tend(number);
        }
        let now = Instant::now();
        let more = self.checks.values().any(|check| check.probe.as_ref().is_some_and(|probe| probe.more));
        let next = self.checks.values().filter_map(Check::wakes).min()?;
        Some(if more { Duration::ZERO } else { next.saturating_duration_since(now) })
    }

    fn tend(&mut self, number: u32) {
        let now = Instant::now();
        let Some(check) = self.checks.get_mut(&number) else { return };
        let Some(probe) = &mut check.probe else {
            if check.due <= now {
                self.begin_probe(number);
            }
            return;
        };
        match probe.overdue(now) {
            Some(Overdue::Kill) => {
                if probe.channel.is_some() {
                    let words = format!("timed out starting health check for container {}", check.container);
                    probe.failed(failure(FailureClass::Internal, words));
                }
                probe.kill();
            }
            Some(Overdue::Tell) => self.end_probe(number),
            None if probe.is_over() => self.end_probe(number),
            None => {}
        }
    }

    fn begin_probe(&mut self, number: u32) {
        self.event(&Event::Probe { check: number, probe: News::Begun });
        if let Err(failure) = self.fork_probe(number) {
            let outcome = ProbeOutcome::Failed(failure);
            self.event(&Event::Probe {
                check: number,
                probe: News::Ended { outcome, output: Vec::new(), truncated: false },
            });
            if let Some(check) = self.checks.get_mut(&number) {
                check.rest(Instant::now());
            }
        }
    }

    fn fork_probe(&mut self, number: u32) -> Result<(), Failure> {
        let not_running = || failure(FailureClass::NotFound, "the container is not running");
        let check = self.checks.get(&number).ok_or_else(not_running)?;
        if check.wanted.process.args.is_empty() {
            return Err(failure(FailureClass::Setting, "No exec command specified"));
        }
        let container = self.containers.get(&check.container).ok_or_else(not_running)?;
        let first = self.processes.get(&container.first).filter(|first| first.is_running()).ok_or_else(not_running)?;
        let explain = |why: &str| format!("make a pipe: {why}");
        let (read, write) = pipe_with(PipeFlags::CLOEXEC).explain(FailureClass::Internal, explain)?;
        rustix::fs::fcntl_setfl(&read, OFlags::NONBLOCK).explain(FailureClass::Internal, explain)?;
        let errors = rustix::io::fcntl_dupfd_cloexec(&write, 3).explain(FailureClass::Internal, explain)?;
        let ends = ChildEnds::Pipes([None, Some(write), Some(errors)]);
        let started = container::start::exec(&self.machine, container, first, &check.wanted.process, ends)?;
        self.watch(started.channel.as_fd(), Source::ProbeChannel(number), EventFlags::IN)?;
        self.watch(read.as_fd(), Source::ProbeOutput, EventFlags::IN)?;
        if let Some(check) = self.checks.get_mut(&number) {
            check.probe = Some(Probe::new(started, read, Instant::now()));
        }
        Ok(())
    }

    /// Reads what a starting probe has said, to the end of it.
    pub(super) fn hear_probe(&mut self, number: u32) {
        let Some(check) = self.checks.get_mut(&number) else { return };
        let (Some(probe), timeout) = (&mut check.probe, check.wanted.timeout) else { return };
        while let Some(channel) = &probe.channel {
            match channel::receive(channel.as_fd()) {
                Some(Word::Ready) => probe.ready = true,
                Some(Word::Failed(failure)) => probe.failed(failure),
                Some(Word::Terminal(_)) => {}
                Some(Word::Nothing) => return,
                None if probe.ready => probe.executing(timeout, Instant::now()),
                None => {
                    let words = "the process ended before it could be executed (out of memory?)";
                    probe.failed(failure(FailureClass::Internal, words));
                }
            }
        }
    }

    fn read_probe(&mut self, number: u32) {
        let Some(probe) = self.checks.get_mut(&number).and_then(|check| check.probe.as_mut()) else { return };
        let mut bytes = [0; 4096];
        for _ in 0..READS {
            let Some(output) = &probe.output else { break };
            match rustix::io::read(output, &mut bytes) {
                Ok(count @ 1..) => probe.wrote(bytes.get(..count).unwrap_or_default()),
                Err(Errno::AGAIN) => {
                    probe.more = false;
                    return;
                }
                Err(Errno::INTR) => {}
                Ok(0) | Err(_) => probe.output = None,
            }
        }
        probe.more = probe.output.is_some();
    }

    /// Takes the status of an ended child, if it was a probe.
    pub(super) fn probe_ended(&mut self, pid: Pid, status: ExitStatus) {
        let is_it = |check: &Check| check.probe.as_ref().is_some_and(|probe| probe.pid == pid);
        let Some((&number, _)) = self.checks.iter().find(|(_, check)| is_it(check)) else { return };
        self.hear_probe(number);
        if let Some(probe) = self.checks.get_mut(&number).and_then(|check| check.probe.as_mut()) {
            probe.exited(status, Instant::now());
        }
    }

    fn end_probe(&mut self, number: u32) {
        let Some(check) = self.checks.get_mut(&number) else { return };
        let Some(probe) = check.probe.take() else { return };
        let (outcome, output, truncated) = probe.into_end();
        if outcome == ProbeOutcome::Exited(ExitStatus::Code(0)) {
            check.wanted.starting = false;
        }
        check.rest(Instant::now());
        self.event(&Event::Probe { check: number, probe: News::Ended { outcome, output, truncated } });
    }
}
