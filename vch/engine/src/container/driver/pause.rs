//! The owner's verbs `pause` and `unpause`, and signals to a container that stands still.

use super::Driver;
use crate::container::health::Health;
use crate::container::live::Live;
use crate::container::record::Record;
use crate::container::state::Status;
use crate::error::{Error, Result};
use crate::supervisor;
use crate::verbs::parse_signal;

impl Driver {
    pub(super) async fn on_pause(&mut self) -> Result<()> {
        let record = self.record();
        match (self.live(), record.state.status) {
            (_, Status::Restarting) => Err(Error::restarting(&record.id)),
            (Some(_), Status::Paused) => Err(Error::conflict(format!("container {} is already paused", record.id))),
            (Some(live), _) => {
                self.unwatch_health();
                if let Err(error) = live.tenant.pause().await {
                    self.watch_health();
                    return Err(error);
                }
                let paused = |record: &mut Record| {
                    record.state.status = Status::Paused;
                    record.state.health.iter_mut().for_each(Health::stopped);
                };
                self.change(paused).await?;
                self.tell("pause", []);
                Ok(())
            }
            (None, _) => Err(Error::conflict(format!("container {} is not running", record.id))),
        }
    }

    pub(super) async fn on_unpause(&mut self) -> Result<()> {
        let record = self.record();
        match self.live() {
            Some(live) if record.state.status == Status::Paused => {
                self.go_on(&live).await?;
                self.tell("unpause", []);
                Ok(())
            }
            // dockerd does not class this failure, hence its 500.
            _ => Err(Error::system(format!("Container {} is not paused", record.id))),
        }
    }

    async fn go_on(&mut self, live: &Live) -> Result<()> {
        live.tenant.resume().await?;
        self.change(|record| record.state.status = Status::Running).await?;
        self.watch_health();
        Ok(())
    }

    /// Lets a paused container go on for a signal that is to end it, as moby's `killWithSignal`: SIGKILL, the stop signal,
    /// and any where none is set. Other signals wait in the frozen process for the end of the pause; `false` then.
    pub(super) async fn wake(&mut self, record: &Record, live: &Live, signal: i32) -> Result<bool> {
        let stop = record.spec.stop_signal.as_deref().filter(|name| !name.is_empty());
        if signal != supervisor::SIGKILL && stop.is_some_and(|name| parse_signal(name) != Ok(signal)) {
            let process = live.process.clone();
            let sent = live.awake(move |_| async move { process.signal(signal).await }).await;
            return sent.map(|()| false).map_err(|e| Error::chain("send the signal", &e));
        }
        self.go_on(live).await?;
        if signal != supervisor::SIGKILL {
            self.tell("unpause", []);
        }
        Ok(true)
    }
}
