//! Health checks: what the agent runs by itself, again and again, and what it tells of each run.
//!
//! After moby's `daemon/health.go` (28.2): the first probe comes an interval after the start, each further one an interval
//! after the last one's end. The agent keeps the time and runs the probes; what they mean is the host's matter.

use crate::{ExitStatus, Failure, Process};
use serde::{Deserialize, Serialize};

/// Longest output of a probe that is kept, in bytes (moby `maxOutputLen`).
pub const MAX_PROBE_OUTPUT: usize = 4096;

/// A container's health check. Durations in nanoseconds, none of them zero but where said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// What each probe runs. Its number names the check in [`crate::Event::Probe`]; its streams are not used: standard
    /// output and error go to one pipe of the agent's, standard input is `/dev/null`.
    pub process: Process,
    /// From the end of one probe to the start of the next.
    pub interval: u64,
    /// How long a probe may run; then it is killed, with what it started in its session.
    pub timeout: u64,
    /// How long the container has yet to be in its start period; 0 is no such period.
    pub start_period: u64,
    /// In place of `interval` within the start period, while no probe has succeeded.
    pub start_interval: u64,
    /// Whether no probe has succeeded since the container's start, as far as the host knows.
    pub starting: bool,
}

/// What happened to a probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Probe {
    /// It is being started.
    Begun,
    /// It is over.
    Ended {
        /// How.
        outcome: ProbeOutcome,
        /// What it wrote, at most [`MAX_PROBE_OUTPUT`] bytes.
        output: Vec<u8>,
        /// Whether it wrote more than that.
        truncated: bool,
    },
}

/// How a probe ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProbeOutcome {
    /// By itself.
    Exited(ExitStatus),
    /// It took too long and was killed.
    TimedOut(ExitStatus),
    /// It could not be started.
    Failed(Failure),
}
