//! What can go wrong with a machine. The sandbox room wraps these; `vch doctor` prints their chain.

use crate::ExitStatus;
use std::{io, path::PathBuf, time::Duration};

/// An error of this room. No message repeats its source.
#[derive(Debug, thiserror::Error)]
pub enum HypervisorError {
    /// No QEMU at the given path, or none in the usual places.
    #[error("cannot run QEMU at {path}: install it (Debian: apt-get install qemu-system-x86) or name another", path = path.display())]
    NotFound {
        /// Where it was looked for.
        path: PathBuf,
        /// Why it could not be run.
        source: io::Error,
    },
    /// What was found does not work as a QEMU of a known version.
    #[error("{path} is no QEMU that can be used: {problem}", path = path.display())]
    NotUsable {
        /// The program.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A machine or disk specification that cannot be.
    #[error("machine {name} cannot be made: {problem}")]
    Spec {
        /// The machine.
        name: String,
        /// The field and what it should be.
        problem: String,
    },
    /// A file or socket of the machine could not be used.
    #[error("machine {name}: cannot {action} {path}", path = path.display())]
    File {
        /// The machine.
        name: String,
        /// A verb: "bind", "open".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The process could not be started, watched or killed.
    #[error("machine {name}: cannot {action} its process")]
    Process {
        /// The machine.
        name: String,
        /// A verb: "start", "kill".
        action: &'static str,
        /// The reason.
        source: io::Error,
    },
    /// The process ended while the machine was being started.
    #[error("machine {name} did not start ({status}): {said}", said = if stderr.is_empty() { "it said nothing" } else { stderr })]
    DidNotStart {
        /// The machine.
        name: String,
        /// How the process ended.
        status: ExitStatus,
        /// What it wrote to its standard error, at most 8 KiB.
        stderr: String,
    },
    /// The machine's process has ended.
    #[error("machine {name} is gone")]
    Gone {
        /// The machine.
        name: String,
    },
    /// No living machine has this folder.
    #[error("no machine lives in {directory}: {problem}", directory = directory.display())]
    NoMachine {
        /// The folder.
        directory: PathBuf,
        /// How that was found.
        problem: String,
    },
    /// The hypervisor refused a command.
    #[error("machine {name} refused {command}: {message}")]
    Refused {
        /// The machine.
        name: String,
        /// The command.
        command: &'static str,
        /// The hypervisor's own words.
        message: String,
    },
    /// The hypervisor said something that its protocol does not allow; it is not listened to any more.
    #[error("machine {name} broke its protocol: {problem}")]
    Protocol {
        /// The machine.
        name: String,
        /// What it said.
        problem: String,
    },
    /// Something took longer than it may.
    #[error("machine {name}: {action} took longer than {limit:?}")]
    Deadline {
        /// The machine.
        name: String,
        /// What took long.
        action: &'static str,
        /// How long it may take.
        limit: Duration,
    },
}
