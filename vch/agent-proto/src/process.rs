//! A process to start, and how it ended.

use serde::{Deserialize, Serialize};

/// A process to start in a container, after runc's `process` object (OCI runtime spec 1.1, config.md).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Number by which both sides name this process; chosen by the host, never reused in one machine.
    pub number: u32,
    /// Program and arguments; the program is looked up in the `PATH` of `env` where it has no slash.
    pub args: Vec<String>,
    /// Environment, `KEY=value` each. The agent adds `HOME` from the image's `/etc/passwd` where it is missing.
    pub env: Vec<String>,
    /// Working directory, absolute. For a container's first process it is made, as root's own, where it is missing.
    pub cwd: String,
    /// `user[:group]`, each by name or number, as Docker's `--user`; empty is root.
    pub user: String,
    /// Further groups, by name or number (`--group-add`).
    pub groups: Vec<String>,
    /// Capabilities by number (linux/capability.h) for the bounding, permitted and effective sets. A user other than
    /// root keeps them only in the bounding set, as with runc under Docker.
    pub capabilities: Vec<u8>,
    /// `PR_SET_NO_NEW_PRIVS`.
    pub no_new_privileges: bool,
    /// Resource limits; those not named keep the agent's.
    pub rlimits: Vec<Rlimit>,
    /// `/proc/PID/oom_score_adj`, −1000 to 1000.
    pub oom_score_adj: i32,
    /// Its standard streams.
    pub stdio: Stdio,
}

/// Where standard input, output and error go. Stream numbers are chosen by the host, never reused in one machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stdio {
    /// A pseudo-terminal: one stream in, one out.
    Terminal {
        /// Host to guest; none leaves the terminal without input.
        input: Option<u32>,
        /// Guest to host.
        output: u32,
        /// Size at the start, if known.
        size: Option<WindowSize>,
    },
    /// Pipes; a missing one is `/dev/null`.
    Pipes {
        /// Host to guest.
        stdin: Option<u32>,
        /// Guest to host.
        stdout: Option<u32>,
        /// Guest to host.
        stderr: Option<u32>,
    },
}

/// A terminal's size in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowSize {
    /// Lines.
    pub rows: u16,
    /// Columns.
    pub columns: u16,
}

/// One resource limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rlimit {
    /// `RLIMIT_*` number (asm-generic/resource.h).
    pub resource: u8,
    /// Soft limit; `u64::MAX` is infinity.
    pub soft: u64,
    /// Hard limit; `u64::MAX` is infinity.
    pub hard: u64,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExitStatus {
    /// It exited with this code.
    Code(u8),
    /// This signal killed it.
    Signal(u8),
}

impl ExitStatus {
    /// The code as Docker and shells show it: 128 + n for signal n.
    pub fn code(self) -> i32 {
        match self {
            Self::Code(code) => code.into(),
            Self::Signal(signal) => 128 + i32::from(signal),
        }
    }
}
