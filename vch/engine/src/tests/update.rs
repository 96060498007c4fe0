//! update, and what the guest is told of it.

use super::Bench;
use crate::Kind;
use crate::container::spec::{Resources, RestartPolicy};
use crate::requests::Update;
use vch_sandbox::proto::{Limits, Request};

fn resources(resources: Resources) -> Update {
    Update { resources, restart: None }
}

/// All limits that guests were told to set for `id`, in order.
fn told(bench: &Bench, id: &str) -> Vec<Limits> {
    let requests = bench.guests.every().into_iter().flat_map(|guest| guest.requests());
    requests
        .filter_map(|request| match request {
            Request::Limit { container, limits } if container == id => Some(limits),
            _ => None,
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_containers_limits_change_at_once_and_for_later_starts() {
    let bench = Bench::new().await;
    let id = bench.run("web", &["sleep", "600"], |spec| spec.host.resources.pids_limit = Some(9)).await;
    let new = Resources { nano_cpus: 500_000_000, ..Default::default() };
    assert_eq!(bench.engine.update("web", resources(new)).await.unwrap(), Vec::<String>::new());
    let told = told(&bench, &id);
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].cpu_quota, told[0].cpu_period, told[0].pids), (Some(50_000), Some(100_000), Some(9)));
    let bench = bench.die_and_open_again().await;
    let view = bench.engine.inspect("web", false).await.unwrap();
    assert_eq!(view.spec.host.resources.nano_cpus, 500_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_machine_has_not_is_refused_and_changes_nothing() {
    let bench = Bench::new().await;
    let id = bench.run("web", &["sleep", "600"], |_| {}).await;
    let before = bench.engine.inspect("web", false).await.unwrap().spec;
    for (new, kind, words) in [
        (Resources { nano_cpus: 2_000_000_000, ..Default::default() }, Kind::InvalidParameter, "range of CPUs is from"),
        (Resources { memory: 64 << 20, ..Default::default() }, Kind::Conflict, "Cannot update container"),
    ] {
        let error = bench.engine.update("web", resources(new)).await.unwrap_err();
        assert_eq!(error.kind, kind);
        assert!(error.message.contains(words), "{}", error.message);
    }
    assert_eq!(bench.engine.inspect("web", false).await.unwrap().spec, before);
    assert!(told(&bench, &id).is_empty());
    assert_eq!(bench.engine.update("nosuch", Update::default()).await.unwrap_err().kind, Kind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_restart_policy_holds_at_the_next_end() {
    let bench = Bench::new().await;
    let id = bench.run("web", &["trap", "3"], |_| {}).await;
    let restart = Some(RestartPolicy { name: "on-failure".into(), maximum_retry_count: 1 });
    bench.engine.update("web", Update { restart, ..Default::default() }).await.unwrap();
    assert!(told(&bench, &id).is_empty(), "limits that stay are not set again");
    let first = bench.engine.inspect("web", false).await.unwrap().state.started_at;
    // Not by a verb of the engine's: that would be a user's, and rest the policy.
    let live = bench.engine.find(&id).unwrap().now().live.unwrap();
    live.process.signal(15).await.unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while bench.engine.inspect("web", false).await.unwrap().state.started_at <= first {
        assert!(std::time::Instant::now() < deadline, "it is not started again");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(bench.engine.inspect("web", false).await.unwrap().state.restart_count, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_containers_update_is_for_its_next_start() {
    let bench = Bench::new().await;
    let id = bench.create("web", &["sleep", "600"], |_| {}).await;
    bench.engine.update("web", resources(Resources { pids_limit: Some(5), ..Default::default() })).await.unwrap();
    bench.engine.start("web").await.unwrap();
    let runs = bench.guests.every().into_iter().flat_map(|guest| guest.requests());
    let limits: Vec<_> = runs
        .filter_map(|request| match request {
            Request::Run(container) if container.id == id => Some(container.limits.pids),
            _ => None,
        })
        .collect();
    assert_eq!(limits, [Some(5)]);
}
