//! The agent's side of starting: fork into the cgroup and namespaces, keep the channel.

use super::{channel, join, setup, stdio::ChildEnds};
use crate::boot::{self, Machine};
use crate::container::cgroup::Cgroup;
use crate::failure::{Explain, Failure, FailureClass, failure, report};
use crate::files::{self, Place};
use crate::sys::fork::{self, Forked, namespace};
use crate::sys::signals;
use rustix::fs::{Mode, OFlags, open};
use rustix::process::Pid;
use std::convert::Infallible;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use vch_agent_proto::{Container, FileWork, Namespaces, Process, Scope};

/// A child that is on its way.
pub(crate) struct Started {
    /// Its process ID in the machine's namespace.
    pub(crate) pid: Pid,
    /// A descriptor of it.
    pub(crate) pidfd: OwnedFd,
    /// What it says.
    pub(crate) channel: OwnedFd,
}

/// A container's first process on its way, and its mounts.
pub(crate) struct StartedContainer {
    /// The process.
    pub(crate) process: Started,
    /// Its mount namespace, held so that the process's end need not wait until every disk is flushed and unmounted.
    pub(crate) mounts: OwnedFd,
}

/// The first processes of the containers whose namespaces a new one joins.
#[derive(Default)]
pub(crate) struct Joined<'a> {
    /// Its process namespace.
    pub(crate) pid: Option<BorrowedFd<'a>>,
    /// Its IPC namespace and `/dev/shm`.
    pub(crate) ipc: Option<BorrowedFd<'a>>,
    /// Its network namespace.
    pub(crate) network: Option<BorrowedFd<'a>>,
}

/// Forks a container's first process.
///
/// # Errors
/// A process namespace cannot be joined, or the fork fails; later failures come over the channel.
pub(crate) fn run(
    machine: &Machine,
    container: &Container,
    joined: &Joined<'_>,
    cgroup: &Cgroup,
    stdio: ChildEnds,
) -> Result<StartedContainer, Failure> {
    let fork = || {
        fork_child(namespaces(&container.namespaces), Some(cgroup), |channel| {
            setup::run(machine, container, joined, cgroup, stdio, channel)
        })
    };
    let process = match joined.pid {
        Some(first) => in_process_namespace(machine, first, fork)?,
        None => fork()?,
    };
    with_mounts(process)
}

/// Forks work on the files of a container that does not run, in the place of its first process.
///
/// # Errors
/// The fork fails; later failures come over the channel.
pub(crate) fn files_at_rest(
    container: &Container,
    work: &FileWork,
    stdio: ChildEnds,
) -> Result<StartedContainer, Failure> {
    let place = Place::AtRest(container);
    with_mounts(fork_child(namespace::MOUNT, None, |channel| files::run(&place, work, stdio, channel))?)
}

/// Forks work on the files of a container that is there.
///
/// # Errors
/// The container is going; the fork fails; later failures come over the channel.
pub(crate) fn files(container: &super::Container, work: &FileWork, stdio: ChildEnds) -> Result<Started, Failure> {
    let Some(mounts) = &container.mounts else {
        return Err(failure(FailureClass::NotFound, "the container is going"));
    };
    let place = Place::Running { mounts, laid: &container.laid, rootfs: &container.rootfs };
    fork_child(namespace::MOUNT, None, |channel| files::run(&place, work, stdio, channel))
}

fn with_mounts(process: Started) -> Result<StartedContainer, Failure> {
    let path = format!("/proc/{}/ns/mnt", process.pid.as_raw_nonzero());
    match open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
        Ok(mounts) => Ok(StartedContainer { process, mounts }),
        Err(error) => {
            // Unknown to the agent it would run on for ever.
            let _ = signals::send(process.pidfd.as_fd(), libc::SIGKILL);
            Err(error).explain(FailureClass::Internal, |why| format!("hold the container's mounts: {why}"))
        }
    }
}

/// Forks a further process of a running container, whose first process is `first`.
///
/// # Errors
/// The container's process namespace cannot be entered, or the fork fails; later failures come over the channel.
pub(crate) fn exec(
    machine: &Machine,
    container: &super::Container,
    first: &super::Process,
    process: &Process,
    stdio: ChildEnds,
) -> Result<Started, Failure> {
    let first = first.pidfd.as_fd();
    in_process_namespace(machine, first, || {
        fork_child(0, Some(&container.cgroup), |channel| join::run(first, process, stdio, channel))
    })
}

/// Forks into the process namespace of `first`. It is entered by children only, so the agent lends its own setting and
/// takes it back: that saves a second fork, and the process is the agent's own child.
fn in_process_namespace(
    machine: &Machine,
    first: BorrowedFd<'_>,
    fork: impl FnOnce() -> Result<Started, Failure>,
) -> Result<Started, Failure> {
    fork::join(first, namespace::PID)
        .explain(FailureClass::NotFound, |why| format!("enter the container's process namespace: {why}"))?;
    let started = fork();
    if let Err(error) = fork::join(machine.pid_namespace.as_fd(), namespace::PID) {
        // Whatever would be forked next would land in a container.
        report(&format!("the machine's process namespace cannot be entered again: {error}"));
        boot::power_off();
    }
    started
}

fn fork_child(
    namespaces: u64,
    cgroup: Option<&Cgroup>,
    child: impl FnOnce(&OwnedFd) -> Result<Infallible, Failure>,
) -> Result<Started, Failure> {
    let internal = |what: &'static str| move |why: &str| format!("{what}: {why}");
    let (agent_end, child_end) = channel::open().explain(FailureClass::Internal, internal("make a channel"))?;
    let forked = match (fork::fork(namespaces, cgroup.map(Cgroup::directory)), cgroup) {
        // A container that made cgroups below its own can hold no process in it; it has moved its own below as well.
        (Err(rustix::io::Errno::BUSY | rustix::io::Errno::OPNOTSUPP), Some(cgroup)) => {
            let below = cgroup.leaf()?;
            fork::fork(namespaces, Some(below.as_fd()))
        }
        (forked, _) => forked,
    };
    match forked.explain(FailureClass::Internal, internal("fork"))? {
        Forked::Parent { pid, pidfd } => Ok(Started { pid, pidfd, channel: agent_end }),
        Forked::Child => {
            drop(agent_end);
            let Err(failure) = child(&child_end);
            channel::send_failure(child_end.as_fd(), &failure);
            fork::exit(1)
        }
    }
}

/// The namespaces to fork into. The child makes its cgroup namespace, once it is in its cgroup, and joins a network
/// namespace that may stand ready.
fn namespaces(of: &Namespaces) -> u64 {
    [(of.pid == Scope::Own, namespace::PID), (of.ipc == Scope::Own, namespace::IPC), (of.uts, namespace::UTS)]
        .into_iter()
        .filter(|(wanted, _)| *wanted)
        .fold(namespace::MOUNT, |sum, (_, bit)| sum | bit)
}
