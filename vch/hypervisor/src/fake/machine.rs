//! A fake machine: the state that QEMU would hold, and the same refusals.

use super::{Agent, Guest, wire};
use crate::{
    Boot, Cause, DiskFormat, DiskSpec, Exit, ExitStatus, HypervisorError, Machine, MachineSpec, Result, Sharing,
};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Read, Write},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{net::UnixStream, sync::watch, task::AbortHandle};

/// Largest saved state that is read, in bytes.
const MAX_STATE: u64 = 1024;

pub(super) struct FakeMachine {
    name: String,
    /// What a state must agree on to be restored here.
    shape: String,
    sharing: Sharing,
    cloned: bool,
    waiting: AtomicBool,
    agent: Arc<Agent>,
    disks: watch::Sender<BTreeMap<u16, DiskSpec>>,
    running: watch::Sender<bool>,
    exited: watch::Sender<Option<Exit>>,
    /// The connections, to be cut when the machine ends.
    wires: Mutex<Vec<AbortHandle>>,
    /// Held by the connection that is served; the others wait.
    port: Arc<tokio::sync::Mutex<()>>,
}

impl FakeMachine {
    pub(super) fn new(spec: &MachineSpec, agent: Arc<Agent>) -> Arc<Self> {
        let cloned = matches!(spec.boot, Boot::Restore);
        let nic = spec.nic.is_some();
        Arc::new(Self {
            name: spec.name.clone(),
            shape: format!("fake state of {} {} {} MiB nic={nic}\n", spec.cpu, spec.vcpus, spec.memory.mib),
            sharing: spec.memory.sharing,
            cloned,
            waiting: AtomicBool::new(cloned),
            agent,
            disks: watch::Sender::new(BTreeMap::new()),
            running: watch::Sender::new(!cloned),
            exited: watch::Sender::new(None),
            wires: Mutex::default(),
            port: Arc::default(),
        })
    }

    /// Ends it, if it lives still.
    pub(super) fn end(&self, cause: Cause, status: ExitStatus, stderr: &str) -> bool {
        let ended = self.exited.send_if_modified(|exit| {
            let living = exit.is_none();
            if living {
                *exit = Some(Exit { cause, status, stderr: stderr.to_owned() });
            }
            living
        });
        let mut wires = self.wires.lock().unwrap_or_else(PoisonError::into_inner);
        wires.drain(..).for_each(|wire| wire.abort());
        ended
    }

    fn living(&self) -> Result<()> {
        match *self.exited.borrow() {
            None => Ok(()),
            Some(_) => Err(HypervisorError::Gone { name: self.name.clone() }),
        }
    }

    fn refuse(&self, command: &'static str, message: impl Into<String>) -> HypervisorError {
        HypervisorError::Refused { name: self.name.clone(), command, message: message.into() }
    }

    fn open(&self, disk: &DiskSpec) -> Result<()> {
        let mut file = fs::OpenOptions::new().read(true).write(!disk.read_only).open(&disk.file).map_err(|error| {
            self.refuse("blockdev-add", format!("Could not open '{}': {error}", disk.file.display()))
        })?;
        let mut head = [0; 21];
        if disk.format == DiskFormat::Vmdk && (file.read_exact(&mut head).is_err() || head != *b"# Disk DescriptorFile")
        {
            return Err(self.refuse("blockdev-add", format!("{} is no VMDK descriptor", disk.file.display())));
        }
        Ok(())
    }
}

#[async_trait::async_trait]
impl Machine for FakeMachine {
    fn pid(&self) -> Option<u32> {
        None
    }

    async fn agent(&self) -> Result<UnixStream> {
        let failed = |source| HypervisorError::Process { name: self.name.clone(), action: "connect to", source };
        let (host, inner) = UnixStream::pair().map_err(failed)?;
        let (outer, port) = UnixStream::pair().map_err(failed)?;
        let guest = Guest { machine: self.name.clone(), cloned: self.cloned, port, disks: self.disks.subscribe() };
        let (turn, agent, running) = (self.port.clone(), self.agent.clone(), self.running.subscribe());
        let mut wires = self.wires.lock().unwrap_or_else(PoisonError::into_inner);
        self.living()?;
        let serve = async move {
            let _turn = turn.lock_owned().await;
            tokio::join!(wire::carry(inner, outer, running), agent(guest));
        };
        wires.push(tokio::spawn(serve).abort_handle());
        Ok(host)
    }

    async fn attach(&self, disk: &DiskSpec) -> Result<()> {
        disk.check(&self.name)?;
        self.living()?;
        if self.disks.borrow().contains_key(&disk.lun) {
            return Err(self.refuse("blockdev-add", format!("Duplicate nodes with node-name='lun{}'", disk.lun)));
        }
        self.open(disk)?;
        self.disks.send_modify(|disks| drop(disks.insert(disk.lun, disk.clone())));
        Ok(())
    }

    async fn detach(&self, lun: u16) -> Result<()> {
        self.living()?;
        let found = self.disks.send_if_modified(|disks| disks.remove(&lun).is_some());
        if found { Ok(()) } else { Err(self.refuse("device_del", format!("Device 'disk{lun}' not found"))) }
    }

    async fn pause(&self) -> Result<()> {
        self.living()?;
        self.running.send_replace(false);
        Ok(())
    }

    async fn resume(&self) -> Result<()> {
        self.living()?;
        if self.waiting.load(Ordering::SeqCst) {
            return Err(self.refuse("cont", "it waits to be restored"));
        }
        self.running.send_replace(true);
        Ok(())
    }

    async fn save(&self, mut state: File) -> Result<()> {
        self.living()?;
        if self.sharing == Sharing::Private {
            return Err(self.refuse("migrate", "its memory is private and would be lost"));
        }
        if *self.running.borrow() {
            return Err(self.refuse("migrate", "it must be paused first"));
        }
        if self.disks.borrow().values().any(|disk| disk.format == DiskFormat::Vmdk) {
            return Err(self.refuse("migrate", "The vmdk format used by a node does not support live migration"));
        }
        state.write_all(self.shape.as_bytes()).map_err(|source| HypervisorError::Process {
            name: self.name.clone(),
            action: "save",
            source,
        })
    }

    async fn restore(&self, state: File) -> Result<()> {
        self.living()?;
        if !self.waiting.load(Ordering::SeqCst) {
            return Err(self.refuse("migrate-incoming", "it was not started to be restored, or was restored before"));
        }
        let mut text = Vec::new();
        if state.take(MAX_STATE).read_to_end(&mut text).is_ok() && text == self.shape.as_bytes() {
            self.waiting.store(false, Ordering::SeqCst);
            return Ok(());
        }
        let (status, stderr) = (ExitStatus::Code(1), "load of migration failed: Invalid argument");
        self.end(Cause::Unknown, status, stderr);
        Err(HypervisorError::DidNotStart { name: self.name.clone(), status, stderr: stderr.to_owned() })
    }

    async fn console(&self) -> String {
        String::new()
    }

    async fn quit(&self) -> Result<()> {
        self.end(Cause::Asked, ExitStatus::Code(0), "");
        Ok(())
    }

    fn exited(&self) -> watch::Receiver<Option<Exit>> {
        self.exited.subscribe()
    }
}
