//! The owner's part in a health check: has the agent check, takes in what it tells, and tells the events that dockerd does.

use super::Driver;
use crate::container::health::{self, Health, ProbeResult};
use crate::container::record::Record;
use crate::timestamp::Timestamp;
use std::sync::Arc;
use vch_sandbox::Probes;
use vch_sandbox::proto::{Probe, ProbeOutcome};

/// Exit code of a process that was killed.
const KILLED: i32 = 137;

/// A health check that the agent does.
pub(super) struct Watch {
    probes: Probes,
    /// The ID that the present probe's events carry, and its begin.
    probe: Option<(String, Timestamp)>,
}

/// What the present check tells next; never, while there is none.
pub(super) async fn news(watch: Option<&mut Watch>) -> Option<Probe> {
    match watch {
        Some(watch) => watch.probes.next().await,
        None => std::future::pending().await,
    }
}

impl Driver {
    /// Has the running container's health checked from now on, if it has a health check.
    pub(super) fn watch_health(&mut self) {
        self.health = None;
        let record = self.record();
        let Some(live) = self.live() else { return };
        let watched = health::check(&record).and_then(|check| {
            let Some(check) = check else { return Ok(None) };
            let probes = live.sandbox.check_health(&record.id, check);
            probes.map(Some).map_err(|error| crate::Error::chain("check the container's health", &error))
        });
        match watched {
            Ok(probes) => self.health = probes.map(|probes| Watch { probes, probe: None }),
            Err(error) => tracing::warn!(container = %record.id, %error, "the container's health is not checked"),
        }
    }

    /// Ends the check. A probe that is under way is killed.
    pub(super) fn unwatch_health(&mut self) {
        if let Some(Watch { probe: Some((id, _)), .. }) = self.health.take() {
            self.tell("exec_die", [("execID", id), ("exitCode", KILLED.to_string())]);
        }
    }

    pub(super) fn on_probe(&mut self, news: Option<Probe>) {
        match news {
            Some(Probe::Begun) => self.probe_begun(),
            Some(Probe::Ended { outcome, output, truncated }) => self.probe_ended(outcome, &output, truncated),
            // The machine has gone; its end is told otherwise.
            None => self.health = None,
        }
    }

    fn probe_begun(&mut self) {
        let record = self.record();
        let (Some(command), Ok(id)) = (health::command(&record.spec), self.engine.fresh_id()) else { return };
        let (program, arguments) = command.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
        let command = format!("{program} {}", arguments.join(" "));
        for action in ["exec_create", "exec_start"] {
            self.tell(&format!("{action}: {command}"), [("execID", id.clone())]);
        }
        if let Some(watch) = &mut self.health {
            watch.probe = Some((id, Timestamp::now()));
        }
    }

    fn probe_ended(&mut self, outcome: ProbeOutcome, output: &[u8], truncated: bool) {
        let record = self.record();
        // A guest that ends what it never began is not listened to.
        let Some((id, start)) = self.health.as_mut().and_then(|watch| watch.probe.take()) else { return };
        let Some(check) = &record.spec.healthcheck else { return };
        if let ProbeOutcome::Exited(status) | ProbeOutcome::TimedOut(status) = &outcome {
            self.tell("exec_die", [("execID", id), ("exitCode", status.code().to_string())]);
        }
        let (exit_code, output) = health::told(check, outcome, output, truncated);
        let result = ProbeResult { start, end: Timestamp::now(), exit_code, output };
        let mut record = Record::clone(&record);
        let started_at = record.state.started_at;
        let health = record.state.health.get_or_insert_with(|| Health::starting(None));
        let check = record.spec.healthcheck.clone().unwrap_or_default();
        let changed = health.note(&check, started_at, result);
        // As dockerd: published, and on disk with the next change of state.
        self.published.send_modify(|now| now.record = Arc::new(record));
        if let Some(status) = changed {
            self.tell(&format!("health_status: {}", status.word()), []);
        }
    }
}
