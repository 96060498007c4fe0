//! Restart policies at work.

use super::Bench;
use crate::container::spec::RestartPolicy;
use crate::container::state::Status;
use crate::requests::Stop;

fn policy(name: &str, most: i64) -> impl FnOnce(&mut crate::container::spec::ContainerSpec) {
    let restart = RestartPolicy { name: name.into(), maximum_retry_count: most };
    move |spec| spec.host.restart = restart
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_retried_as_often_as_asked() {
    let bench = Bench::new().await;
    let id = bench.run("flaky", &["exit", "1"], policy("on-failure", 2)).await;
    let mut watch = bench.engine.find(&id).unwrap().watch();
    watch.wait_for(|now| now.ends == 3).await.unwrap();
    assert_eq!(bench.wait(&id).await, 1);
    let state = bench.engine.inspect(&id, false).await.unwrap().state;
    assert_eq!((state.status, state.restart_count), (Status::Exited, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_between_two_runs_ends_the_policy() {
    let bench = Bench::new().await;
    let id = bench.run("loop", &["true"], policy("always", 0)).await;
    let mut watch = bench.engine.find(&id).unwrap().watch();
    watch.wait_for(|now| now.record.state.status == Status::Restarting).await.unwrap();
    bench.engine.stop(&id, Stop { timeout: Some(0), ..Default::default() }).await.unwrap();
    let state = bench.engine.inspect(&id, false).await.unwrap().state;
    assert_eq!(state.status, Status::Exited);
    assert!(state.manually_stopped);
}
