//! Logs of containers.

use super::Bench;
use crate::Kind;
use crate::requests::ReadLogs;
use futures_util::StreamExt;

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_gets_everything_and_ends_with_the_container() {
    let bench = Bench::new().await;
    let id = bench.create("flood", &["flood", "1000000"], |_| {}).await;
    bench.engine.start(&id).await.unwrap();
    assert_eq!(bench.log(&id).await.len(), 1_000_000);
    assert_eq!(bench.wait(&id).await, 0);
    assert_eq!(bench.log(&id).await.len(), 1_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_without_a_log_says_so() {
    let bench = Bench::new().await;
    let id = bench.run("quiet", &["echo", "x"], |spec| spec.host.log.driver = "none".into()).await;
    bench.wait(&id).await;
    let read = ReadLogs { stdout: true, ..Default::default() };
    let error = bench.engine.logs(&id, read.clone()).await.unwrap_err();
    assert_eq!(error.message, "configured logging driver does not support reading");
    let neither = bench.engine.logs(&id, ReadLogs { stdout: false, ..read }).await.unwrap_err();
    assert_eq!(neither.kind, Kind::InvalidParameter);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_a_second_run_follows_the_first() {
    let bench = Bench::new().await;
    let id = bench.create("twice", &["echo", "again"], |_| {}).await;
    for _ in 0..2 {
        bench.engine.start(&id).await.unwrap();
        bench.wait(&id).await;
    }
    assert_eq!(bench.log(&id).await, "again\nagain\n");
    let last = ReadLogs { stdout: true, tail: Some(1), ..Default::default() };
    assert_eq!(bench.engine.logs(&id, last).await.unwrap().entries.count().await, 1);
}
