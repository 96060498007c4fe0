//! Containers that stand still.

use super::Bench;
use crate::container::spec::Resources;
use crate::container::state::Status;
use crate::events::Event;
use crate::requests::{Stop, Update, WatchEvents, WatchStats};
use futures_util::StreamExt;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_container_can_be_looked_at_and_limited() {
    let bench = Bench::new().await;
    bench.run("web", &["sleep", "600"], |_| {}).await;
    bench.engine.pause("web").await.unwrap();
    let table = bench.engine.top("web", "-o pid,args").await.unwrap();
    assert_eq!(table.processes[0][1], "sleep 600");
    let mut stats = bench.engine.stats("web", WatchStats::default()).await.unwrap();
    let frame = tokio::time::timeout(Duration::from_secs(60), stats.next()).await.unwrap().unwrap();
    let (now, before) = (frame.now.unwrap(), frame.before.unwrap());
    assert_eq!((now.cpu_ns, now.memory), (before.cpu_ns, before.memory));
    let update = Update { resources: Resources { pids_limit: Some(5), ..Default::default() }, restart: None };
    bench.engine.update("web", update).await.unwrap();
    let mut stats = bench.engine.stats("web", WatchStats { one_shot: true, ..Default::default() }).await.unwrap();
    assert_eq!(stats.next().await.unwrap().now.unwrap().pids_limit, 5);
    assert_eq!(bench.engine.inspect("web", false).await.unwrap().state.status, Status::Paused);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_signals_that_are_to_end_it_wake_a_paused_container() {
    let bench = Bench::new().await;
    let id = bench.run("web", &["trap", "3"], |spec| spec.stop_signal = Some("SIGTERM".into())).await;
    let status = async || bench.engine.inspect("web", false).await.unwrap().state.status;
    bench.engine.pause("web").await.unwrap();
    bench.engine.kill("web", Some("HUP")).await.unwrap();
    assert_eq!(status().await, Status::Paused);
    bench.engine.stop(&id, Stop::default()).await.unwrap();
    assert_eq!(status().await, Status::Exited);
    assert_eq!(bench.wait("web").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_out_of_memory_kill_is_an_event_before_the_end() {
    let bench = Bench::new().await;
    let events = bench.engine.events(WatchEvents::default()).unwrap();
    let id = bench.run("hungry", &["oom"], |_| {}).await;
    assert_eq!(bench.wait("hungry").await, 137);
    let of_it = events.filter(|event: &Event| std::future::ready(event.id == id));
    let actions: Vec<String> = of_it.map(|event| event.action).take(4).collect().await;
    assert_eq!(actions, ["create", "start", "oom", "die"]);
}
