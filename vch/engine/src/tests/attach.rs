//! attach: before the start, several at once, stdin, and clients that do not read.

use super::Bench;
use crate::requests::{Attach, WaitCondition};
use crate::stream::Channel;
use bytes::Bytes;
use futures_util::StreamExt;
use std::time::Duration;

fn everything() -> Attach {
    Attach { stream: true, stdin: true, stdout: true, stderr: true, ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_attached_before_the_start_loses_nothing() {
    let bench = Bench::new().await;
    let id = bench.create("web", &["echo", "hello"], |_| {}).await;
    let first = bench.engine.attach(&id, everything()).await.unwrap();
    let second = bench.engine.attach(&id, everything()).await.unwrap();
    assert!(first.stdin.is_none(), "stdin is not open");
    bench.engine.start(&id).await.unwrap();
    for attached in [first, second] {
        let chunks: Vec<_> = attached.output.collect().await;
        assert!(chunks.iter().all(|chunk| chunk.channel == Channel::Stdout));
        assert_eq!(chunks.iter().map(|chunk| &chunk.bytes[..]).collect::<Vec<_>>().concat(), b"hello\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_clients_input_is_the_end_of_stdin() {
    let bench = Bench::new().await;
    let id = bench
        .create("cat", &["cat"], |spec| {
            spec.open_stdin = true;
            spec.stdin_once = true;
        })
        .await;
    let attached = bench.engine.attach(&id, everything()).await.unwrap();
    bench.engine.start(&id).await.unwrap();
    let stdin = attached.stdin.unwrap();
    stdin.send(Bytes::from_static(b"over there")).await.unwrap();
    drop(stdin);
    let chunks: Vec<_> = attached.output.collect().await;
    assert_eq!(chunks.iter().map(|chunk| &chunk.bytes[..]).collect::<Vec<_>>().concat(), b"over there");
    assert_eq!(bench.wait(&id).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn detach_keys_leave_the_container_running() {
    let bench = Bench::new().await;
    let id = bench
        .create("shell", &["cat"], |spec| {
            spec.tty = true;
            spec.open_stdin = true;
        })
        .await;
    let mut attached = bench.engine.attach(&id, everything()).await.unwrap();
    bench.engine.start(&id).await.unwrap();
    let stdin = attached.stdin.take().unwrap();
    stdin.send(Bytes::from_static(b"ab\x10\x11never")).await.unwrap();
    let chunks: Vec<_> = attached.output.collect().await;
    assert!(chunks.iter().all(|chunk| !chunk.bytes.ends_with(b"never")));
    assert!(bench.engine.inspect(&id, false).await.unwrap().state.status.is_running());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_stalls_no_other_container_and_not_the_end() {
    let bench = Bench::new().await;
    let flood = bench.create("flood", &["flood", "20000000"], |_| {}).await;
    let stuck = bench.engine.attach(&flood, everything()).await.unwrap();
    bench.engine.start(&flood).await.unwrap();
    let other = bench.run("other", &["echo", "fine"], |_| {}).await;
    assert_eq!(bench.wait(&other).await, 0);
    assert!(bench.engine.inspect(&flood, false).await.unwrap().state.status.is_running());
    let ended = bench.engine.wait(&flood, WaitCondition::NextExit).await.unwrap();
    bench.engine.kill(&flood, None).await.unwrap();
    tokio::time::timeout(Duration::from_secs(60), ended).await.unwrap();
    drop(stuck);
}

/// A second client with `logs=1` sometimes missed what the first had seen: a line whose end had not come yet.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_joins_with_the_log_misses_nothing_and_sees_nothing_twice() {
    let bench = Bench::new().await;
    let id = bench.run("cat", &["cat"], |spec| spec.open_stdin = true).await;
    let with_log = Attach { logs: true, stdin: false, ..everything() };
    let mut first = bench.engine.attach(&id, everything()).await.unwrap();
    let stdin = first.stdin.take().unwrap();
    stdin.send(Bytes::from_static(b"prompt> ")).await.unwrap();
    assert_eq!(first.output.next().await.unwrap().bytes, "prompt> ");
    let mut clients = vec![tokio::spawn(first.output.collect::<Vec<_>>())];
    for turn in 0..30 {
        let mut late = bench.engine.attach(&id, with_log.clone()).await.unwrap();
        let chunk = late.output.next().await.unwrap();
        clients.push(tokio::spawn(async move {
            let mut chunks = vec![chunk];
            chunks.extend(late.output.collect::<Vec<_>>().await);
            chunks
        }));
        stdin.send(format!("{turn}\n{turn}").into()).await.unwrap();
    }
    bench.engine.kill(&id, None).await.unwrap();
    drop(stdin);
    let mut seen = Vec::new();
    for client in clients {
        seen.push(client.await.unwrap().iter().map(|chunk| &chunk.bytes[..]).collect::<Vec<_>>().concat());
    }
    let all = [b"prompt> ", &seen[0][..]].concat();
    for late in &seen[1..] {
        assert_eq!(String::from_utf8_lossy(late), String::from_utf8_lossy(&all));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_replayed_to_a_late_client() {
    let bench = Bench::new().await;
    let id = bench.run("web", &["warn", "careful"], |_| {}).await;
    bench.wait(&id).await;
    let replay = Attach { logs: true, stdout: true, stderr: true, ..Default::default() };
    let chunks: Vec<_> = bench.engine.attach(&id, replay).await.unwrap().output.collect().await;
    assert_eq!(chunks.len(), 1);
    assert_eq!((chunks[0].channel, &chunks[0].bytes[..]), (Channel::Stderr, &b"careful\n"[..]));
}
