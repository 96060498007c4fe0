//! A machine and its folder: they come and go together.

use crate::SandboxError;
use crate::folder::Folder;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use vch_hypervisor::{Hypervisor, Machine, MachineSpec};

/// A launched machine. Ended when dropped, if it was not before.
pub(crate) struct Life {
    machine: Arc<dyn Machine>,
    folder: Folder,
    ended: AtomicBool,
}

impl std::fmt::Debug for Life {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Life").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Life {
    /// Launches a machine; its folder is removed again if that fails.
    pub(crate) async fn launch(
        hypervisor: &dyn Hypervisor,
        spec: MachineSpec,
        folder: Folder,
    ) -> Result<Self, SandboxError> {
        match hypervisor.launch(spec).await {
            Ok(machine) => Ok(Self { machine, folder, ended: AtomicBool::new(false) }),
            Err(error) => {
                folder.remove();
                Err(SandboxError::hypervisor("start a machine")(error))
            }
        }
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
        let (machine, folder) = (self.machine.clone(), Folder::clone(&self.folder));
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => {
                runtime.spawn(async move {
                    let gone = Self { machine, folder, ended: AtomicBool::new(false) };
                    gone.end().await;
                    // Whatever came of it, it was tried once and told.
                    gone.ended.store(true, Ordering::Release);
                });
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
