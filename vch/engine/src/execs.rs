//! Execs: what was made with `exec create`, whether it runs, how it ended. They live in memory and go with their
//! container's run, as in dockerd.

use crate::container::view::{ExecSpec, ExecView};
use crate::error::{Error, Result};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use vch_sandbox::ProcessHandle;

/// Where an exec stands.
#[derive(Debug, Clone)]
pub(crate) enum Stage {
    /// Made.
    Created,
    /// Being started.
    Starting,
    /// Its process runs.
    Running(ProcessHandle),
    /// It ended.
    Ended {
        /// Exit code.
        code: i32,
        /// Process ID that it had in the machine.
        pid: u32,
    },
}

/// One exec.
#[derive(Debug)]
pub(crate) struct Exec {
    /// 64 hex digits.
    pub(crate) id: String,
    /// Its container's ID.
    pub(crate) container: String,
    /// What was asked for.
    pub(crate) spec: ExecSpec,
    stage: Mutex<Stage>,
}

impl Exec {
    fn lock(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where it stands.
    pub(crate) fn stage(&self) -> Stage {
        self.lock().clone()
    }

    /// Moves it on.
    pub(crate) fn set(&self, stage: Stage) {
        *self.lock() = stage;
    }

    /// Takes the one start that an exec has.
    ///
    /// # Errors
    /// Docker's words for one that has been started.
    pub(crate) fn begin(&self) -> Result<()> {
        let mut stage = self.lock();
        match *stage {
            Stage::Created => {
                *stage = Stage::Starting;
                Ok(())
            }
            Stage::Starting | Stage::Running(_) => {
                Err(Error::conflict(format!("exec command {} is already running", self.id)))
            }
            Stage::Ended { .. } => Err(Error::conflict(format!("exec command {} has already run", self.id))),
        }
    }

    /// As it is shown.
    pub(crate) fn view(&self) -> ExecView {
        let (running, exit_code, pid) = match self.stage() {
            Stage::Created => (false, None, 0),
            Stage::Starting => (true, None, 0),
            Stage::Running(handle) => (true, None, handle.guest_pid()),
            Stage::Ended { code, pid } => (false, Some(code), pid),
        };
        let (id, container, spec) = (self.id.clone(), self.container.clone(), self.spec.clone());
        ExecView { id, container, spec, running, exit_code, pid }
    }
}

/// All execs.
#[derive(Default)]
pub(crate) struct Execs {
    by_id: Mutex<HashMap<String, Arc<Exec>>>,
}

impl Execs {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Exec>>> {
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds one.
    pub(crate) fn add(&self, id: String, container: String, spec: ExecSpec) {
        let exec = Exec { id: id.clone(), container, spec, stage: Mutex::new(Stage::Created) };
        self.lock().insert(id, Arc::new(exec));
    }

    /// The exec of this ID.
    ///
    /// # Errors
    /// Docker's words for none.
    pub(crate) fn find(&self, id: &str) -> Result<Arc<Exec>> {
        self.lock().get(id).cloned().ok_or_else(|| Error::not_found(format!("No such exec instance: {id}")))
    }

    /// IDs of a container's execs that have not ended.
    pub(crate) fn of_container(&self, container: &str) -> Vec<String> {
        let alive = |exec: &&Arc<Exec>| exec.container == container && !matches!(exec.stage(), Stage::Ended { .. });
        self.lock().values().filter(alive).map(|exec| exec.id.clone()).collect()
    }

    /// Forgets one.
    pub(crate) fn forget(&self, id: &str) {
        self.lock().remove(id);
    }

    /// A container's run has ended: its execs go.
    pub(crate) fn container_ended(&self, container: &str) {
        self.lock().retain(|_, exec| exec.container != container);
    }
}
