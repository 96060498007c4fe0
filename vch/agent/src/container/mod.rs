//! Containers: the agent's record of them, and what its children do to become one.
//!
//! The agent's side: [`start`] forks, [`channel`] hears from the child, [`cgroup`] holds and ends the processes, [`stdio`]
//! makes the streams' ends; [`processes`] and [`usage`] say what is to be seen of it. The child's side, in order:
//! [`setup`] (namespaces, [`rootfs`], [`mounts`], [`devices`], [`files`]), then [`program`] ([`user`], credentials,
//! execve). [`join`] is the child's side of an exec, [`view`] that of work on files.
//!
//! Invariant: after the child has pivoted into the container's root, the machine's file system is out of its reach, so no
//! link in an image can lead there; what it still needs of the machine it holds as descriptors.

pub(crate) mod cgroup;
pub(crate) mod channel;
mod console;
mod credentials;
mod device_rules;
pub(crate) mod devices;
mod files;
mod join;
mod mounts;
pub(crate) mod processes;
mod program;
pub(crate) mod rootfs;
pub(crate) mod setup;
pub(crate) mod start;
pub(crate) mod stdio;
mod tmpfs;
pub(crate) mod usage;
pub(crate) mod user;
pub(crate) mod view;

use crate::failure::Failure;
use rustix::process::Pid;
use std::os::fd::OwnedFd;
use vch_agent_proto::{Disk, Rootfs, Stdio};

/// A container that is starting, running or ending.
pub(crate) struct Container {
    /// Its cgroup.
    pub(crate) cgroup: cgroup::Cgroup,
    /// Its mount namespace, until its disks are let go of.
    pub(crate) mounts: Option<OwnedFd>,
    /// The disks to give back.
    pub(crate) disks: Vec<Disk>,
    /// Its root file system.
    pub(crate) rootfs: Rootfs,
    /// Paths of the files that are laid over its root file system.
    pub(crate) laid: Vec<String>,
    /// The number of its first process.
    pub(crate) first: u32,
    /// What is left of it is being killed.
    pub(crate) ending: bool,
    /// How often the out-of-memory killer had struck when the host was last told.
    pub(crate) oom_kills_told: u64,
    /// How often its disks were found in use since.
    pub(crate) looks: u32,
    /// Its `Run` failed: the request and the answer it gets when nothing is left.
    pub(crate) failed: Option<(u32, Failure)>,
}

impl Container {
    /// The record of a container whose first process was just forked.
    pub(crate) fn new(wanted: &vch_agent_proto::Container, cgroup: cgroup::Cgroup, mounts: OwnedFd) -> Self {
        let disks = wanted.rootfs.image.into_iter().chain([wanted.rootfs.scratch]).collect();
        Self {
            cgroup,
            mounts: Some(mounts),
            disks,
            rootfs: wanted.rootfs.clone(),
            laid: wanted.files.iter().map(|file| file.path.clone()).collect(),
            first: wanted.process.number,
            ending: false,
            oom_kills_told: 0,
            looks: 0,
            failed: None,
        }
    }
}

/// A process of a container's.
pub(crate) struct Process {
    /// The container's ID.
    pub(crate) container: String,
    /// Its process ID in the machine's namespace.
    pub(crate) pid: Pid,
    /// A descriptor of it.
    pub(crate) pidfd: OwnedFd,
    /// How far it is.
    pub(crate) phase: Phase,
    /// Its streams.
    pub(crate) stdio: Stdio,
    /// Its terminal's master, if it has one.
    pub(crate) terminal: Option<OwnedFd>,
    /// How often the out-of-memory killer had struck in the cgroup before it started.
    pub(crate) oom_kills_before: u64,
}

impl Process {
    /// Whether its program is executing.
    pub(crate) fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Running)
    }
}

/// How far a process is.
pub(crate) enum Phase {
    /// Forked; the program is not executed yet.
    Starting {
        /// What the child says.
        channel: OwnedFd,
        /// The request to answer.
        request: u32,
        /// The child has said that only execve is left.
        ready: bool,
    },
    /// The program is executing.
    Running,
    /// It never got there, and has been answered for.
    Failed,
}
