//! `stop`: the stop signal, time to obey, then SIGKILL.

use super::kill::{ended, parse_signal};
use crate::container::Verb;
use crate::engine::Engine;
use crate::error::{Error, Kind, Result};
use crate::requests::Stop;
use crate::supervisor::SIGKILL;
use std::time::Duration;

/// Seconds that a container has to obey, where nobody said otherwise (moby `container.StopTimeout`).
const DEFAULT_TIMEOUT: i64 = 10;

/// How long a stop signal other than the container's own may take before SIGKILL follows all the same: moby waits two
/// seconds where the signal could not be sent.
const AFTER_KILL: Duration = Duration::from_secs(60);

impl Engine {
    /// Stops a container.
    ///
    /// # Errors
    /// `NotModified` if it does not run; a signal that does not exist.
    pub async fn stop(&self, name: &str, options: Stop) -> Result<()> {
        let container = self.find(name)?;
        let watch = container.watch();
        let before = watch.borrow().clone();
        if !before.record.state.status.is_running() {
            return Err(Error::not_modified("container already stopped"));
        }
        let spec = &before.record.spec;
        let asked = options.signal.as_deref().filter(|s| !s.is_empty()).or(spec.stop_signal.as_deref());
        let signal = asked.filter(|s| !s.is_empty()).map_or(Ok(15), parse_signal)?;
        let seconds = options.timeout.or(spec.stop_timeout).unwrap_or(DEFAULT_TIMEOUT);
        // Negative: wait without end.
        let limit = u64::try_from(seconds).ok().map(Duration::from_secs);
        let told = |signal: i32| self.tell_container(&before.record, "kill", [("signal", signal.to_string())]);
        let gone = |outcome: Result<()>| match outcome {
            Err(Error { kind: Kind::Conflict | Kind::NotFound, .. }) => Ok(()),
            outcome => outcome,
        };
        let had_machine = before.live.is_some();
        gone(container.ask(Verb::Signal { signal, by_user: true }).await)?;
        told(signal);
        if had_machine && !ended(&container, before.ends, limit).await {
            gone(container.ask(Verb::Signal { signal: SIGKILL, by_user: true }).await)?;
            told(SIGKILL);
            if !ended(&container, before.ends, Some(AFTER_KILL)).await {
                return Err(Error::system(format!(
                    "tried to kill container {name}, but did not receive an exit event"
                )));
            }
        }
        self.tell_container(&container.record(), "stop", []);
        Ok(())
    }
}
