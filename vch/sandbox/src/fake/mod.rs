//! A guest without a machine: speaks the agent protocol and runs scripted programs in this process.
//!
//! For tests of this room and of the engine, where hundreds of containers must start in a second and no QEMU is there.
//! It keeps the agent's order of things (nothing runs before `Personalize`; `Exited`, then the ends of the streams, then
//! `Released`) and its credit, so that what passes here fails on a real guest only for reasons of the guest.
//!
//! Programs are looked up by the last part of `args[0]`: those of [`Programs::default`], see there, and any that a test
//! adds. A name that nobody knows is refused as runc refuses it.

mod connection;
mod container;
mod files;
mod guests;
mod hostile;
mod observe;
mod program;
mod streams;

pub use container::{container, process};
pub use guests::{Guests, host, settings};
pub use hostile::hostile_guest;
pub use program::{End, Proc, Program, Programs};
pub use streams::{Input, Output};

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};
use vch_agent_proto::{Disk, Event, Failure, FailureClass, Frame, Identity, Kind, Limits, Probe, Request, Rootfs};
use vch_hypervisor::DiskSpec;

/// One guest. Clones share it.
#[derive(Clone, Debug)]
pub struct Guest {
    programs: Programs,
    state: Arc<Mutex<State>>,
    /// The machine's disks; `None` where there is no machine, and any disk is taken to be there.
    disks: Option<watch::Receiver<BTreeMap<u16, DiskSpec>>>,
    cloned: bool,
    /// Whether it refuses to take an identity.
    refuse: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct State {
    identity: Option<Identity>,
    requests: Vec<Request>,
    next_pid: u32,
    /// Running processes by number.
    processes: HashMap<u32, Running>,
    /// First process of each container.
    containers: HashMap<String, u32>,
    /// The health check, by number, and who is told of it.
    check: Option<(u32, mpsc::UnboundedSender<Frame>)>,
    /// Limits of each container.
    limits: HashMap<String, Limits>,
    /// Containers whose processes stand still.
    frozen: HashSet<String>,
    /// Looks at what containers use.
    looks: u64,
    /// Those at containers that did not stand still.
    worked: u64,
}

#[derive(Debug)]
struct Running {
    container: String,
    pid: u32,
    args: Vec<String>,
    signals: mpsc::UnboundedSender<Touch>,
}

/// What reaches a running process from outside.
#[derive(Debug, Clone, Copy)]
enum Touch {
    Signal(i32),
    Resize(vch_agent_proto::WindowSize),
}

impl Guest {
    /// A guest that has just booted.
    pub fn new(programs: Programs) -> Self {
        Self { programs, state: Arc::default(), disks: None, cloned: false, refuse: Arc::default() }
    }

    /// Whether its machine was cloned from a template, and not booted.
    pub fn is_clone(&self) -> bool {
        self.cloned
    }

    /// Serves one connection until the host hangs up; what runs goes on then, as in a real guest.
    pub async fn serve(&self, stream: UnixStream) {
        connection::serve(self, stream).await;
    }

    /// Every request so far, in order.
    pub fn requests(&self) -> Vec<Request> {
        self.state().requests.clone()
    }

    /// The identity, once there is one.
    pub fn identity(&self) -> Option<Identity> {
        self.state().identity.clone()
    }

    /// Tells the host of a probe, if it has asked for a health check: a fake guest runs none by itself.
    pub fn probe(&self, probe: Probe) -> bool {
        let Some((check, frames)) = self.state().check.clone() else { return false };
        Frame::control(Kind::Event, 0, &Event::Probe { check, probe }).is_ok_and(|frame| frames.send(frame).is_ok())
    }

    /// Refuses a container whose disks are not there.
    fn check_disks(&self, rootfs: &Rootfs) -> Result<(), Failure> {
        let Some(disks) = &self.disks else { return Ok(()) };
        for Disk::ScsiLun(lun) in rootfs.image.iter().chain([&rootfs.scratch]) {
            if !disks.borrow().contains_key(lun) {
                return Err(failure(FailureClass::Mount, &format!("no disk at LUN {lun}")));
            }
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether a first process of `container` may start.
    fn admit(&self, container: &str) -> Result<(), Failure> {
        if self.identity.is_none() {
            return Err(failure(FailureClass::Sequence, "the machine has no identity yet"));
        }
        if self.containers.contains_key(container) {
            return Err(failure(FailureClass::Sequence, "the container runs already"));
        }
        Ok(())
    }

    fn touch(&self, process: u32, touch: Touch) -> Result<(), Failure> {
        let gone = || failure(FailureClass::NotFound, "no such process");
        let running = self.processes.get(&process).ok_or_else(gone)?;
        running.signals.send(touch).map_err(|_| gone())
    }
}

fn failure(class: FailureClass, message: &str) -> Failure {
    Failure { class, message: message.to_owned() }
}
