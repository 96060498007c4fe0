//! The child's side of `Exec`: into the namespaces of a running container, then to the program.

use super::{console, program, setup, stdio::ChildEnds};
use crate::failure::{Explain, Failure, FailureClass};
use crate::sys::fork::{self, namespace};
use std::convert::Infallible;
use std::os::fd::{BorrowedFd, OwnedFd};
use vch_agent_proto::Process;

/// Becomes a process of the container that `first` is the first process of.
///
/// # Errors
/// Whatever stood in the way.
pub(crate) fn run(
    first: BorrowedFd<'_>,
    process: &Process,
    stdio: ChildEnds,
    channel: &OwnedFd,
) -> Result<Infallible, Failure> {
    setup::prepare(process.oom_score_adj)?;
    let all = namespace::MOUNT | namespace::IPC | namespace::UTS | namespace::NETWORK | namespace::CGROUP;
    fork::join(first, all).explain(FailureClass::NotFound, |why| format!("enter the container's namespaces: {why}"))?;
    let console = console::open(stdio, channel, false)?;
    program::execute(process, console, channel, None)
}
