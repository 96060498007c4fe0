//! The daemon dies and another opens the same data root.

use super::Bench;
use crate::container::spec::RestartPolicy;
use crate::container::state::Status;
use crate::requests::ListContainers;

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_containers_survive_the_daemon() {
    let bench = Bench::new().await;
    let idle = bench.create("idle", &["true"], |_| {}).await;
    let ran = bench.run("ran", &["exit", "4"], |_| {}).await;
    bench.wait(&ran).await;
    let bench = bench.die_and_open_again().await;
    let of = async |id: &str| bench.engine.inspect(id, false).await.unwrap().state;
    assert_eq!(of(&idle).await.status, Status::Created);
    assert_eq!((of(&ran).await.status, of(&ran).await.exit_code), (Status::Exited, 4));
    bench.engine.start("idle").await.unwrap();
    assert_eq!(bench.wait("idle").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ran_is_marked_ended_removed_or_started_again() {
    let bench = Bench::new().await;
    bench.run("plain", &["sleep", "600"], |_| {}).await;
    bench.run("once", &["sleep", "600"], |spec| spec.host.auto_remove = true).await;
    let always = RestartPolicy { name: "always".into(), maximum_retry_count: 0 };
    bench.run("again", &["sleep", "600"], |spec| spec.host.restart = always).await;
    std::fs::create_dir(bench.root().join("containers").join("stray")).unwrap();
    let bench = bench.die_and_open_again().await;
    let mut watch = bench.engine.find("again").unwrap().watch();
    watch.wait_for(|now| now.record.state.status == Status::Running).await.unwrap();
    let all = bench.engine.list(ListContainers { all: true, ..Default::default() }).await.unwrap();
    let mut names: Vec<_> = all.iter().map(|c| c.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["again", "plain"]);
    assert_eq!(bench.engine.inspect("plain", false).await.unwrap().state.status, Status::Exited);
    assert!(!bench.root().join("containers").join("stray").exists());
}
