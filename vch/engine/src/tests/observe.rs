//! top and stats.

use super::Bench;
use crate::Kind;
use crate::container::view::ExecSpec;
use crate::requests::{ExecStart, Remove, Stop, WatchStats};
use crate::stats::Statistics;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use std::time::Duration;

const STREAM: WatchStats = WatchStats { stream: true, one_shot: false };
const SOON: Duration = Duration::from_secs(60);

async fn next(stream: &mut BoxStream<'static, Statistics>) -> Option<Statistics> {
    tokio::time::timeout(SOON, stream.next()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn top_lists_all_processes_of_the_container_alone() {
    let bench = Bench::new().await;
    bench.run("other", &["sleep", "500"], |_| {}).await;
    let id = bench.run("web", &["sleep", "600"], |_| {}).await;
    for _ in 0..4 {
        let cmd = ["sleep", "700"].map(str::to_owned).to_vec();
        let exec = bench.engine.exec_create(&id, ExecSpec { cmd, ..Default::default() }).await.unwrap();
        bench.engine.exec_start(&exec, ExecStart { detach: true, ..Default::default() }).await.unwrap();
    }
    let table = bench.engine.top("web", "-eo pid,args").await.unwrap();
    assert_eq!(table.titles, ["PID", "COMMAND"]);
    let commands: Vec<&str> = table.processes.iter().map(|row| row[1].as_str()).collect();
    assert_eq!(commands, ["sleep 600", "sleep 700", "sleep 700", "sleep 700", "sleep 700"]);
    bench.engine.stop(&id, Stop::default()).await.unwrap();
    let error = bench.engine.top("web", "").await.unwrap_err();
    assert_eq!((error.kind, error.message), (Kind::Conflict, format!("container {id} is not running")));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_look_is_compared_with_an_earlier_one_unless_it_is_to_be_one_shot() {
    let bench = Bench::new().await;
    bench.run("web", &["sleep", "600"], |spec| spec.host.resources.memory = 32 << 20).await;
    let mut one = bench.engine.stats("web", WatchStats::default()).await.unwrap();
    let frame = next(&mut one).await.unwrap();
    let (now, before) = (frame.now.unwrap(), frame.before.unwrap());
    assert!(now.read.since(before.read) >= Duration::from_millis(900), "{now:?} {before:?}");
    assert_eq!(now.cpu_ns - before.cpu_ns, (now.machine_cpu_ns - before.machine_cpu_ns) / 2);
    assert_eq!((now.memory_limit, now.pids, now.pids_limit), (32 << 20, 1, u64::MAX));
    assert_eq!(now.memory_stat.get("anon"), Some(&4096));
    assert!(!now.memory_stat.contains_key("unknown"));
    assert!(next(&mut one).await.is_none());
    let mut shot = bench.engine.stats("web", WatchStats { stream: false, one_shot: true }).await.unwrap();
    let frame = next(&mut shot).await.unwrap();
    assert!(frame.now.is_some() && frame.before.is_none());
    let both = bench.engine.stats("web", WatchStats { stream: true, one_shot: true }).await.err().unwrap();
    assert_eq!(both.message, "cannot have stream=true and one-shot=true");
}

#[tokio::test(flavor = "multi_thread")]
async fn watchers_share_one_look_and_outlive_stops_but_not_the_removal() {
    let bench = Bench::new().await;
    let id = bench.run("web", &["sleep", "600"], |_| {}).await;
    let mut one = bench.engine.stats(&id, STREAM).await.unwrap();
    let mut other = bench.engine.stats(&id, STREAM).await.unwrap();
    for _ in 0..2 {
        let (one, other) = (next(&mut one).await.unwrap(), next(&mut other).await.unwrap());
        assert_eq!(one.now.unwrap(), other.now.unwrap());
    }
    drop(other);
    bench.engine.stop(&id, Stop::default()).await.unwrap();
    while next(&mut one).await.unwrap().now.is_some() {}
    bench.engine.start(&id).await.unwrap();
    while next(&mut one).await.unwrap().now.is_none() {}
    bench.engine.remove(&id, Remove { force: true, ..Default::default() }).await.unwrap();
    while next(&mut one).await.is_some() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_run_uses_nothing() {
    let bench = Bench::new().await;
    let id = bench.create("idle", &["true"], |_| {}).await;
    let mut one = bench.engine.stats("idle", WatchStats::default()).await.unwrap();
    let frame = next(&mut one).await.unwrap();
    assert!(frame.now.is_none() && frame.before.is_none() && frame.id == id && frame.name == "idle");
    assert!(next(&mut one).await.is_none());
}
