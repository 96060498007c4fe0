//! Restart policies with Docker's back-off (moby `restartmanager/restartmanager.go`): 100 ms, doubled with each restart up
//! to a minute, back to 100 ms after a run of ten seconds.

use crate::container::record::Record;
use std::time::Duration;
use tokio::time::Instant;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(60);
const SETTLED: Duration = Duration::from_secs(10);

/// A container's restart clock.
#[derive(Debug, Default)]
pub(crate) struct Restart {
    delay: Duration,
    at: Option<Instant>,
}

impl Restart {
    /// How long to wait before the next start, after a run of `ran` that ended with `code`; none for no restart.
    pub(crate) fn after(&mut self, record: &Record, code: i32, ran: Duration) -> Option<Duration> {
        let policy = &record.spec.host.restart;
        let again = match policy.name.as_str() {
            "always" | "unless-stopped" => true,
            "on-failure" => {
                let most = policy.maximum_retry_count;
                code != 0 && (most == 0 || i64::from(record.state.restart_count) < most)
            }
            _ => false,
        };
        if !again || record.state.manually_stopped {
            return None;
        }
        self.delay = if self.delay.is_zero() || ran >= SETTLED { FIRST } else { (self.delay * 2).min(LONGEST) };
        Some(self.delay)
    }

    /// Sets the clock.
    pub(crate) fn set(&mut self, delay: Duration) {
        self.at = Some(Instant::now() + delay);
    }

    /// Stops the clock. Whether it ran.
    pub(crate) fn cancel(&mut self) -> bool {
        self.at.take().is_some()
    }

    /// Ends when the clock does; never, while it does not run.
    pub(crate) async fn due(&self) {
        match self.at {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::spec::{ContainerSpec, RestartPolicy};

    fn record(name: &str, most: i64) -> Record {
        let mut spec = ContainerSpec::default();
        spec.host.restart = RestartPolicy { name: name.into(), maximum_retry_count: most };
        Record::new("id".into(), "name".into(), "image".into(), "linux/amd64".into(), spec)
    }

    #[test]
    fn the_wait_doubles_up_to_a_minute_and_starts_over_after_a_long_run() {
        let record = record("always", 0);
        let mut restart = Restart::default();
        let mut waits =
            (0..12).map(|_| restart.after(&record, 0, Duration::ZERO).unwrap().as_millis()).collect::<Vec<_>>();
        assert_eq!(waits.drain(..4).collect::<Vec<_>>(), [100, 200, 400, 800]);
        assert_eq!(waits.last(), Some(&60_000));
        assert_eq!(restart.after(&record, 0, SETTLED).unwrap(), FIRST);
    }

    #[test]
    fn on_failure_counts_and_forgives_success() {
        let mut record = record("on-failure", 2);
        let mut restart = Restart::default();
        assert!(restart.after(&record, 0, Duration::ZERO).is_none());
        assert!(restart.after(&record, 1, Duration::ZERO).is_some());
        record.state.restart_count = 2;
        assert!(restart.after(&record, 1, Duration::ZERO).is_none());
    }

    #[test]
    fn a_users_stop_rests_the_policy() {
        let mut record = record("always", 0);
        record.state.manually_stopped = true;
        assert!(Restart::default().after(&record, 0, Duration::ZERO).is_none());
    }
}
