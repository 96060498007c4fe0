//! Health checks: what the owner makes of what an agent tells. The agent's part is tested on real machines.

use super::Bench;
use crate::container::health::HealthStatus;
use crate::container::spec::{ContainerSpec, Healthcheck};
use crate::container::state::State;
use crate::filters::Filters;
use crate::requests::{ListContainers, Stop, WatchEvents};
use futures_util::StreamExt;
use vch_sandbox::fake::Guest;
use vch_sandbox::proto::{ExitStatus, Probe, ProbeOutcome, Request};

fn checked(spec: &mut ContainerSpec) {
    let test = vec!["CMD-SHELL".into(), "look".into()];
    spec.healthcheck = Some(Healthcheck { test, retries: 1, ..Default::default() });
}

async fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        if let Some(value) = found() {
            return value;
        }
        assert!(tokio::time::Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
}

impl Bench {
    fn state(&self, id: &str) -> State {
        self.engine.find(id).unwrap().record().state.clone()
    }

    fn health(&self, id: &str) -> Option<HealthStatus> {
        self.state(id).health.map(|health| health.status)
    }

    fn guest_of(&self, id: &str) -> Guest {
        let live = self.engine.find(id).unwrap().now().live.unwrap();
        self.guests.of(&live.sandbox.machine()).unwrap()
    }

    /// A whole probe, once the guest has been asked for a check.
    async fn probe(&self, id: &str, code: u8) {
        let guest = self.guest_of(id);
        let before = self.state(id).health.unwrap().log;
        until("the guest was asked", || guest.probe(Probe::Begun).then_some(())).await;
        let outcome = ProbeOutcome::Exited(ExitStatus::Code(code));
        assert!(guest.probe(Probe::Ended { outcome, output: b"seen".to_vec(), truncated: false }));
        until("the probe is known", || (self.state(id).health.unwrap().log != before).then_some(())).await;
    }
}

async fn listed(bench: &Bench, health: &str) -> Vec<String> {
    let filters = Filters([("health".to_owned(), [health.to_owned()].into())].into());
    let list = bench.engine.list(ListContainers { filters, ..Default::default() }).await.unwrap();
    list.into_iter().map(|summary| summary.status).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_change_state_list_and_filter() {
    let bench = Bench::new().await;
    let id = bench.create("web", &["sleep", "600"], checked).await;
    assert_eq!(bench.state(&id).health, None, "there is none before the start");
    bench.engine.start(&id).await.unwrap();
    assert_eq!(bench.health(&id), Some(HealthStatus::Starting));
    assert!(listed(&bench, "starting").await[0].ends_with("(health: starting)"));
    bench.probe(&id, 0).await;
    assert_eq!(bench.health(&id), Some(HealthStatus::Healthy));
    assert!(listed(&bench, "healthy").await[0].ends_with("(healthy)"));
    bench.probe(&id, 1).await;
    let health = bench.state(&id).health.unwrap();
    assert_eq!((health.status, health.failing_streak), (HealthStatus::Unhealthy, 1));
    assert_eq!((health.log[1].exit_code, health.log[1].output.as_str()), (1, "seen"));
    assert!(listed(&bench, "healthy").await.is_empty() && listed(&bench, "none").await.is_empty());
    let id = bench.run("plain", &["sleep", "600"], |_| {}).await;
    assert_eq!(bench.state(&id).health, None);
    assert_eq!(listed(&bench, "none").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_checked_while_paused_or_ended() {
    let bench = Bench::new().await;
    let id = bench.run("web", &["sleep", "600"], checked).await;
    bench.probe(&id, 0).await;
    let guest = bench.guest_of(&id);
    bench.engine.pause(&id).await.unwrap();
    assert_eq!(bench.health(&id), Some(HealthStatus::Unhealthy));
    bench.engine.unpause(&id).await.unwrap();
    assert_eq!(bench.health(&id), Some(HealthStatus::Unhealthy));
    let ended = || guest.requests().iter().any(|r| matches!(r, Request::EndHealth { .. })).then_some(());
    until("the check has ended", ended).await;
    bench.probe(&id, 0).await;
    assert_eq!(bench.health(&id), Some(HealthStatus::Healthy));
    bench.engine.stop(&id, Stop::default()).await.unwrap();
    assert_eq!(bench.health(&id), Some(HealthStatus::Unhealthy));
    bench.engine.start(&id).await.unwrap();
    let health = bench.state(&id).health.unwrap();
    assert_eq!((health.status, health.log.len()), (HealthStatus::Starting, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_died_leaves_no_health_behind() {
    let bench = Bench::new().await;
    let id = bench.run("web", &["sleep", "600"], checked).await;
    bench.probe(&id, 0).await;
    let bench = bench.die_and_open_again().await;
    assert_ne!(bench.health(&id), Some(HealthStatus::Healthy));
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_dockers_and_what_was_never_begun_is_not_told() {
    let bench = Bench::new().await;
    let id = bench.run("web", &["sleep", "600"], checked).await;
    let guest = bench.guest_of(&id);
    let outcome = || ProbeOutcome::Exited(ExitStatus::Code(0));
    let forged = Probe::Ended { outcome: outcome(), output: vec![b'x'; 100_000], truncated: false };
    until("the guest was asked", || guest.probe(forged.clone()).then_some(())).await;
    bench.probe(&id, 1).await;
    bench.probe(&id, 0).await;
    bench.probe(&id, 0).await;
    let watch = WatchEvents {
        since: Some(crate::timestamp::Timestamp(1)),
        until: Some(crate::timestamp::Timestamp::now()),
        ..Default::default()
    };
    let events: Vec<_> = bench.engine.events(watch).unwrap().collect().await;
    let of = |prefix: &str| events.iter().filter(|e| e.action.starts_with(prefix)).collect::<Vec<_>>();
    assert_eq!(of("exec_create: /bin/sh -c look").len(), 3);
    assert_eq!(of("exec_start: /bin/sh -c look").len(), 3);
    let codes: Vec<_> = of("exec_die").iter().map(|e| e.attributes["exitCode"].clone()).collect();
    assert_eq!(codes, ["1", "0", "0"]);
    let words: Vec<_> = of("health_status").iter().map(|e| e.action.clone()).collect();
    assert_eq!(words, ["health_status: unhealthy", "health_status: healthy"]);
}
