//! What the program asks of the machine room without opening the engine: `vch doctor`, `vch guest build` and
//! `vch bench clone`. Where machines are run, the caller holds the data root's lock.

use crate::error::{Error, Result, causes};
use crate::settings::Settings;
use crate::{machine, scratch, warm_up};
use std::path::PathBuf;
use vch_sandbox::guest::{self, Sources};
use vch_sandbox::hypervisor::Accel;
use vch_sandbox::{Host, Progress};

/// Who runs the guests' instructions, found by booting one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accelerator {
    /// Software emulation, which QEMU does not call a security boundary.
    pub emulated: bool,
    /// The guests' CPU as QEMU's `-cpu` names it.
    pub cpu: String,
    /// A line for each accelerator and CPU model tried or passed over, the one that held last.
    pub trials: Vec<String>,
    /// Why machines have no network card; `None` where they have one.
    pub no_nic: Option<String>,
}

/// A guest that can be booted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    /// `uname -r` in it.
    pub release: String,
    /// Its kernel.
    pub kernel: PathBuf,
    /// Its initramfs.
    pub initrd: PathBuf,
}

/// Where the time of one clone went, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CloneTimes {
    /// QEMU's process launched, up to its first answer.
    pub qemu_ms: f64,
    /// Device state restored.
    pub restore_ms: f64,
    /// The agent's first answer.
    pub agent_ms: f64,
    /// Disks attached and the identity given.
    pub attach_ms: f64,
    /// From the beginning to a container's process running.
    pub started_ms: f64,
}

/// The version of the QEMU that would be used.
///
/// # Errors
/// There is none, or none that works.
pub async fn hypervisor_version(settings: &Settings) -> Result<String> {
    Ok(machine::hypervisor(settings).await?.version().to_owned())
}

/// The guest, if nothing would have to be fetched for it.
///
/// # Errors
/// There is one, but it cannot be used; or there is no agent.
pub async fn guest(settings: &Settings) -> Result<Option<Guest>> {
    let fetched = guest_folder(settings).join("kernel/current").exists();
    if settings.kernel.is_none() && !fetched {
        return Ok(None);
    }
    guest_build(settings, |_| {}).await.map(Some)
}

/// Makes the guest, or finds it made.
///
/// # Errors
/// What is missing and what to do about it.
pub async fn guest_build(settings: &Settings, progress: impl Fn(&str) + Send + Sync + 'static) -> Result<Guest> {
    let sources = Sources {
        kernel: settings.kernel.clone(),
        initrd: settings.initrd.clone(),
        agent: settings.agent.clone(),
        refresh: false,
    };
    let folder = guest_folder(settings);
    let made = tokio::task::spawn_blocking(move || guest::build(&folder, &sources, &progress)).await;
    let image = made.map_err(|e| Error::chain("prepare the guest", &e))?.map_err(|e| Error::system(causes(&e)))?;
    Ok(Guest { release: image.release, kernel: image.kernel, initrd: image.initrd })
}

/// Decides the accelerator by a trial, or finds it decided; `recheck` tries again. Guest and template are made where they
/// are missing, so this proves the whole way to a machine.
///
/// # Errors
/// No machine boots; the reasons are in the message.
pub async fn accelerator(
    settings: Settings,
    recheck: bool,
    progress: impl Fn(&str) + Send + Sync + 'static,
) -> Result<Accelerator> {
    let host = open(settings, recheck, progress).await?;
    let facts = host.facts();
    host.close().await;
    let emulated = facts.accel == Accel::Tcg;
    Ok(Accelerator { emulated, cpu: facts.cpu, trials: facts.ladder, no_nic: facts.no_nic })
}

/// Clones `count` machines, one after another, and runs a container's process in each.
///
/// # Errors
/// A clone failed.
pub async fn bench_clone(
    settings: Settings,
    count: usize,
    progress: impl Fn(&str) + Send + Sync + 'static,
) -> Result<Vec<CloneTimes>> {
    let host = open(settings, false, progress).await?;
    let timings = vch_sandbox::bench_clone(&host, count).await;
    host.close().await;
    let timings = timings.map_err(|e| Error::system(causes(&e)))?;
    let times = timings.into_iter().map(|t| CloneTimes {
        qemu_ms: t.qemu_ms,
        restore_ms: t.restore_ms,
        agent_ms: t.agent_ms,
        attach_ms: t.attach_ms,
        started_ms: t.started_ms,
    });
    Ok(times.collect())
}

/// A host as the engine opens it, so that the template is the engine's, but without a pool.
async fn open(settings: Settings, recheck: bool, progress: impl Fn(&str) + Send + Sync + 'static) -> Result<Host> {
    let settings = Settings { pool: 0, ..settings };
    let blank = scratch::blank(&settings.data_root, settings.scratch_size).await?;
    let warm_up = Some(warm_up::prepare(&settings.data_root, &blank).await?);
    let (hypervisor, progress) = (machine::hypervisor(&settings).await?, Progress::new(progress));
    let settings = machine::settings(&settings, warm_up);
    let host = match recheck {
        true => Host::open_rechecked(settings, hypervisor, progress).await,
        false => Host::open(settings, hypervisor, progress).await,
    };
    host.map_err(|e| Error::system(causes(&e)))
}

/// Where the sandbox room keeps the guest.
fn guest_folder(settings: &Settings) -> PathBuf {
    machine::settings(settings, None).root.join("guest")
}
