//! The owner's verbs beside start: signals, removal, the daemon's own end.

use super::Driver;
use crate::container::state::Status;
use crate::error::{Error, Result};
use crate::supervisor;
use vch_sandbox::SandboxError;
use vch_sandbox::proto::FailureClass;

impl Driver {
    pub(super) async fn on_signal(&mut self, signal: i32, by_user: bool) -> Result<()> {
        let record = self.record();
        if by_user && !record.state.manually_stopped {
            self.change(|record| record.state.manually_stopped = true).await?;
        }
        if self.restart.cancel() {
            self.note(|record| record.state.status = Status::Exited, |_| {}).await;
            return Ok(());
        }
        let Some(live) = self.live() else {
            return Err(Error::conflict(format!("container {} is not running", record.id)));
        };
        if record.state.status == Status::Paused && !self.wake(&record, &live, signal).await? {
            return Ok(());
        }
        match live.process.signal(signal).await {
            Ok(()) => Ok(()),
            // It has ended by itself.
            Err(SandboxError::Failure(failure)) if failure.class == FailureClass::NotFound => Ok(()),
            Err(_) if signal == supervisor::SIGKILL => {
                // An agent that cannot kill is no reason to let the container live.
                live.sandbox.end().await;
                Ok(())
            }
            Err(error) => Err(Error::chain("send the signal", &error)),
        }
    }

    pub(super) async fn on_remove(&mut self, force: bool) -> Result<()> {
        let record = self.record();
        if record.state.status.is_running() {
            if !force {
                let how = match record.state.status {
                    Status::Paused => "container is paused and must be unpaused first",
                    _ => "container is running: stop the container before removing or force remove",
                };
                return Err(Error::conflict(format!("cannot remove container \"/{}\": {how}", record.name)));
            }
            self.kill_for_removal().await;
        }
        self.remove().await;
        match &self.published.borrow().removal {
            Some(Err(reason)) => Err(Error::system(reason.clone())),
            _ => Ok(()),
        }
    }

    /// Ends what runs, without a word to its restart policy.
    async fn kill_for_removal(&mut self) {
        let record = self.record();
        self.restart.cancel();
        let noted = self.change(|record| record.state.manually_stopped = true).await;
        if let Err(error) = noted {
            tracing::warn!(container = %self.container.id, %error, "the removal goes on all the same");
        }
        self.tell("kill", [("signal", "9".into())]);
        if let Some(live) = self.live() {
            // One that stands still would not hear of it.
            let wakes = record.state.status != Status::Paused || live.tenant.resume().await.is_ok();
            let killed =
                if wakes { live.process.signal(supervisor::SIGKILL).await } else { Err(SandboxError::MachineGone) };
            match killed {
                Ok(()) => {}
                Err(SandboxError::Failure(failure)) if failure.class == FailureClass::NotFound => {}
                _ => live.sandbox.end().await,
            }
            self.on_exit(live.process.wait().await).await;
        }
    }

    pub(super) async fn on_shutdown(&mut self) -> Result<()> {
        self.restart.cancel();
        if let Some(live) = self.live() {
            live.sandbox.end().await;
            self.on_exit(live.process.wait().await).await;
        }
        Ok(())
    }
}
