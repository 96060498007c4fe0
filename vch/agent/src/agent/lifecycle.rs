//! What happens by itself: a child starts or fails, a process ends, a container goes.
//!
//! ```text
//! forked ──ready, exec'd──▶ running ──ended──▶ Exited ─┐ first process: the rest is killed,
//!   └──failed──▶ ended ──────────────────────────────▶ │ cgroup empty, disks free and given back,
//!                                                      └▶ Released (or the failed Run's answer)
//! ```

use super::{Agent, Source};
use crate::container::channel::{self, Word};
use crate::container::{Phase, stdio};
use crate::disks;
use crate::failure::{FailureClass, failure, report};
use crate::sys::fork::{self, Forked};
use rustix::event::Timespec;
use rustix::event::epoll::EventFlags;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, WaitOptions, WaitStatus};
use std::os::fd::{AsFd, OwnedFd};
use vch_agent_proto::{Event, ExitStatus, Failure, Reply};

/// Shortest wait before looking again whether a disk is free, in nanoseconds: rarely needed, since its last user has just
/// ended. Each further wait is twice as long, up to 0.64 s (a loop device that a container left holds its file for ever).
const RETRY: i64 = 5_000_000;
/// How often the wait doubles.
const DOUBLINGS: u32 = 7;

impl Agent {
    /// Reads what a starting child has said, to the end of it.
    pub(super) fn hear(&mut self, number: u32) {
        loop {
            let Some(process) = self.processes.get_mut(&number) else { return };
            let Phase::Starting { channel, ready, .. } = &mut process.phase else { return };
            match channel::receive(channel.as_fd()) {
                Some(Word::Terminal(master)) => self.attach_terminal(number, master),
                Some(Word::Ready) => *ready = true,
                Some(Word::Failed(failure)) => return self.start_failed(number, failure),
                Some(Word::Nothing) => return,
                None if *ready => return self.start_done(number),
                None => {
                    let words = "the process ended before it could be executed (out of memory?)";
                    return self.start_failed(number, failure(FailureClass::Internal, words));
                }
            }
        }
    }

    fn attach_terminal(&mut self, number: u32, master: OwnedFd) {
        let Some(process) = self.processes.get_mut(&number) else { return };
        for stream in stdio::numbers(&process.stdio) {
            match rustix::io::fcntl_dupfd_cloexec(&master, 3) {
                Ok(descriptor) => self.streams.connect(stream, descriptor),
                Err(error) => report(&format!("the terminal of process {number}: {error}")),
            }
        }
        let streams = stdio::numbers(&process.stdio);
        process.terminal = Some(master);
        for stream in streams {
            if let Err(failure) = self.watch_stream(stream) {
                report(&failure.message);
            }
        }
    }

    fn start_done(&mut self, number: u32) {
        let Some(process) = self.processes.get_mut(&number) else { return };
        let pid = process.pid.as_raw_nonzero().get() as u32;
        if let Phase::Starting { request, .. } = std::mem::replace(&mut process.phase, Phase::Running) {
            self.reply(request, &Ok(Reply::Started { pid }));
        }
    }

    fn start_failed(&mut self, number: u32, failure: Failure) {
        let Some(process) = self.processes.get_mut(&number) else { return };
        let id = process.container.clone();
        let streams = stdio::numbers(&process.stdio);
        let Phase::Starting { request, .. } = std::mem::replace(&mut process.phase, Phase::Failed) else { return };
        streams.into_iter().for_each(|stream| self.streams.remove(stream));
        match self.containers.get_mut(&id).filter(|container| container.first == number) {
            // The answer to a failed Run comes once nothing of the container is left.
            Some(container) => container.failed = Some((request, failure)),
            None => self.reply(request, &Err(failure)),
        }
    }

    /// Takes every ended child's status.
    pub(super) fn reap(&mut self) {
        let mut info = [0; 128];
        while rustix::io::read(&self.children, &mut info).is_ok_and(|count| count > 0) {}
        while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            self.ended(pid, status);
        }
    }

    /// Tells of containers in which the out-of-memory killer has struck since the host was last told.
    pub(super) fn tell_out_of_memory(&mut self) {
        let mut struck = Vec::new();
        for (id, container) in &mut self.containers {
            let kills = container.cgroup.oom_kills();
            if kills > std::mem::replace(&mut container.oom_kills_told, kills) {
                struck.push(id.clone());
            }
        }
        struck.into_iter().for_each(|container| self.event(&Event::OutOfMemory { container }));
    }

    fn ended(&mut self, pid: Pid, status: WaitStatus) {
        let status = match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => ExitStatus::Code(code as u8),
            (None, signal) => ExitStatus::Signal(signal.unwrap_or(libc::SIGKILL) as u8),
        };
        // Orphans of containers without a process namespace of their own are nobody's.
        let Some((&number, _)) = self.processes.iter().find(|(_, process)| process.pid == pid) else {
            return self.probe_ended(pid, status);
        };
        self.hear(number);
        self.tell_out_of_memory();
        let Some(process) = self.processes.remove(&number) else { return };
        let Some(container) = self.containers.get(&process.container) else { return };
        let oom_killed = container.cgroup.oom_kills() > process.oom_kills_before;
        let is_first = container.first == number;
        if matches!(process.phase, Phase::Running) {
            self.event(&Event::Exited { process: number, status, oom_killed });
        }
        if is_first {
            self.end(&process.container);
        }
    }

    /// Kills what is left of a container; [`Self::settle`] does the rest.
    pub(super) fn end(&mut self, id: &str) {
        let Some(container) = self.containers.get_mut(id) else { return };
        if container.ending {
            return;
        }
        container.ending = true;
        self.checks.retain(|_, check| check.container != id);
        if container.cgroup.is_populated() {
            container.cgroup.kill();
        }
        if let Some(events) = self.containers.get(id).and_then(|container| container.cgroup.events())
            && let Err(failure) = self.watch(events, Source::Cgroup, EventFlags::PRI)
        {
            report(&failure.message);
        }
    }

    /// Lets go of every ending container that nothing holds any more. Returns when to look again, if not upon an event.
    pub(super) fn settle(&mut self) -> Option<Timespec> {
        let ending: Vec<String> =
            self.containers.iter().filter(|(_, container)| container.ending).map(|(id, _)| id.clone()).collect();
        let mut retry = None;
        for id in ending {
            let Some(container) = self.containers.get_mut(&id) else { continue };
            if container.cgroup.is_populated() || self.processes.values().any(|process| process.container == id) {
                continue;
            }
            if let Some(mounts) = container.mounts.take() {
                unmount(mounts);
                continue;
            }
            if container.disks.iter().any(|&disk| disks::is_in_use(disk)) {
                let wait = Timespec { tv_sec: 0, tv_nsec: RETRY << container.looks };
                container.looks = (container.looks + 1).min(DOUBLINGS);
                retry = Some(retry.map_or(wait, |other: Timespec| other.min(wait)));
                continue;
            }
            self.release(&id);
        }
        if let Some(request) = self.shutdown.filter(|_| self.containers.is_empty()) {
            self.shutdown = None;
            rustix::fs::sync();
            self.reply(request, &Ok(Reply::Done));
        }
        retry
    }

    fn release(&mut self, id: &str) {
        let Some(container) = self.containers.remove(id) else { return };
        for &disk in &container.disks {
            if let Err(failure) = disks::give_back(disk) {
                report(&failure.message);
            }
        }
        container.cgroup.remove();
        match container.failed {
            Some((request, failure)) => self.reply(request, &Err(failure)),
            None => self.event(&Event::Released { container: id.to_owned() }),
        }
    }
}

/// Lets go of a container's mounts, in a process of its own: flushing them may take long, and nobody shall wait for it.
/// Its end wakes the agent.
fn unmount(mounts: OwnedFd) {
    let result = pipe_with(PipeFlags::CLOEXEC).and_then(|(theirs, ours)| Ok((fork::fork(0, None)?, theirs, ours)));
    match result {
        Ok((Forked::Child, theirs, _)) => {
            // Held on to, the ends of other containers' pipes would keep those from ending.
            fork::close_all_but([mounts.as_fd(), theirs.as_fd()]);
            // The agent goes first: whoever is last does the work.
            let _ = rustix::io::read(&theirs, &mut [0]);
            drop(mounts);
            fork::exit(0)
        }
        Ok((Forked::Parent { .. }, theirs, ours)) => {
            drop(mounts);
            drop((theirs, ours));
        }
        // Then it is done here, by the drop.
        Err(error) => report(&format!("the mounts of a container are flushed in line: {error}")),
    }
}
