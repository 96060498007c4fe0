//! Machines without a machine: for tests of the rooms above, where the guest is a function of the test's own.
//!
//! It keeps every promise of [`Machine`] that can be kept without a processor, refuses what QEMU refuses, and passes the
//! same suite. What it cannot know: whether a guest would find its disks, and how long anything takes.

mod machine;
#[cfg(test)]
mod tests;
mod wire;

use crate::{Boot, Cause, DiskSpec, ExitStatus, Hypervisor, HypervisorError, Machine, MachineSpec, Result, memory};
use machine::FakeMachine;
use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    sync::watch,
};

/// The guest's side of one connection to the agent's port.
#[derive(Debug)]
pub struct Guest {
    /// The machine's name.
    pub machine: String,
    /// Whether this machine was restored, and not booted.
    pub cloned: bool,
    /// The agent's port. Bytes move only while the machine runs.
    pub port: UnixStream,
    /// The disks as they come and go, by LUN.
    pub disks: watch::Receiver<BTreeMap<u16, DiskSpec>>,
}

/// What a test's agent is: called for each connection, given up when the machine ends.
pub type Agent = dyn Fn(Guest) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync;

/// A hypervisor that runs nothing.
pub struct Fake {
    agent: Arc<Agent>,
    machines: Mutex<HashMap<PathBuf, Arc<FakeMachine>>>,
}

impl Fake {
    /// Machines whose agent sends back what it gets.
    pub fn echo() -> Self {
        Self::new(|mut guest| {
            Box::pin(async move {
                let mut bytes = [0; 4096];
                while let Ok(count @ 1..) = guest.port.read(&mut bytes).await {
                    if guest.port.write_all(&bytes[..count]).await.is_err() {
                        return;
                    }
                }
            })
        })
    }

    /// Machines with `agent` behind their port.
    pub fn new(agent: impl Fn(Guest) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync + 'static) -> Self {
        Self { agent: Arc::new(agent), machines: Mutex::default() }
    }

    /// Kills the machine in `directory` from outside, as `kill -9` would. Returns whether there was one.
    pub fn kill(&self, directory: &Path) -> bool {
        self.end(directory, Cause::Unknown, ExitStatus::Signal(9))
    }

    /// Ends the machine in `directory` for `cause`. Returns whether there was one.
    pub fn end(&self, directory: &Path, cause: Cause, status: ExitStatus) -> bool {
        let machine = self.machines().get(directory).cloned();
        machine.is_some_and(|machine| machine.end(cause, status, ""))
    }

    fn machines(&self) -> MutexGuard<'_, HashMap<PathBuf, Arc<FakeMachine>>> {
        self.machines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait::async_trait]
impl Hypervisor for Fake {
    fn version(&self) -> &str {
        "0 (fake)"
    }

    fn key(&self) -> &str {
        "fake 0"
    }

    /// A kernel command line of `poweroff` or `reset` makes the guest do so at once.
    async fn launch(&self, spec: MachineSpec) -> Result<Arc<dyn Machine>> {
        spec.check()?;
        let failed = |action, path: &Path, source| {
            let (name, path) = (spec.name.clone(), path.to_owned());
            HypervisorError::File { name, action, path, source }
        };
        std::fs::read_dir(&spec.directory).map_err(|source| failed("open", &spec.directory, source))?;
        memory::prepare(&spec)?;
        if let Boot::Kernel { kernel, initrd, .. } = &spec.boot {
            for path in [kernel, initrd] {
                std::fs::metadata(path).map_err(|source| failed("open", path, source))?;
            }
        }
        let machine = FakeMachine::new(&spec, self.agent.clone());
        self.machines().insert(spec.directory.clone(), machine.clone());
        match &spec.boot {
            Boot::Kernel { command_line, .. } if command_line == "poweroff" => {
                machine.end(Cause::GuestPowerOff, ExitStatus::Code(0), "");
            }
            Boot::Kernel { command_line, .. } if command_line == "reset" => {
                machine.end(Cause::GuestReset, ExitStatus::Code(0), "");
            }
            _ => {}
        }
        Ok(machine)
    }

    async fn adopt(&self, directory: &Path) -> Result<Arc<dyn Machine>> {
        match self.machines().get(directory) {
            Some(machine) if machine.exited().borrow().is_none() => Ok(machine.clone()),
            _ => Err(HypervisorError::NoMachine { directory: directory.to_owned(), problem: "no record".to_owned() }),
        }
    }
}
