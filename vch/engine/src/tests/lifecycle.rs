//! create, start, stop, kill, wait, remove.

use super::{Bench, spec};
use crate::Kind;
use crate::container::state::Status;
use crate::requests::{Create, ListContainers, Remove, Stop, WaitCondition};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_container_runs_and_leaves_nothing_when_it_is_removed() {
    let bench = Bench::new().await;
    let id = bench.run("web", &["exit", "7"], |_| {}).await;
    assert_eq!(bench.wait("web").await, 7);
    let view = bench.engine.inspect("web", false).await.unwrap();
    assert_eq!((view.state.status, view.state.exit_code), (Status::Exited, 7));
    assert_eq!(view.id, id);
    bench.engine.remove(&id[..12], Remove::default()).await.unwrap();
    bench.assert_nothing_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn auto_remove_gives_the_exit_code_to_those_who_wait_for_the_removal() {
    let bench = Bench::new().await;
    let id = bench.create("once", &["exit", "3"], |spec| spec.host.auto_remove = true).await;
    let removed = bench.engine.wait(&id, WaitCondition::Removed).await.unwrap();
    let exited = bench.engine.wait(&id, WaitCondition::NextExit).await.unwrap();
    bench.engine.start(&id).await.unwrap();
    assert_eq!(exited.await.code, 3);
    assert_eq!(removed.await.code, 3);
    bench.assert_nothing_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_as_asked_is_not_modified() {
    let bench = Bench::new().await;
    let id = bench.run("web", &["sleep", "600"], |_| {}).await;
    assert_eq!(bench.engine.start(&id).await.unwrap_err().kind, Kind::NotModified);
    bench.engine.stop(&id, Stop::default()).await.unwrap();
    assert_eq!(bench.engine.stop(&id, Stop::default()).await.unwrap_err().kind, Kind::NotModified);
    assert_eq!(bench.engine.inspect(&id, false).await.unwrap().state.exit_code, 128 + 15);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_ignores_the_stop_signal_is_killed_after_its_time() {
    let bench = Bench::new().await;
    let id = bench.run("deaf", &["trap", "5"], |spec| spec.stop_signal = Some("SIGINT".into())).await;
    bench.engine.stop(&id, Stop { timeout: Some(0), ..Default::default() }).await.unwrap();
    assert_eq!(bench.wait(&id).await, 137);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_container_is_removed_only_by_force() {
    let bench = Bench::new().await;
    let id = bench.run("web", &["sleep", "600"], |_| {}).await;
    let error = bench.engine.remove(&id, Remove::default()).await.unwrap_err();
    assert_eq!(error.kind, Kind::Conflict);
    let words =
        "cannot remove container \"/web\": container is running: stop the container before removing or force remove";
    assert_eq!(error.message, words);
    bench.engine.remove(&id, Remove { force: true, ..Default::default() }).await.unwrap();
    bench.assert_nothing_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_is_answered_when_it_has_worked() {
    let bench = Bench::new().await;
    let id = bench.run("web", &["trap", "1"], |_| {}).await;
    bench.engine.kill(&id, None).await.unwrap();
    assert_eq!(bench.engine.inspect(&id, false).await.unwrap().state.status, Status::Exited);
    let error = bench.engine.kill("web", None).await.unwrap_err();
    assert_eq!(error.message, format!("cannot kill container: web: container {id} is not running"));
    assert_eq!(bench.engine.kill("web", Some("NOPE")).await.unwrap_err().kind, Kind::InvalidParameter);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_machine_ends_its_container() {
    let bench = Bench::new().await;
    let id = bench.run("web", &["sleep", "600"], |_| {}).await;
    let waiting = bench.engine.wait(&id, WaitCondition::NextExit).await.unwrap();
    bench.engine.find(&id).unwrap().now().live.unwrap().sandbox.end().await;
    let waited = tokio::time::timeout(Duration::from_secs(30), waiting).await.unwrap();
    assert_eq!(waited.code, 137);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_out_of_memory_kill_is_told() {
    let bench = Bench::new().await;
    let id = bench.run("hungry", &["oom"], |_| {}).await;
    assert_eq!(bench.wait(&id).await, 137);
    assert!(bench.engine.inspect(&id, false).await.unwrap().state.oom_killed);
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_on_a_created_container_depends_on_the_condition() {
    let bench = Bench::new().await;
    let id = bench.create("idle", &["true"], |_| {}).await;
    assert_eq!(bench.wait(&id).await, 0);
    let next = bench.engine.wait(&id, WaitCondition::NextExit).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(50), next).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn paused_containers_refuse_what_docker_refuses() {
    let bench = Bench::new().await;
    let id = bench.run("web", &["sleep", "600"], |_| {}).await;
    bench.engine.pause(&id).await.unwrap();
    assert_eq!(bench.engine.pause(&id).await.unwrap_err().kind, Kind::Conflict);
    assert_eq!(bench.engine.start(&id).await.unwrap_err().kind, Kind::Conflict);
    assert_eq!(bench.engine.inspect(&id, false).await.unwrap().state.status, Status::Paused);
    bench.engine.unpause(&id).await.unwrap();
    assert_eq!(bench.engine.unpause(&id).await.unwrap_err().kind, Kind::System);
    bench.engine.stop(&id, Stop::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_containers_at_once_all_run() {
    let bench = Bench::new().await;
    let runs = (0..20).map(|n| {
        let engine = bench.engine.clone();
        async move {
            let request =
                Create { name: Some(format!("many{n}")), platform: None, spec: spec(&["exit", &n.to_string()]) };
            let id = engine.create(request).await.unwrap().id;
            engine.start(&id).await.unwrap();
            engine.wait(&id, WaitCondition::NotRunning).await.unwrap().await.code
        }
    });
    let codes = futures_util::future::join_all(runs).await;
    assert_eq!(codes, (0..20).collect::<Vec<i32>>());
    let all = bench.engine.list(ListContainers { all: true, ..Default::default() }).await.unwrap();
    assert_eq!(all.len(), 20);
    assert!(all.iter().all(|summary| summary.status.starts_with("Exited (")));
}
