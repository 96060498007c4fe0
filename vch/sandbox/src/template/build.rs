//! Makes a template: boot, warm up, save, try one clone, publish.

use super::{Manifest, Template};
use crate::blueprint::Blueprint;
use crate::boot::{self, Booted};
use crate::clone;
use crate::folder::{self, random};
use crate::settings::WarmUp;
use crate::{SandboxError, files, warm_up};
use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;
use vch_hypervisor::Accel;

/// How long the guest gets to notice that the host has hung up, before it is saved. Nothing tells the host that it has:
/// the clone that is tried before a template is published shows whether it was enough.
const SETTLE: [Duration; 2] = [Duration::from_millis(300), Duration::from_secs(2)];

/// Builds and publishes; the caller holds the lock. A warm-up that fails is left out, with a warning: slower starts are
/// better than none.
pub(super) async fn build(
    blueprint: &Blueprint,
    warm_up: Option<&WarmUp>,
    templates: &Path,
    key: &str,
) -> Result<(), SandboxError> {
    let mut attempts = SETTLE.iter().map(|settle| (warm_up, *settle)).collect::<Vec<_>>();
    if warm_up.is_some() {
        attempts.push((None, SETTLE[1]));
    }
    let mut last = None;
    for (warm_up, settle) in attempts {
        let folder = templates.join(format!("build-{}", hex::encode(random::<4>()?)));
        fs::create_dir(&folder).map_err(SandboxError::storage("make the folder", &folder))?;
        match make(blueprint, warm_up, &folder, key, settle).await {
            Ok(()) => {
                let finished = templates.join(key);
                return fs::rename(&folder, &finished).map_err(SandboxError::storage("rename", &finished));
            }
            Err(error) => {
                folder::remove(&folder);
                tracing::warn!(error = crate::error::told(&error), "a template could not be made");
                // A guest that does not boot will not boot with more patience.
                if matches!(error, SandboxError::Boot(_)) {
                    return Err(error);
                }
                last = Some(error);
            }
        }
    }
    Err(last.unwrap_or(SandboxError::MachineGone))
}

async fn make(
    blueprint: &Blueprint,
    warm_up: Option<&WarmUp>,
    folder: &Path,
    key: &str,
    settle: Duration,
) -> Result<(), SandboxError> {
    let limit = Duration::from_secs(if blueprint.accel == Accel::Tcg { 120 } else { 60 });
    let booted = boot::boot(blueprint, Some(folder.join("memory")), limit).await?;
    let release = booted.hello.kernel.clone();
    let boot_ms = u64::try_from(booted.took.as_millis()).unwrap_or(u64::MAX);
    let Booted { life, client, .. } = booted;
    let saved = async {
        if let Some(warm_up) = warm_up {
            warm_up::run(&life, &client, warm_up).await?;
        }
        let numbers = client.numbers();
        client.hang_up().await;
        tokio::time::sleep(settle).await;
        let state = folder.join("state");
        let state = File::create(&state).map_err(SandboxError::storage("make", &state))?;
        life.machine().pause().await.map_err(SandboxError::hypervisor("stop the template"))?;
        life.machine().save(state).await.map_err(SandboxError::hypervisor("save the template"))?;
        Ok(numbers)
    };
    let saved: Result<_, SandboxError> = saved.await;
    life.end().await;
    let manifest = Manifest { key: key.to_owned(), release, boot_ms, warmed: warm_up.is_some(), numbers: saved? };
    let template = Template { folder: folder.to_path_buf(), manifest, _in_use: None };
    try_clone(blueprint, warm_up, &template).await?;
    files::store(&folder.join("manifest.json"), template.manifest())
}

/// One clone goes the whole way before anybody depends on the template.
async fn try_clone(blueprint: &Blueprint, warm_up: Option<&WarmUp>, template: &Template) -> Result<(), SandboxError> {
    let idle = clone::clone(blueprint, template).await?;
    let tried = async {
        match warm_up {
            Some(warm_up) => warm_up::run(&idle.life, &idle.client, warm_up).await,
            None => warm_up::personalize(&idle.client).await,
        }
    };
    let tried = tried.await;
    idle.end().await;
    tried
}
