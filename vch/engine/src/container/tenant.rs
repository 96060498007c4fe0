//! Who lives in a machine: one container, or several where some join the namespaces of another.
//!
//! Each tenant has a slot, which gives its disks their numbers. The machine ends with its last tenant; one that leaves
//! before takes its own disks along.
//!
//! Pausing has two halves: the container's processes are frozen in the guest, then the machine stands still, if nothing
//! else is to run in it. So the machine of a paused container can be woken for work on its files, which dockerd allows,
//! while the container sees nothing of it.

use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Mutex;
use vch_sandbox::hypervisor::{DiskFormat, DiskSpec};
use vch_sandbox::{Sandbox, SandboxError};

/// Tenants that a machine can have.
const SLOTS: u16 = 64;

/// A container's disks.
#[derive(Debug, Clone)]
pub(crate) struct Disks {
    /// The image disk, if the image has layers.
    pub(crate) image: Option<PathBuf>,
    /// The writable disk.
    pub(crate) scratch: PathBuf,
}

impl Disks {
    /// The disks as a tenant in `slot` has them.
    pub(crate) fn in_slot(&self, slot: u16) -> Vec<DiskSpec> {
        let disk = |lun, file: &PathBuf, format, read_only| DiskSpec { lun, file: file.clone(), format, read_only };
        let scratch = disk(scratch_lun(slot), &self.scratch, DiskFormat::Raw, false);
        let image = self.image.as_ref().map(|image| disk(image_lun(slot), image, DiskFormat::Vmdk, true));
        [scratch].into_iter().chain(image).collect()
    }
}

/// Where the agent finds the image disk of the tenant in `slot`.
pub(crate) fn image_lun(slot: u16) -> u16 {
    slot * 2
}

/// Where the agent finds the writable disk of the tenant in `slot`.
pub(crate) fn scratch_lun(slot: u16) -> u16 {
    slot * 2 + 1
}

/// The slot of a machine's first tenant.
pub(crate) const FIRST_SLOT: u16 = 0;

/// A tenant's place.
#[derive(Debug, Default)]
struct Slot {
    luns: Vec<u16>,
    paused: bool,
}

#[derive(Debug, Default)]
struct House {
    slots: BTreeMap<u16, Slot>,
    /// Slots whose disks could not be taken back.
    lost: Vec<u16>,
    /// Works on files under way, for which the machine has to run.
    works: usize,
    /// Whether the machine stands still.
    still: bool,
}

impl House {
    /// Has the machine stand still when every tenant is paused and nobody works on files, else run.
    async fn settle(&mut self, sandbox: &Sandbox) -> std::result::Result<(), SandboxError> {
        let still = !self.slots.is_empty() && self.works == 0 && self.slots.values().all(|slot| slot.paused);
        match (self.still, still) {
            (false, true) => sandbox.pause().await?,
            (true, false) => sandbox.resume().await?,
            _ => {}
        }
        self.still = still;
        Ok(())
    }
}

/// A container's place in a machine. To be given up by [`Tenant::leave`].
#[derive(Debug, Clone)]
pub(crate) struct Tenant {
    sandbox: Sandbox,
    house: Arc<Mutex<House>>,
    slot: u16,
    container: String,
}

impl Tenant {
    /// The first tenant of a machine that was started with its disks.
    pub(crate) fn first(sandbox: Sandbox, container: &str, disks: &Disks) -> Self {
        let mut house = House::default();
        let luns = disks.in_slot(FIRST_SLOT).iter().map(|disk| disk.lun).collect();
        house.slots.insert(FIRST_SLOT, Slot { luns, paused: false });
        Self { sandbox, house: Arc::new(Mutex::new(house)), slot: FIRST_SLOT, container: container.to_owned() }
    }

    /// A further tenant of the same machine, its disks attached. A machine that stands still runs again; those that are
    /// paused stay so.
    ///
    /// # Errors
    /// The machine has ended or is full; a disk cannot be attached.
    pub(crate) async fn join(&self, container: &str, disks: &Disks) -> Result<Self> {
        let mut house = self.house.lock().await;
        if house.slots.is_empty() {
            return Err(Error::conflict("the microVM whose namespaces are to be joined has just ended"));
        }
        let free = |slot: &u16| !house.slots.contains_key(slot) && !house.lost.contains(slot);
        let slot = (FIRST_SLOT..SLOTS)
            .find(free)
            .ok_or_else(|| Error::conflict(format!("no more than {SLOTS} containers can share a microVM")))?;
        let mut luns = Vec::new();
        for disk in disks.in_slot(slot) {
            if let Err(error) = self.sandbox.attach(&disk).await {
                take_back(&self.sandbox, &luns).await;
                return Err(Error::chain("attach a disk to the shared microVM", &error));
            }
            luns.push(disk.lun);
        }
        house.slots.insert(slot, Slot { luns, paused: false });
        let tenant = Self {
            sandbox: self.sandbox.clone(),
            house: Arc::clone(&self.house),
            slot,
            container: container.to_owned(),
        };
        let running = house.settle(&self.sandbox).await;
        drop(house);
        if let Err(error) = running {
            tenant.leave().await;
            return Err(Error::chain("let the shared microVM go on", &error));
        }
        Ok(tenant)
    }

    /// The machine.
    pub(crate) fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Its slot.
    pub(crate) fn slot(&self) -> u16 {
        self.slot
    }

    /// Whether both live in one machine.
    pub(crate) fn shares_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.house, &other.house)
    }

    /// Gives up the place, once the container's processes have ended. The last one out ends the machine. Repeating it
    /// does no harm.
    pub(crate) async fn leave(&self) {
        let mut house = self.house.lock().await;
        let Some(slot) = house.slots.remove(&self.slot) else { return };
        if house.slots.is_empty() {
            return self.sandbox.end().await;
        }
        let container = self.container.as_str();
        if let Err(error) = self.sandbox.released(container).await {
            tracing::warn!(container, %error, "the container's disks were not unmounted in order");
        }
        if !take_back(&self.sandbox, &slot.luns).await {
            house.lost.push(self.slot);
        }
        if let Err(error) = house.settle(&self.sandbox).await {
            tracing::warn!(container, %error, "the microVM of paused containers does not stand still");
        }
    }

    /// Freezes the container's processes; its machine stands still when nothing in it is to run.
    ///
    /// # Errors
    /// A process cannot be frozen, or the machine is gone; the container runs on then.
    pub(crate) async fn pause(&self) -> Result<()> {
        let failed = |error: SandboxError| Error::chain("pause the container", &error);
        let mut house = self.house.lock().await;
        self.sandbox.freeze(&self.container, true).await.map_err(failed)?;
        self.mark(&mut house, true);
        if let Err(error) = house.settle(&self.sandbox).await {
            self.mark(&mut house, false);
            let _ = self.sandbox.freeze(&self.container, false).await;
            return Err(failed(error));
        }
        Ok(())
    }

    /// Undoes [`Tenant::pause`].
    ///
    /// # Errors
    /// The machine is gone.
    pub(crate) async fn resume(&self) -> Result<()> {
        let failed = |error: SandboxError| Error::chain("let the container go on", &error);
        let mut house = self.house.lock().await;
        self.mark(&mut house, false);
        house.settle(&self.sandbox).await.map_err(failed)?;
        self.sandbox.freeze(&self.container, false).await.map_err(failed)
    }

    /// Sees to it that the machine runs, until [`Tenant::end_work`].
    ///
    /// # Errors
    /// The machine is gone.
    pub(crate) async fn begin_work(&self) -> std::result::Result<(), SandboxError> {
        let mut house = self.house.lock().await;
        house.works += 1;
        let running = house.settle(&self.sandbox).await;
        if running.is_err() {
            house.works -= 1;
        }
        running
    }

    /// A machine in which all are paused may stand still again.
    pub(crate) async fn end_work(&self) {
        let mut house = self.house.lock().await;
        house.works = house.works.saturating_sub(1);
        if let Err(error) = house.settle(&self.sandbox).await {
            tracing::debug!(sandbox = self.sandbox.id(), %error, "the microVM of a paused container does not stand still");
        }
    }

    fn mark(&self, house: &mut House, paused: bool) {
        if let Some(slot) = house.slots.get_mut(&self.slot) {
            slot.paused = paused;
        }
    }
}

/// Detaches disks; says whether all came back.
async fn take_back(sandbox: &Sandbox, luns: &[u16]) -> bool {
    let mut all = true;
    for &lun in luns {
        if let Err(error) = sandbox.detach(lun).await {
            tracing::warn!(sandbox = sandbox.id(), lun, %error, "a disk of a container that has ended stays attached");
            all = false;
        }
    }
    all
}
