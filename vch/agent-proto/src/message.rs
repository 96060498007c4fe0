//! The control messages: what the host asks, what the agent answers, what it tells unasked.
//!
//! Order of a sandbox's life: `Hello`, then `Personalize`, and only then `Run` (the agent refuses to run anything in a
//! machine that still has its template's identity), then any of `Exec`, `Signal`, `Resize`. When a container's first
//! process ends, the agent sends `Exited`, then unmounts its file systems and sends `Released`. A machine that is warmed
//! before it is cloned or pooled goes `Personalize`, `Run`, …, `Released`, `Anonymize`, and starts again at `Personalize`.

use crate::{
    Container, ExitStatus, FileWork, HealthCheck, Limits, Probe, Process, Processes, Stdio, Usage, WindowSize,
};
use serde::{Deserialize, Serialize};

/// What the host asks of the agent. Requests may be sent without waiting for earlier replies; the agent takes them in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Opens a connection; the agent forgets partial frames and all streams of an earlier one, and the machine's identity
    /// unless a container is there (fail closed: it may have been saved as a template in between). Answered by
    /// [`Reply::Hello`].
    Hello {
        /// The host's [`crate::VERSION`].
        version: u16,
    },
    /// Makes the clone one of its own kind. Answered by [`Reply::Done`] once every part of it holds. May be repeated
    /// while no container is there; each time everything is applied again, the reseeding above all.
    Personalize(Identity),
    /// Forgets that [`Request::Personalize`] was done: `Run` is refused again until the next one. Sent after a warm-up
    /// container, before the machine is saved as a template or kept in a pool, so that no clone can start with another's
    /// identity. Answered by [`Reply::Done`]; refused ([`FailureClass::Sequence`]) while a container is there.
    Anonymize,
    /// Mounts a container's file systems and starts its first process. Answered by [`Reply::Started`] after the
    /// process's `execve` succeeded.
    Run(Box<Container>),
    /// Starts a further process in a running container. Answered by [`Reply::Started`].
    Exec {
        /// The container's ID, as `Run` gave it.
        container: String,
        /// The process.
        process: Box<Process>,
    },
    /// Sends a signal. Answered by [`Reply::Done`].
    Signal {
        /// The process's number, as the host gave it.
        process: u32,
        /// Linux signal number.
        signal: i32,
    },
    /// Sets a terminal's size. Answered by [`Reply::Done`].
    Resize {
        /// The process's number.
        process: u32,
        /// The new size.
        size: WindowSize,
    },
    /// Kills what still runs, flushes and unmounts every disk. Answered by [`Reply::Done`]; the machine can be ended then.
    Shutdown,
    /// Checks a running container's health from now on, by this check and no earlier one. Answered by [`Reply::Done`].
    Health {
        /// The container's ID, as `Run` gave it.
        container: String,
        /// How.
        check: Box<HealthCheck>,
    },
    /// Ends a health check, if it is still there: a probe that is under way is killed and not told of. Answered by
    /// [`Reply::Done`].
    EndHealth {
        /// The number of the check's process.
        check: u32,
    },
    /// Works on the files of a container that is there, by a process of the agent's own. Answered by
    /// [`Reply::Started`]; the process is seen and touched as any other.
    Files {
        /// The container's ID.
        container: String,
        /// The process's number.
        process: u32,
        /// Its streams; pipes only.
        stdio: Stdio,
        /// What it does.
        work: Box<FileWork>,
    },
    /// Mounts the file systems of a container that does not run, works on its files, and lets go of them: what
    /// [`Request::Run`] is with the work in the place of the first process, whose number and streams are in `container`.
    /// Answered by [`Reply::Started`].
    FilesAtRest {
        /// The container; its namespaces, limits and mounts play no part.
        container: Box<Container>,
        /// What is done.
        work: Box<FileWork>,
    },
    /// Stops every process of a container, or lets them go on (`cgroup.freeze`). Answered by [`Reply::Done`] when they
    /// stand still.
    Freeze {
        /// The container's ID.
        container: String,
        /// Whether they stand still from now on.
        frozen: bool,
    },
    /// Lists a running container's processes. Answered by [`Reply::Processes`].
    Processes {
        /// The container's ID.
        container: String,
        /// Only those with a greater process ID; 0 begins.
        after: u32,
    },
    /// Asks what a running container has used. Answered by [`Reply::Usage`].
    Usage {
        /// The container's ID.
        container: String,
    },
    /// Changes a running container's limits; what is not limited any more is lifted. Answered by [`Reply::Done`].
    Limit {
        /// The container's ID.
        container: String,
        /// All its limits from now on.
        limits: Limits,
    },
}

/// What the agent answers; a request that failed is answered by a [`Failure`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// To [`Request::Hello`].
    Hello(Hello),
    /// It is done.
    Done,
    /// The process runs.
    Started {
        /// Its process ID in the guest's outermost PID namespace.
        pid: u32,
    },
    /// To [`Request::Processes`].
    Processes(Processes),
    /// To [`Request::Usage`].
    Usage(Box<Usage>),
}

/// Who the agent is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The agent's [`crate::VERSION`].
    pub version: u16,
    /// `uname -r` of the guest.
    pub kernel: String,
    /// Whether the machine still has the identity of an earlier connection, since a container is there.
    pub personalized: bool,
}

/// What makes a clone itself. Every part is applied, or the whole fails and nothing may run (fail closed).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Fresh random bytes from the host, 32 to 512 of them: credited to the guest's pool (`RNDADDENTROPY`), after which
    /// the pool is reseeded (`RNDRESEEDCRNG`), see `random(4)`.
    pub entropy: Vec<u8>,
    /// Wall clock at the moment of sending, in nanoseconds since the Unix epoch.
    pub realtime_ns: u64,
    /// The machine's own host name (containers with a UTS namespace of their own have another), at most 64 bytes.
    pub hostname: String,
    /// New content of `/etc/machine-id` and of `/proc/sys/kernel/random/boot_id`'s stand-in, as 16 raw bytes.
    pub machine_id: [u8; 16],
    /// MAC address of the NIC that stands in the template, if it has one.
    pub mac: Option<[u8; 6]>,
}

impl std::fmt::Debug for Identity {
    /// The entropy is a secret of the guest: it is never printed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("hostname", &self.hostname).finish_non_exhaustive()
    }
}

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What kind of failure it is; the engine maps it to Docker's exit codes.
    pub class: FailureClass,
    /// A sentence in the words of runc where runc has them, at most 4 KiB.
    pub message: String,
}

/// Kinds of failure that the host treats differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureClass {
    /// The executable does not exist: Docker's exit code 127.
    ExecutableNotFound,
    /// The executable may not be run (permission, a directory, a format that the kernel refuses): Docker's exit code 126.
    ExecutableRefused,
    /// The user or group is not in the image's `/etc/passwd` or `/etc/group`.
    UnknownUser,
    /// The working directory cannot be made or entered.
    WorkingDirectory,
    /// A file system could not be mounted.
    Mount,
    /// A limit, sysctl, device or other setting was refused by the kernel.
    Setting,
    /// No process or container of that number or name.
    NotFound,
    /// The request makes no sense now: `Run` before `Personalize`, or a version that differs.
    Sequence,
    /// Anything else.
    Internal,
}

/// What the agent tells unasked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A process ended. Its output streams may still have bytes to come, up to their end-of-stream frames.
    Exited {
        /// The process's number.
        process: u32,
        /// How it ended.
        status: ExitStatus,
        /// Whether the kernel's out-of-memory killer struck in the container's cgroup while it ran.
        oom_killed: bool,
    },
    /// After the first process of a container ended: its processes are gone and its disks flushed and unmounted.
    Released {
        /// The container's ID.
        container: String,
    },
    /// A health check's probe began or ended.
    Probe {
        /// The number of the check's process.
        check: u32,
        /// Which of the two.
        probe: Probe,
    },
    /// The kernel's out-of-memory killer has struck in a container, once or several times since the last word of it. Comes
    /// before the `Exited` of what it killed.
    OutOfMemory {
        /// The container's ID.
        container: String,
    },
}
