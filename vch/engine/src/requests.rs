//! The parameters of engine calls that have more than a name.

use crate::container::spec::{ContainerSpec, Resources, RestartPolicy};
use crate::filters::Filters;
use crate::timestamp::Timestamp;

/// `create`.
#[derive(Debug, Clone, Default)]
pub struct Create {
    /// Name; none makes one up.
    pub name: Option<String>,
    /// `os/arch[/variant]`; none takes what the image has.
    pub platform: Option<String>,
    /// What it is to be.
    pub spec: ContainerSpec,
}

/// `create`'s answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// 64 hex digits.
    pub id: String,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// `stop` and `restart`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stop {
    /// Signal by name or number; none means the container's.
    pub signal: Option<String>,
    /// Seconds until SIGKILL; negative waits without end; none means the container's.
    pub timeout: Option<i64>,
}

/// `rm`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Remove {
    /// Kill it first.
    pub force: bool,
    /// Its anonymous volumes too.
    pub volumes: bool,
    /// Only the link of that name.
    pub link: bool,
}

/// `wait`'s condition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WaitCondition {
    /// Until it does not run; at once for one that never ran.
    #[default]
    NotRunning,
    /// Until its next end.
    NextExit,
    /// Until it is removed.
    Removed,
}

/// `wait`'s answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waited {
    /// Exit code.
    pub code: i32,
    /// Why a removal failed.
    pub error: Option<String>,
}

/// `attach`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attach {
    /// Replay the log first.
    pub logs: bool,
    /// Stay for what comes.
    pub stream: bool,
    /// Attach stdin.
    pub stdin: bool,
    /// Attach stdout.
    pub stdout: bool,
    /// Attach stderr.
    pub stderr: bool,
    /// Detach keys (`ctrl-p,ctrl-q` form); none means the default.
    pub detach_keys: Option<String>,
}

/// `logs`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadLogs {
    /// stdout wanted.
    pub stdout: bool,
    /// stderr wanted.
    pub stderr: bool,
    /// Stay until the container stops.
    pub follow: bool,
    /// Nothing older.
    pub since: Option<Timestamp>,
    /// Nothing newer.
    pub until: Option<Timestamp>,
    /// Only the last so many lines; none means all.
    pub tail: Option<usize>,
}

/// `cp` into a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extract {
    /// The directory that the tar is unpacked into.
    pub path: String,
    /// A directory may not take a non-directory's place, nor the other way round.
    pub keep_kinds: bool,
    /// Everything becomes the container's user's.
    pub to_user: bool,
}

/// `ps`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListContainers {
    /// Stopped ones too.
    pub all: bool,
    /// Only the newest so many (stopped ones too); none or not positive means all.
    pub limit: Option<i64>,
    /// Sizes too.
    pub size: bool,
    /// Filters.
    pub filters: Filters,
}

/// `exec start`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExecStart {
    /// Return at once, without streams.
    pub detach: bool,
    /// Terminal's first size, rows and columns.
    pub console_size: Option<[u16; 2]>,
}

/// `events`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WatchEvents {
    /// Past ones from here.
    pub since: Option<Timestamp>,
    /// End here.
    pub until: Option<Timestamp>,
    /// Filters.
    pub filters: Filters,
}

/// What a prune took away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// IDs.
    pub ids: Vec<String>,
    /// Bytes given back.
    pub space: u64,
}

/// `system df`: what is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskUsageOf {
    /// Images and their layers.
    pub images: bool,
    /// Containers.
    pub containers: bool,
}

/// `stats`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WatchStats {
    /// One item a second instead of one in all.
    pub stream: bool,
    /// At once, without an earlier look to compare with.
    pub one_shot: bool,
}

/// `update`: what is to change.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Update {
    /// New limits; 0, empty and none leave one as it is. A process limit of 0 lifts it.
    pub resources: Resources,
    /// New restart policy.
    pub restart: Option<RestartPolicy>,
}
