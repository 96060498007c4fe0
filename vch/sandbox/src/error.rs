//! What can go wrong with a sandbox, told apart as far as a caller can act on it.

use crate::agent_client::Closed;
use crate::guest::GuestError;
use std::path::PathBuf;
use std::time::Duration;
use vch_agent_proto::{Failure, FrameError};
use vch_hypervisor::HypervisorError;

/// Why something about a sandbox failed. No message repeats its source: callers print the chain.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The agent refused or failed: its own words, for the user.
    #[error(transparent)]
    Failure(#[from] Failure),
    /// The machine ended, by itself or because it was told to.
    #[error("the microVM has gone")]
    MachineGone,
    /// The guest broke the protocol; its machine is being ended.
    #[error("the guest broke the agent protocol: {0}")]
    Protocol(String),
    /// No answer in time.
    #[error("{what} took longer than {} seconds", limit.as_secs())]
    Deadline {
        /// What was waited for.
        what: &'static str,
        /// How long.
        limit: Duration,
    },
    /// A message for the guest cannot be framed: it is too large.
    #[error("cannot send {what} to the guest")]
    Message {
        /// Which message.
        what: &'static str,
        /// The bound that it breaks.
        source: FrameError,
    },
    /// More requests wait for the guest's answer than it may be owed.
    #[error("the guest does not answer: {0} requests wait already")]
    Busy(usize),
    /// The hypervisor failed.
    #[error("cannot {what}")]
    Hypervisor {
        /// What was attempted.
        what: &'static str,
        /// Its reason.
        source: HypervisorError,
    },
    /// The guest's kernel, initramfs or agent is missing or cannot be made.
    #[error("the guest is not ready")]
    Guest(#[from] GuestError),
    /// A guest that was booted did not come up.
    #[error("the guest did not boot: {0}")]
    Boot(String),
    /// No rung of the accelerator ladder held.
    #[error("no accelerator boots the guest: {0}")]
    Accelerator(String),
    /// A template was built, and a clone of it does not work.
    #[error("the template cannot be used: {0}")]
    Template(String),
    /// A setting that no machine can be made with.
    #[error("{0}")]
    Setting(String),
    /// A file or folder of ours.
    #[error("cannot {what} {}", path.display())]
    Storage {
        /// What was attempted.
        what: &'static str,
        /// On which path.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A facility of the host that every machine needs.
    #[error("cannot {what}")]
    System {
        /// What was attempted.
        what: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
}

impl SandboxError {
    /// Names the attempt for a hypervisor's error, for `map_err`.
    pub(crate) fn hypervisor(what: &'static str) -> impl Fn(HypervisorError) -> Self {
        move |source| Self::Hypervisor { what, source }
    }

    /// Names the attempt and the path for an I/O error, for `map_err`.
    pub(crate) fn storage(what: &'static str, path: &std::path::Path) -> impl Fn(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Storage { what, path: path.clone(), source }
    }
}

impl From<Closed> for SandboxError {
    fn from(closed: Closed) -> Self {
        match closed {
            Closed::Gone => Self::MachineGone,
            Closed::Protocol(reason) => Self::Protocol(reason),
        }
    }
}

/// An error with all its causes on one line.
pub(crate) fn told(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}
