//! Fake guests behind a fake hypervisor: a whole [`Host`] without a machine.

use super::{Guest, Programs};
use crate::{AccelChoice, Host, Progress, SandboxError, Settings};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use vch_hypervisor::fake::Fake;

/// The guests of one fake hypervisor, by machine. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Guests {
    programs: Programs,
    all: Arc<Mutex<BTreeMap<String, Guest>>>,
    refuse: Arc<AtomicBool>,
}

impl Guests {
    /// Guests that know these programs.
    pub fn new(programs: Programs) -> Self {
        Self { programs, ..Self::default() }
    }

    /// A hypervisor whose machines have these guests.
    pub fn hypervisor(&self) -> Fake {
        let guests = self.clone();
        Fake::new(move |port| {
            let guest = guests.guest(&port);
            Box::pin(async move { guest.serve(port.port).await })
        })
    }

    /// The guest of a machine ([`crate::Sandbox::machine`]), if it was ever connected to.
    pub fn of(&self, machine: &str) -> Option<Guest> {
        self.all().get(machine).cloned()
    }

    /// Whether guests, those that are there too, refuse to take an identity.
    pub fn refuse_identities(&self, refuse: bool) {
        self.refuse.store(refuse, Ordering::Relaxed);
    }

    /// All guests so far, those of machines that have gone included.
    pub fn every(&self) -> Vec<Guest> {
        self.all().values().cloned().collect()
    }

    fn guest(&self, port: &vch_hypervisor::fake::Guest) -> Guest {
        let new = || Guest {
            disks: Some(port.disks.clone()),
            cloned: port.cloned,
            refuse: self.refuse.clone(),
            ..Guest::new(self.programs.clone())
        };
        self.all().entry(port.machine.clone()).or_insert_with(new).clone()
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Guest>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Settings for a host on fake guests that keeps everything in `folder`: no pool, no warm-up.
///
/// # Errors
/// `folder` cannot be written.
pub fn settings(folder: &Path) -> Result<Settings, SandboxError> {
    let (kernel, initrd) = (folder.join("kernel"), folder.join("initrd"));
    for (path, bytes) in [(&kernel, bzimage()), (&initrd, Vec::new())] {
        std::fs::write(path, bytes).map_err(SandboxError::storage("write", path))?;
    }
    Ok(Settings {
        root: folder.join("sandbox"),
        run: folder.join("run"),
        kernel: Some(kernel),
        initrd: Some(initrd),
        agent: None,
        accel: AccelChoice::Tcg,
        memory_mib: 64,
        vcpus: 1,
        pool: 0,
        warm_up: None,
    })
}

/// The head of a bzImage that says its release is `6.1.0-fake` (Linux's `Documentation/arch/x86/boot.rst`).
fn bzimage() -> Vec<u8> {
    let mut image = vec![0; 0x400];
    image[0x202..0x206].copy_from_slice(b"HdrS");
    image[0x20e..0x210].copy_from_slice(&0x100u16.to_le_bytes());
    image[0x300..0x30a].copy_from_slice(b"6.1.0-fake");
    image
}

/// A host on fake guests that keeps everything in `folder`.
///
/// # Errors
/// `folder` cannot be written, or another host uses it.
pub async fn host(guests: &Guests, folder: &Path) -> Result<Host, SandboxError> {
    Host::open(settings(folder)?, Arc::new(guests.hypervisor()), Progress::silent()).await
}
