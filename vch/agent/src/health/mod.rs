//! Health checks: when a container's next probe is due, and what has become of the present one.
//!
//! Times and facts only; forking, watching and telling are the event loop's (`agent/health.rs`).

use crate::container::start::Started;
use crate::sys::sessions;
use rustix::process::Pid;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};
use vch_agent_proto::{ExitStatus, Failure, HealthCheck, MAX_PROBE_OUTPUT, ProbeOutcome};

/// How long a probe's program may take to be executed, which is not part of its timeout (moby `daemon/health.go`).
pub(crate) const START: Duration = Duration::from_secs(30);

/// How long the output of a probe that ended is waited for, where something else holds it open (moby waits as long).
pub(crate) const DRAIN: Duration = Duration::from_secs(2);

/// Shortest interval, whatever is asked for: Docker's API allows none below.
const SHORTEST: Duration = Duration::from_millis(1);

/// A container's health check.
pub(crate) struct Check {
    /// The container's ID.
    pub(crate) container: String,
    /// What was asked for.
    pub(crate) wanted: HealthCheck,
    begun: Instant,
    /// When the next probe begins, where none is under way.
    pub(crate) due: Instant,
    /// The one that is under way.
    pub(crate) probe: Option<Probe>,
}

impl Check {
    /// A check that begins now.
    pub(crate) fn new(container: String, wanted: HealthCheck, now: Instant) -> Self {
        let mut check = Self { container, wanted, begun: now, due: now, probe: None };
        check.rest(now);
        check
    }

    /// The present probe is over: sets when the next one begins.
    pub(crate) fn rest(&mut self, now: Instant) {
        self.probe = None;
        let in_start_period = now.duration_since(self.begun) < Duration::from_nanos(self.wanted.start_period);
        let starting = self.wanted.starting && in_start_period;
        let interval = if starting { self.wanted.start_interval } else { self.wanted.interval };
        self.due = later(now, Duration::from_nanos(interval).max(SHORTEST));
    }

    /// When something is to be done that nothing else wakes the agent for.
    pub(crate) fn wakes(&self) -> Option<Instant> {
        match &self.probe {
            Some(probe) => probe.deadline,
            None => Some(self.due),
        }
    }
}

/// A moment after another; so far off that the clock cannot say it is a year.
fn later(now: Instant, wait: Duration) -> Instant {
    now.checked_add(wait).unwrap_or(now + Duration::from_secs(365 * 24 * 3600))
}

/// A probe under way.
pub(crate) struct Probe {
    /// Its process ID in the machine's namespace.
    pub(crate) pid: Pid,
    pidfd: OwnedFd,
    /// What the child says, until it has said its last.
    pub(crate) channel: Option<OwnedFd>,
    /// The child has said that only execve is left.
    pub(crate) ready: bool,
    /// Its standard output and error, to their end.
    pub(crate) output: Option<OwnedFd>,
    /// There is more to read at once.
    pub(crate) more: bool,
    kept: Vec<u8>,
    truncated: bool,
    /// When the patience with it ends; none once it was killed.
    pub(crate) deadline: Option<Instant>,
    failure: Option<Failure>,
    exit: Option<ExitStatus>,
    timed_out: bool,
}

/// What a probe whose patience has ended is to expect.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Overdue {
    /// To be killed.
    Kill,
    /// To be told of without the rest of its output.
    Tell,
}

impl Probe {
    /// A child that was forked.
    pub(crate) fn new(started: Started, output: OwnedFd, now: Instant) -> Self {
        Self {
            pid: started.pid,
            pidfd: started.pidfd,
            channel: Some(started.channel),
            ready: false,
            output: Some(output),
            more: false,
            kept: Vec::new(),
            truncated: false,
            deadline: Some(later(now, START)),
            failure: None,
            exit: None,
            timed_out: false,
        }
    }

    /// Its program is executing: from here its timeout counts.
    pub(crate) fn executing(&mut self, timeout: u64, now: Instant) {
        self.channel = None;
        if self.exit.is_none() {
            self.deadline = Some(later(now, Duration::from_nanos(timeout)));
        }
    }

    /// It will not be executed.
    pub(crate) fn failed(&mut self, failure: Failure) {
        self.channel = None;
        self.failure.get_or_insert(failure);
    }

    /// It wrote this.
    pub(crate) fn wrote(&mut self, bytes: &[u8]) {
        let keep = bytes.len().min(MAX_PROBE_OUTPUT - self.kept.len());
        self.kept.extend_from_slice(&bytes[..keep]);
        self.truncated |= keep < bytes.len();
    }

    /// Its process has ended.
    pub(crate) fn exited(&mut self, status: ExitStatus, now: Instant) {
        self.exit = Some(status);
        self.deadline = Some(later(now, DRAIN));
    }

    /// Its patience has ended, if that is so.
    pub(crate) fn overdue(&mut self, now: Instant) -> Option<Overdue> {
        self.deadline.filter(|&deadline| deadline <= now)?;
        self.deadline = None;
        if self.exit.is_some() {
            return Some(Overdue::Tell);
        }
        self.timed_out = self.channel.is_none() && self.failure.is_none();
        Some(Overdue::Kill)
    }

    /// Kills it and what it started.
    pub(crate) fn kill(&self) {
        sessions::kill(self.pid, self.pidfd.as_fd());
    }

    /// Whether everything of it is known.
    pub(crate) fn is_over(&self) -> bool {
        self.exit.is_some() && (self.output.is_none() || self.failure.is_some())
    }

    /// How it ended, what it wrote, and whether that is not all.
    pub(crate) fn into_end(self) -> (ProbeOutcome, Vec<u8>, bool) {
        let exit = self.exit.unwrap_or(ExitStatus::Signal(9));
        let outcome = match self.failure {
            Some(failure) => ProbeOutcome::Failed(failure),
            None if self.timed_out => ProbeOutcome::TimedOut(exit),
            None => ProbeOutcome::Exited(exit),
        };
        (outcome, self.kept, self.truncated)
    }
}

#[cfg(test)]
mod tests;
