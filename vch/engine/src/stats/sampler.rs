//! One task that looks at a container each second, whoever watches.

use super::Sample;
use crate::container::state::Status;
use crate::container::{Container, Published};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

/// Time between two looks (moby: `statsCollector` interval).
const INTERVAL: Duration = Duration::from_secs(1);

/// Samples that a watcher may be behind; one further behind misses some.
const BEHIND: usize = 8;

/// A look: none while the container does not run.
pub(crate) type Look = Option<Arc<Sample>>;

/// The watchers of one container.
#[derive(Debug, Default)]
pub(crate) struct Sampler {
    watchers: Mutex<Option<broadcast::Sender<Look>>>,
}

impl Sampler {
    fn watchers(&self) -> MutexGuard<'_, Option<broadcast::Sender<Look>>> {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches `container`, whose sampler this is; ends with the container, or when `closed` is cancelled.
    pub(crate) fn watch(&self, container: &Arc<Container>, closed: &CancellationToken) -> broadcast::Receiver<Look> {
        let mut watchers = self.watchers();
        if let Some(sender) = watchers.as_ref() {
            return sender.subscribe();
        }
        let (sender, receiver) = broadcast::channel(BEHIND);
        *watchers = Some(sender);
        tokio::spawn(run(Arc::clone(container), closed.clone()));
        receiver
    }

    /// Hands a look to all watchers; `false` once there are none, and then nobody samples any more.
    fn publish(&self, look: &Look) -> bool {
        let mut watchers = self.watchers();
        let sent = watchers.as_ref().is_some_and(|sender| sender.send(look.clone()).is_ok());
        if !sent {
            *watchers = None;
        }
        sent
    }

    /// Ends every watcher's stream.
    fn end(&self) {
        *self.watchers() = None;
    }
}

async fn run(container: Arc<Container>, closed: CancellationToken) {
    let mut clock = tokio::time::interval(INTERVAL);
    // Two looks closer together than asked for would give odd shares of the CPU.
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut watch = container.watch();
    loop {
        tokio::select! {
            _ = clock.tick() => {}
            _ = watch.wait_for(|now| now.removal.is_some()) => return container.stats.end(),
            () = closed.cancelled() => return container.stats.end(),
        }
        let look = look(&container).await;
        if !container.stats.publish(&look) {
            return;
        }
    }
}

/// Looks at a container now.
pub(crate) async fn look(container: &Container) -> Look {
    let Published { record, live, .. } = container.now();
    let live = live.filter(|_| matches!(record.state.status, Status::Running | Status::Paused))?;
    match live.usage(&container.id).await {
        Ok(usage) => Some(Arc::new(Sample::of(&usage))),
        Err(error) => {
            tracing::debug!(container = %container.id, %error, "what the container uses cannot be read");
            None
        }
    }
}
