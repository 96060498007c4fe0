//! Templates: machines that booted to "agent ready", were warmed, and were saved to be cloned.
//!
//! ```text
//! <root>/templates/
//!   lock                 held by whoever builds
//!   <key>/               a finished template, made under another name and renamed
//!     memory             guest memory; clones map it privately and nobody writes to it any more
//!     state              device state
//!     manifest.json      what it is, and which numbers its agent has seen
//!     in-use             shared lock of each host that clones it
//!   build-<random>/      one in the making; anybody who holds `lock` may remove it
//! ```
//! Invariant: no machine ever runs on a finished template's memory file with sharing on.

mod build;
mod key;

pub(crate) use key::key;

use crate::agent_client::Numbers;
use crate::blueprint::Blueprint;
use crate::files::{self, Lock, Locking};
use crate::settings::{Progress, WarmUp};
use crate::{SandboxError, blocking, folder};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a template is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// See [`key`].
    pub(crate) key: String,
    /// `uname -r` in it.
    pub(crate) release: String,
    /// How long its guest took to boot.
    pub(crate) boot_ms: u64,
    /// Whether a container was run in it.
    pub(crate) warmed: bool,
    /// Numbers that its agent has not seen.
    pub(crate) numbers: Numbers,
}

/// A finished template, kept from removal while this lives.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    folder: PathBuf,
    manifest: Manifest,
    _in_use: Option<Arc<Lock>>,
}

impl Template {
    pub(crate) fn memory(&self) -> PathBuf {
        self.folder.join("memory")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    pub(crate) fn manifest(&self) -> &Manifest {
        &self.manifest
    }
}

/// The template of `blueprint`, built if there is none yet.
///
/// # Errors
/// It cannot be built, or its clones do not work.
pub(crate) async fn open(
    blueprint: &Blueprint,
    warm_up: Option<&WarmUp>,
    templates: &Path,
    progress: &Progress,
) -> Result<Template, SandboxError> {
    fs::create_dir_all(templates).map_err(SandboxError::storage("make the folder", templates))?;
    let warm_up_digest = warm_up.map(WarmUp::digest).transpose()?.unwrap_or_default();
    let key = key(blueprint, &warm_up_digest);
    let building = templates.join("lock");
    let _building = blocking(move || files::lock(&building, Locking::Alone)).await?;
    let template = match find(templates, &key)? {
        Some(template) => template,
        None => {
            sweep_builds(templates);
            progress.say("building the template");
            build::build(blueprint, warm_up, templates, &key).await?;
            let broken = || SandboxError::Template(format!("it is not in {}", templates.display()));
            find(templates, &key)?.ok_or_else(broken)?
        }
    };
    sweep_old(templates, &key);
    Ok(template)
}

/// A finished template, if it is there and whole.
fn find(templates: &Path, key: &str) -> Result<Option<Template>, SandboxError> {
    let folder = templates.join(key);
    let manifest = files::load::<Manifest>(&folder.join("manifest.json")).filter(|manifest| manifest.key == key);
    let whole = ["memory", "state"].iter().all(|file| fs::metadata(folder.join(file)).is_ok_and(|file| file.len() > 0));
    let Some(manifest) = manifest.filter(|_| whole) else {
        // Half a template is none; a build cannot be renamed over it.
        folder::remove(&folder);
        return Ok(None);
    };
    let in_use = files::lock(&folder.join("in-use"), Locking::Shared)?;
    Ok(Some(Template { folder, manifest, _in_use: in_use.map(Arc::new) }))
}

/// Removes what builds that were interrupted left. The caller holds the lock, so none is going on.
fn sweep_builds(templates: &Path) {
    for path in folders(templates) {
        if name(&path).starts_with("build-") {
            folder::remove(&path);
        }
    }
}

/// Removes other templates that no host uses. Clones that still map one keep its memory until they end.
fn sweep_old(templates: &Path, key: &str) {
    for path in folders(templates) {
        if name(&path) != key && matches!(files::lock(&path.join("in-use"), Locking::AloneNow), Ok(Some(_))) {
            tracing::info!(template = name(&path), "an old template is removed");
            folder::remove(&path);
        }
    }
}

fn folders(templates: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(templates).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
