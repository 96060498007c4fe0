//! A container's state: an enum that carries what belongs to it. Docker's overlapping booleans are derived from it.
//!
//! ```text
//! Created ──start──▶ Running ◀──unpause── Paused
//!    ▲                  │  ──pause──▶
//!    │ (failed start)   ▼ exit
//!    └────────────── Exited ──start──▶ Running
//!                       │ restart policy
//!                       ▼
//!                   Restarting ──▶ Running        any but Running/Paused ──remove──▶ Removing
//! ```

use super::health::{Health, HealthStatus};
use crate::timestamp::{Timestamp, human_duration};
use serde::{Deserialize, Serialize};

/// Where a container stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Made, never started (or its start failed).
    Created,
    /// Its first process runs.
    Running,
    /// Its machine stands still.
    Paused,
    /// It ended and will start again by its restart policy.
    Restarting,
    /// Being removed.
    Removing,
    /// Ended.
    Exited,
    /// Could not be removed whole.
    Dead,
}

impl Status {
    /// The word in `State.Status` and in the list.
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Removing => "removing",
            Self::Exited => "exited",
            Self::Dead => "dead",
        }
    }

    /// Whether Docker calls the container running: a paused or restarting one is, too.
    pub fn is_running(self) -> bool {
        matches!(self, Self::Running | Self::Paused | Self::Restarting)
    }

    /// Whether a machine stands behind it.
    pub fn has_machine(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }
}

/// A container's changing part, as it is recorded and published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// Where it stands.
    pub status: Status,
    /// Process ID of the machine on the host; 0 when there is none.
    pub pid: u32,
    /// Last exit code.
    pub exit_code: i32,
    /// Why the last start failed, or empty.
    pub error: String,
    /// Whether the out-of-memory killer struck in the last run.
    pub oom_killed: bool,
    /// Last start.
    pub started_at: Timestamp,
    /// Last end.
    pub finished_at: Timestamp,
    /// How often the restart policy has started it.
    pub restart_count: u32,
    /// Whether a user stopped it (its restart policy rests until the next start).
    pub manually_stopped: bool,
    /// Its health, once it has been started with a health check.
    pub health: Option<Health>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            status: Status::Created,
            pid: 0,
            exit_code: 0,
            error: String::new(),
            oom_killed: false,
            started_at: Timestamp::ZERO,
            finished_at: Timestamp::ZERO,
            restart_count: 0,
            manually_stopped: false,
            health: None,
        }
    }
}

impl State {
    /// The list's STATUS column, after moby's `State.String`.
    pub fn sentence(&self, now: Timestamp) -> String {
        let up = || human_duration(now.since(self.started_at));
        let ended = || human_duration(now.since(self.finished_at));
        match self.status {
            Status::Running => match &self.health {
                None => format!("Up {}", up()),
                Some(Health { status: HealthStatus::Starting, .. }) => format!("Up {} (health: starting)", up()),
                Some(health) => format!("Up {} ({})", up(), health.status.word()),
            },
            Status::Paused => format!("Up {} (Paused)", up()),
            Status::Restarting => format!("Restarting ({}) {} ago", self.exit_code, ended()),
            Status::Removing => "Removal In Progress".into(),
            Status::Dead => "Dead".into(),
            Status::Created => "Created".into(),
            Status::Exited => format!("Exited ({}) {} ago", self.exit_code, ended()),
        }
    }
}
