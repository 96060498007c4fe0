//! What happens to containers by itself: how an end is read, and whether and when a restart policy starts them again.

mod restart;

pub(crate) use restart::Restart;
use vch_sandbox::Exit;

/// The signal that cannot be refused.
pub(crate) const SIGKILL: i32 = 9;

/// Exit code of a container whose machine went away under it: what SIGKILL gives.
const MACHINE_GONE: i32 = 137;

/// An end in Docker's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    /// Exit code, 128 + n for signal n.
    pub(crate) code: i32,
    /// Whether the out-of-memory killer struck.
    pub(crate) oom_killed: bool,
    /// What the user should know, or empty.
    pub(crate) error: String,
}

impl Ended {
    /// Reads the machine's word.
    pub(crate) fn of(exit: Exit) -> Self {
        match exit {
            Exit::Ended { status, oom_killed } => Self { code: status.code(), oom_killed, error: String::new() },
            Exit::MachineGone => Self { code: MACHINE_GONE, oom_killed: false, error: String::new() },
        }
    }
}
