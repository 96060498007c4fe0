//! A machine and its folder: they come and go together.

use crate::SandboxError;
use crate::blueprint::Blueprint;
use crate::folder::{Folder, Fresh};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_util::task::TaskTracker;
use vch_hypervisor::{Machine, MachineSpec};

/// A launched machine. Ended when dropped, if it was not before.
pub(crate) struct Life {
    machine: Arc<dyn Machine>,
    folder: Folder,
    ended: AtomicBool,
    under_way: TaskTracker,
}

impl std::fmt::Debug for Life {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Life").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Life {
    /// Launches a machine; its folder is removed again if that fails or is given up.
    pub(crate) async fn launch(blueprint: &Blueprint, spec: MachineSpec, folder: Fresh) -> Result<Self, SandboxError> {
        let under_way = blueprint.under_way.clone();
        let machine = blueprint.hypervisor.launch(spec).await.map_err(SandboxError::hypervisor("start a machine"))?;
        Ok(Self { machine, folder: folder.launched(), ended: AtomicBool::new(false), under_way })
    }

    pub(crate) fn machine(&self) -> &Arc<dyn Machine> {
        &self.machine
    }

    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Whether the process still lives, as far as is known.
    pub(crate) fn is_alive(&self) -> bool {
        self.machine.exited().borrow().is_none()
    }

    /// Ends the machine and removes its folder; returns once both are done. Repeating it does no harm.
    pub(crate) async fn end(&self) {
        match self.machine.quit().await {
            Ok(()) => {
                self.ended.store(true, Ordering::Release);
                self.folder.remove();
            }
            // The folder stays: the next start finds the machine by it.
            Err(error) => {
                let error = crate::error::told(&error);
                tracing::error!(machine = self.folder.name(), error, "cannot end a machine");
            }
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        if *self.ended.get_mut() {
            return;
        }
        let (machine, folder, under_way) = (self.machine.clone(), self.folder.clone(), self.under_way.clone());
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => {
                let end = async move {
                    let gone = Self { machine, folder, ended: AtomicBool::new(false), under_way };
                    gone.end().await;
                    // Whatever came of it, it was tried once and told.
                    gone.ended.store(true, Ordering::Release);
                };
                self.under_way.spawn_on(end, &runtime);
            }
            Err(_) => {
                // The program ends: nothing can be waited for any more.
                let pid = machine.pid().and_then(|pid| rustix::process::Pid::from_raw(i32::try_from(pid).ok()?));
                if let Some(pid) = pid {
                    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
                }
                folder.remove();
            }
        }
    }
}
