//! What an earlier program of ours left under `run`: machines that still live are ended, folders of dead ones removed.

use crate::folder;
use std::path::Path;
use vch_hypervisor::Hypervisor;

/// Clears `run`. The caller holds its lock, so nobody's machines are in there.
pub(crate) async fn remove(hypervisor: &dyn Hypervisor, run: &Path) {
    let entries = std::fs::read_dir(run).into_iter().flatten().flatten().map(|entry| entry.path());
    for path in entries.filter(|path| path.is_dir()) {
        match hypervisor.adopt(&path).await {
            Ok(machine) => {
                tracing::warn!(folder = %path.display(), pid = machine.pid(), "a machine of an earlier run is ended");
                if let Err(error) = machine.quit().await {
                    tracing::error!(error = crate::error::told(&error), "it cannot be ended");
                    continue;
                }
            }
            Err(error) => {
                let reason = crate::error::told(&error);
                tracing::info!(folder = %path.display(), reason, "a folder of an earlier run is removed");
            }
        }
        folder::remove(&path);
    }
}
