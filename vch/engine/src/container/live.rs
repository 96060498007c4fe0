//! A run of a container: its microVM, its first process, and the tasks that move its bytes.
//!
//! Pausing has two halves: the container's processes are frozen in the guest, then the machine stands still. So the
//! machine of a paused container can be woken for work on its files, which dockerd allows, while the container sees
//! nothing of it.

use std::sync::Arc;
use tokio::sync::{Mutex, Notify};
use vch_sandbox::{ProcessHandle, Sandbox, SandboxError};

/// What others may use of a run: exec, resize and signals go here without waiting for the owner.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    /// The microVM.
    pub(crate) sandbox: Sandbox,
    /// The first process.
    pub(crate) process: ProcessHandle,
    /// Told when clients that hold up the output are to be cut off.
    pub(crate) cut_off: Arc<Notify>,
    motion: Arc<Mutex<Motion>>,
}

/// Whether the machine stands still: when it is paused, and nobody works on its files.
#[derive(Debug, Default)]
struct Motion {
    paused: bool,
    works: usize,
}

impl Live {
    /// A run that has begun.
    pub(crate) fn new(sandbox: Sandbox, process: ProcessHandle, cut_off: Arc<Notify>) -> Self {
        Self { sandbox, process, cut_off, motion: Arc::default() }
    }

    /// Freezes the container's processes, and has its machine stand still.
    ///
    /// # Errors
    /// A process cannot be frozen, or the machine is gone; the container runs on then.
    pub(crate) async fn pause(&self) -> Result<(), SandboxError> {
        let mut motion = self.motion.lock().await;
        self.sandbox.freeze(self.sandbox.id(), true).await?;
        if motion.works == 0
            && let Err(error) = self.sandbox.pause().await
        {
            let _ = self.sandbox.freeze(self.sandbox.id(), false).await;
            return Err(error);
        }
        motion.paused = true;
        Ok(())
    }

    /// Undoes [`Live::pause`].
    ///
    /// # Errors
    /// The machine is gone.
    pub(crate) async fn resume(&self) -> Result<(), SandboxError> {
        let mut motion = self.motion.lock().await;
        if motion.paused && motion.works == 0 {
            self.sandbox.resume().await?;
        }
        motion.paused = false;
        self.sandbox.freeze(self.sandbox.id(), false).await
    }

    /// Sees to it that the machine runs, until [`Live::end_work`].
    ///
    /// # Errors
    /// The machine is gone.
    pub(crate) async fn begin_work(&self) -> Result<(), SandboxError> {
        let mut motion = self.motion.lock().await;
        if motion.paused && motion.works == 0 {
            self.sandbox.resume().await?;
        }
        motion.works += 1;
        Ok(())
    }

    /// The machine of a paused container may stand still again.
    pub(crate) async fn end_work(&self) {
        let mut motion = self.motion.lock().await;
        motion.works = motion.works.saturating_sub(1);
        if motion.paused
            && motion.works == 0
            && let Err(error) = self.sandbox.pause().await
        {
            tracing::debug!(sandbox = self.sandbox.id(), %error, "the machine of a paused container does not stand still");
        }
    }
}
