//! A container's health: what its probes make of it (moby `daemon/health.go`, `container/health.go`, 28.2).
//!
//! ```text
//! starting ──success──▶ healthy ◀──success── unhealthy
//!     └──`retries` failures in a row, those in the start period not counted──▶ unhealthy
//! ```
//! Whenever nothing checks (paused, ended) Docker calls a container unhealthy; its start makes it starting again.

use super::record::Record;
use super::spec::{ContainerSpec, Healthcheck};
use super::{process_spec, view::ExecSpec};
use crate::error::Result;
use crate::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use vch_sandbox::proto;

/// Time between probes, and that a probe may take, where nothing else is asked for.
const INTERVAL: Duration = Duration::from_secs(30);

/// Time between probes in the start period, likewise.
const START_INTERVAL: Duration = Duration::from_secs(5);

/// Failures in a row that make a container unhealthy, likewise.
const RETRIES: u32 = 3;

/// Probes that are remembered.
const KEPT: usize = 5;

/// Exit code that is told of a probe that was not run to its end.
const NO_EXIT: i32 = -1;

/// A word of Docker's for a container's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// No probe has succeeded since the start.
    Starting,
    /// The last probe that counted succeeded.
    Healthy,
    /// Probes failed, or nothing checks.
    Unhealthy,
}

impl HealthStatus {
    /// As inspect and filters have it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// One probe and its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeResult {
    /// When it began, by the host's clock.
    pub start: Timestamp,
    /// When its end was known.
    pub end: Timestamp,
    /// Its exit code; −1 where it took too long or could not be started.
    pub exit_code: i32,
    /// What it wrote, at most 4 KiB, or why it did not end by itself.
    pub output: String,
}

/// A container's health, as it is recorded and published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The word for it.
    pub status: HealthStatus,
    /// Failures that counted since the last success.
    pub failing_streak: u32,
    /// The last probes, the oldest first. Docker keeps them across restarts.
    pub log: Vec<ProbeResult>,
}

impl Health {
    /// At the container's start.
    pub(crate) fn starting(earlier: Option<Self>) -> Self {
        let log = earlier.map(|health| health.log).unwrap_or_default();
        Self { status: HealthStatus::Starting, failing_streak: 0, log }
    }

    /// Nothing checks any more.
    pub(crate) fn stopped(&mut self) {
        self.status = HealthStatus::Unhealthy;
    }

    /// Takes a probe's outcome in. Returns the new status if it changed.
    pub(crate) fn note(
        &mut self,
        check: &Healthcheck,
        started_at: Timestamp,
        result: ProbeResult,
    ) -> Option<HealthStatus> {
        let before = self.status;
        let in_start_period = result.start.since(started_at) < nanoseconds(check.start_period, Duration::ZERO);
        if result.exit_code == 0 {
            self.failing_streak = 0;
            self.status = HealthStatus::Healthy;
        } else if !(before == HealthStatus::Starting && in_start_period) {
            self.failing_streak = self.failing_streak.saturating_add(1);
            let retries = u32::try_from(check.retries).ok().filter(|n| *n > 0).unwrap_or(RETRIES);
            if self.failing_streak >= retries {
                self.status = HealthStatus::Unhealthy;
            }
        }
        self.log.push(result);
        self.log.drain(..self.log.len().saturating_sub(KEPT));
        (self.status != before).then_some(self.status)
    }
}

/// What a probe runs, where the container has a health check. A kind that Docker does not know is none.
pub(crate) fn command(spec: &ContainerSpec) -> Option<Vec<String>> {
    let (kind, words) = spec.healthcheck.as_ref()?.test.split_first()?;
    match kind.as_str() {
        "CMD" => Some(words.to_vec()),
        "CMD-SHELL" => {
            let shell = spec.shell.clone().filter(|shell| !shell.is_empty());
            let shell = shell.unwrap_or_else(|| vec!["/bin/sh".into(), "-c".into()]);
            Some(shell.into_iter().chain(words.iter().cloned()).collect())
        }
        _ => None,
    }
}

/// What the agent is asked to check, if anything.
///
/// # Errors
/// The container's own capabilities or limits are not understood.
pub(crate) fn check(record: &Record) -> Result<Option<proto::HealthCheck>> {
    let spec = &record.spec;
    let (Some(check), Some(cmd)) = (&spec.healthcheck, command(spec)) else { return Ok(None) };
    let process = process_spec::exec(record, &ExecSpec { cmd, ..Default::default() })?;
    let up = Timestamp::now().since(record.state.started_at);
    let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    Ok(Some(proto::HealthCheck {
        process,
        interval: nanos(nanoseconds(check.interval, INTERVAL)),
        timeout: nanos(timeout(check)),
        start_period: nanos(nanoseconds(check.start_period, Duration::ZERO).saturating_sub(up)),
        start_interval: nanos(nanoseconds(check.start_interval, START_INTERVAL)),
        starting: record.state.health.as_ref().is_some_and(|health| health.status == HealthStatus::Starting),
    }))
}

/// How long a probe may take.
fn timeout(check: &Healthcheck) -> Duration {
    nanoseconds(check.timeout, INTERVAL)
}

fn nanoseconds(asked: i64, default: Duration) -> Duration {
    u64::try_from(asked).ok().filter(|n| *n > 0).map_or(default, Duration::from_nanos)
}

/// A probe's exit code and output, in dockerd's words where it did not end by itself.
pub(crate) fn told(check: &Healthcheck, outcome: proto::ProbeOutcome, output: &[u8], truncated: bool) -> (i32, String) {
    let mut text = String::from_utf8_lossy(output).into_owned();
    if truncated {
        text.push_str("...");
    }
    match outcome {
        proto::ProbeOutcome::Exited(status) => (status.code(), text),
        proto::ProbeOutcome::TimedOut(_) => {
            let limit = go_duration(timeout(check));
            let colon = if text.is_empty() { "" } else { ": " };
            (NO_EXIT, format!("Health check exceeded timeout ({limit}){colon}{text}"))
        }
        proto::ProbeOutcome::Failed(failure) => (NO_EXIT, process_spec::refused(&failure.message)),
    }
}

/// A duration as Go prints it: `1m30s`, `1.5s`, `250ms`.
fn go_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let fraction = |whole: u128, rest: u128, digits: usize| match rest {
        0 => whole.to_string(),
        _ => format!("{whole}.{rest:0digits$}").trim_end_matches('0').to_owned(),
    };
    match nanos {
        0 => "0s".to_owned(),
        1..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => format!("{}µs", fraction(nanos / 1_000, nanos % 1_000, 3)),
        1_000_000..1_000_000_000 => format!("{}ms", fraction(nanos / 1_000_000, nanos % 1_000_000, 6)),
        _ => {
            let seconds = duration.as_secs();
            let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
            let rest = fraction(u128::from(seconds % 60), u128::from(duration.subsec_nanos()), 9);
            match (hours, minutes) {
                (0, 0) => format!("{rest}s"),
                (0, _) => format!("{minutes}m{rest}s"),
                _ => format!("{hours}h{minutes}m{rest}s"),
            }
        }
    }
}

#[cfg(test)]
mod tests;
