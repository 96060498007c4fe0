//! Everything that makes sandboxes: the guest, the accelerator, the template, the pool; and the door to it.

use crate::accel::{self, Decision};
use crate::blueprint::Blueprint;
use crate::clone::{self, Idle, Timings, ms};
use crate::facts::Facts;
use crate::files::{self, Lock, Locking};
use crate::guest::GuestImage;
use crate::identity::{self, Macs};
use crate::pool::Pool;
use crate::sandbox::{Begin, Sandbox};
use crate::settings::{Progress, Settings};
use crate::taps::Taps;
use crate::template::{self, Template};
use crate::{SandboxError, blocking, folder, guest, leftovers, warm_up};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, watch};
use vch_hypervisor::{Accel, DiskSpec, Hypervisor};

/// How long a clone may take to become one of its own.
const PERSONALIZE: Duration = Duration::from_secs(60);

/// Starts under way up to which the pool is refilled.
const REFILL_BELOW: usize = 1;

/// A container's wish for a machine.
#[derive(Debug, Clone)]
pub struct Request {
    /// The container's ID; names the sandbox.
    pub id: String,
    /// Host name of the machine itself.
    pub hostname: String,
    /// Disks to attach before anything runs.
    pub disks: Vec<DiskSpec>,
}

/// Makes sandboxes; cheap to clone. To be closed by [`Host::close`].
#[derive(Clone)]
pub struct Host {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Settings,
    blueprint: Blueprint,
    template: Template,
    decision: Decision,
    no_nic: Option<String>,
    pool: Arc<Pool>,
    macs: Macs,
    admission: Semaphore,
    starts: watch::Sender<usize>,
    _alone: Lock,
}

/// A start under way: counted while this lives.
#[derive(Debug)]
pub(crate) struct Starting(watch::Sender<usize>);

impl Starting {
    fn count(starts: &watch::Sender<usize>) -> Self {
        starts.send_modify(|starts| *starts += 1);
        Self(starts.clone())
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        self.0.send_modify(|starts| *starts = starts.saturating_sub(1));
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("facts", &self.facts()).finish()
    }
}

impl Host {
    /// Gets ready to start sandboxes: what earlier programs left in `run` is removed, the guest image, the accelerator
    /// and the template are made or found, the pool is begun. Takes seconds the first time, and little after that.
    ///
    /// # Errors
    /// Another host uses `run`; the guest cannot be made; no accelerator boots it; the template does not work.
    pub async fn open(
        settings: Settings,
        hypervisor: Arc<dyn Hypervisor>,
        progress: Progress,
    ) -> Result<Self, SandboxError> {
        Self::open_with(settings, hypervisor, progress, false).await
    }

    /// The same, with the accelerator tried again whatever was found before: for `vch doctor`.
    ///
    /// # Errors
    /// As [`Host::open`].
    pub async fn open_rechecked(
        settings: Settings,
        hypervisor: Arc<dyn Hypervisor>,
        progress: Progress,
    ) -> Result<Self, SandboxError> {
        Self::open_with(settings, hypervisor, progress, true).await
    }

    async fn open_with(
        settings: Settings,
        hypervisor: Arc<dyn Hypervisor>,
        progress: Progress,
        recheck: bool,
    ) -> Result<Self, SandboxError> {
        folder::prepare(&settings.run)?;
        std::fs::create_dir_all(&settings.root).map_err(SandboxError::storage("make the folder", &settings.root))?;
        let Some(alone) = files::lock(&settings.run.join("lock"), Locking::AloneNow)? else {
            let text = format!("another vch uses {}: end it, or choose another data root", settings.run.display());
            return Err(SandboxError::Setting(text));
        };
        leftovers::remove(&*hypervisor, &settings.run).await;
        let guest = guest_image(&settings, &progress).await?;
        let taps = blocking(Taps::open).await;
        let no_nic = taps.as_ref().err().map(|error| crate::error::told(error));
        let draft = Blueprint {
            hypervisor,
            guest,
            run: settings.run.clone(),
            accel: Accel::Tcg,
            cpu: String::new(),
            vcpus: settings.vcpus,
            memory_mib: settings.memory_mib,
            taps: taps.ok(),
            under_way: Default::default(),
        };
        let kept = settings.root.join("accelerator.json");
        let decision = accel::decide(&draft, settings.accel, &kept, recheck, &progress).await?;
        let blueprint = Blueprint { accel: decision.accel(), cpu: decision.cpu.clone(), ..draft };
        let templates = settings.root.join("templates");
        let template = template::open(&blueprint, settings.warm_up.as_ref(), &templates, &progress).await?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let pool = Pool::new(settings.pool);
        let host = Self {
            shared: Arc::new(Shared {
                settings,
                blueprint,
                template,
                decision,
                no_nic,
                pool,
                macs: Macs::default(),
                admission: Semaphore::new(2 * cores),
                starts: watch::Sender::new(0),
                _alone: alone,
            }),
        };
        host.begin_pool();
        Ok(host)
    }

    /// What is known about this host's machines.
    pub fn facts(&self) -> Facts {
        let shared = &self.shared;
        let (blueprint, manifest) = (&shared.blueprint, shared.template.manifest());
        Facts {
            accel: blueprint.accel,
            ladder: shared.decision.ladder.clone(),
            cpu: blueprint.cpu.clone(),
            hypervisor: blueprint.hypervisor.version().to_owned(),
            kernel: manifest.release.clone(),
            vcpus: blueprint.vcpus,
            memory_mib: blueprint.memory_mib,
            template: manifest.key.clone(),
            template_warmed: manifest.warmed,
            no_nic: shared.no_nic.clone(),
            pool_target: shared.pool.target(),
            pool_ready: shared.pool.ready(),
        }
    }

    /// A machine for a container: taken from the pool or cloned now, its disks attached, its identity on the way to it.
    /// Nothing can run in it before that has arrived whole: [`Sandbox::run`] waits for it, and the agent insists.
    ///
    /// # Errors
    /// It could not be made; nothing of it is left.
    pub async fn start(&self, request: Request) -> Result<Sandbox, SandboxError> {
        let host = self.clone();
        // Apart from the caller: one that is cancelled must not leave half a machine.
        let under_way = self.shared.blueprint.under_way.clone();
        let started = under_way.spawn(async move { host.start_now(request).await }).await;
        started.unwrap_or_else(|error| {
            Err(SandboxError::System { what: "start a machine", source: std::io::Error::other(error) })
        })
    }

    async fn start_now(&self, request: Request) -> Result<Sandbox, SandboxError> {
        let begun = Instant::now();
        let starting = Starting::count(&self.shared.starts);
        let idle = match self.shared.pool.take() {
            Some(idle) => idle,
            None => self.clone_now().await?,
        };
        let mut timings = idle.timings;
        let attaching = Instant::now();
        let mac = if self.shared.blueprint.taps.is_some() { Some(self.shared.macs.take()?) } else { None };
        let ready = async {
            // The guest takes its identity while the disks are attached beside it, and maybe until after: the sandbox
            // waits for the answer when it has sent what is to be run.
            let identity = identity::fresh(&request.hostname, mac.as_ref().map(|mac| mac.bytes))?;
            let personalizing = idle.client.personalize(identity, PERSONALIZE)?;
            attach(&idle, &request.disks).await?;
            Ok(personalizing)
        };
        match ready.await {
            Ok(personalizing) => {
                timings.attach_ms = ms(attaching);
                let begin = Begin { at: begun, personalizing, starting };
                Ok(Sandbox::new(request.id, idle, timings, mac, begin))
            }
            Err(error) => {
                idle.end().await;
                Err(error)
            }
        }
    }

    /// A clone that did not come from the pool, as many at once as the processors can carry.
    async fn clone_now(&self) -> Result<Idle, SandboxError> {
        let permit = self.shared.admission.acquire().await;
        let _permit = permit.map_err(|_| SandboxError::MachineGone)?;
        clone::clone(&self.shared.blueprint, &self.shared.template).await
    }

    fn begin_pool(&self) {
        let pool = self.shared.pool.clone();
        if pool.target() == 0 {
            return;
        }
        let (starts, host) = (self.shared.starts.subscribe(), Arc::downgrade(&self.shared));
        self.shared.blueprint.under_way.spawn(async move {
            let make = || {
                let host = host.upgrade();
                async move { Self { shared: host? }.make_member().await }
            };
            pool.refill(starts, REFILL_BELOW, make).await;
        });
    }

    /// A member for the pool. Under software emulation it runs the warm-up container: translated code is not in the
    /// template.
    async fn make_member(&self) -> Option<Idle> {
        let made = async {
            let mut idle = self.clone_now().await?;
            idle.timings.pooled = true;
            if let (Accel::Tcg, true, Some(warm)) =
                (self.shared.blueprint.accel, self.shared.template.manifest().warmed, &self.shared.settings.warm_up)
                && let Err(error) = warm_up::run(&idle.life, &idle.client, warm).await
            {
                idle.end().await;
                return Err(error);
            }
            Ok(idle)
        };
        let made: Result<Idle, SandboxError> = made.await;
        made.inspect_err(|error| tracing::warn!(error = crate::error::told(error), "no member for the pool")).ok()
    }

    /// Ends the pool, and returns when no machine is being made or ended any more. Sandboxes run on.
    pub async fn close(&self) {
        self.shared.pool.close().await;
        let under_way = &self.shared.blueprint.under_way;
        under_way.close();
        under_way.wait().await;
    }
}

/// The kernel and initramfs to boot, made if they are missing.
async fn guest_image(settings: &Settings, progress: &Progress) -> Result<GuestImage, SandboxError> {
    let Settings { kernel, initrd, agent, .. } = settings.clone();
    let sources = guest::Sources { kernel, initrd, agent, refresh: false };
    let (folder, progress) = (settings.root.join("guest"), progress.clone());
    blocking(move || Ok(guest::build(&folder, &sources, &|line| progress.say(line))?)).await
}

async fn attach(idle: &Idle, disks: &[DiskSpec]) -> Result<(), SandboxError> {
    let attached = disks.iter().map(|disk| idle.life.machine().attach(disk));
    futures_util::future::try_join_all(attached).await.map_err(SandboxError::hypervisor("attach a disk"))?;
    Ok(())
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let pool = self.pool.clone();
            runtime.spawn(async move { pool.close().await });
        }
    }
}

/// Clones `n` machines one after another, each made one of its own and ended again, and says where the time went. They
/// are plain clones, not the pool's. Where the host has a warm-up container it is run in each, up to its process running.
///
/// # Errors
/// A clone failed.
pub async fn bench_clone(host: &Host, n: usize) -> Result<Vec<Timings>, SandboxError> {
    let mut all = Vec::with_capacity(n);
    for _ in 0..n {
        let idle = host.clone_now().await?;
        let mut timings = idle.timings;
        let timed = async {
            match &host.shared.settings.warm_up {
                Some(warm) => {
                    let running = warm_up::start(&idle.life, &idle.client, warm).await?;
                    Ok((running.attach_ms, running.run_ms))
                }
                None => {
                    let start = Instant::now();
                    warm_up::personalize(&idle.client).await?;
                    Ok((ms(start), 0.0))
                }
            }
        };
        let timed: Result<_, SandboxError> = timed.await;
        idle.end().await;
        let (attach_ms, run_ms) = timed?;
        timings.attach_ms = attach_ms;
        timings.started_ms = timings.qemu_ms + timings.restore_ms + timings.agent_ms + attach_ms + run_ms;
        all.push(timings);
    }
    Ok(all)
}
