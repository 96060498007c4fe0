//! exec.

use super::Bench;
use crate::Kind;
use crate::container::view::ExecSpec;
use crate::requests::{ExecStart, Stop};
use bytes::Bytes;
use futures_util::StreamExt;

fn exec(words: &[&str]) -> ExecSpec {
    ExecSpec {
        cmd: words.iter().map(|word| (*word).to_owned()).collect(),
        attach_stdin: true,
        attach_stdout: true,
        attach_stderr: true,
        ..Default::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exit_code_is_there_when_the_stream_ends() {
    let bench = Bench::new().await;
    let container = bench.run("web", &["sleep", "600"], |_| {}).await;
    let id = bench.engine.exec_create(&container, exec(&["cat"])).await.unwrap();
    let attached = bench.engine.exec_start(&id, ExecStart::default()).await.unwrap().unwrap();
    let stdin = attached.stdin.unwrap();
    for piece in ["one ", "two ", "three"] {
        stdin.send(Bytes::from(piece)).await.unwrap();
    }
    drop(stdin);
    let chunks: Vec<_> = attached.output.collect().await;
    assert_eq!(chunks.iter().map(|chunk| &chunk.bytes[..]).collect::<Vec<_>>().concat(), b"one two three");
    let view = bench.engine.exec_inspect(&id).await.unwrap();
    assert_eq!((view.running, view.exit_code), (false, Some(0)));
    let again = bench.engine.exec_start(&id, ExecStart::default()).await.unwrap_err();
    assert_eq!(again.kind, Kind::Conflict);
}

/// The end of a channel that nobody sends on was polled again with each piece of output.
#[tokio::test(flavor = "multi_thread")]
async fn an_exec_without_stdin_gives_all_its_output() {
    let bench = Bench::new().await;
    let container = bench.run("web", &["sleep", "600"], |_| {}).await;
    let spec = ExecSpec { attach_stdin: false, ..exec(&["flood", "1000000"]) };
    let id = bench.engine.exec_create(&container, spec).await.unwrap();
    let attached = bench.engine.exec_start(&id, ExecStart::default()).await.unwrap().unwrap();
    let bytes: usize = attached.output.map(|chunk| chunk.bytes.len()).collect::<Vec<_>>().await.iter().sum();
    assert_eq!(bytes, 1_000_000);
    assert_eq!(bench.engine.exec_inspect(&id).await.unwrap().exit_code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_program_is_told_in_the_stream() {
    let bench = Bench::new().await;
    let container = bench.run("web", &["sleep", "600"], |_| {}).await;
    let id = bench.engine.exec_create(&container, exec(&["nosuch"])).await.unwrap();
    let attached = bench.engine.exec_start(&id, ExecStart::default()).await.unwrap().unwrap();
    let chunks: Vec<_> = attached.output.collect().await;
    let text = String::from_utf8(chunks[0].bytes.to_vec()).unwrap();
    assert!(
        text.starts_with("OCI runtime exec failed: exec failed: unable to start container process: exec: \"nosuch\"")
    );
    assert_eq!(bench.engine.exec_inspect(&id).await.unwrap().exit_code, Some(127));
}

#[tokio::test(flavor = "multi_thread")]
async fn execs_go_with_their_containers_run() {
    let bench = Bench::new().await;
    let container = bench.run("web", &["sleep", "600"], |_| {}).await;
    let id = bench.engine.exec_create(&container, exec(&["sleep", "600"])).await.unwrap();
    assert!(bench.engine.exec_start(&id, ExecStart { detach: true, ..Default::default() }).await.unwrap().is_none());
    assert_eq!(bench.engine.inspect(&container, false).await.unwrap().exec_ids, std::slice::from_ref(&id));
    bench.engine.stop(&container, Stop::default()).await.unwrap();
    assert_eq!(bench.engine.exec_inspect(&id).await.unwrap_err().kind, Kind::NotFound);
    let error = bench.engine.exec_create(&container, exec(&["true"])).await.unwrap_err();
    assert_eq!(error.message, format!("container {container} is not running"));
}

/// Detaching was seen only with the next piece of output, which a quiet process never gives.
#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_exec_is_detached_from() {
    let bench = Bench::new().await;
    let container = bench.run("web", &["sleep", "600"], |_| {}).await;
    let spec = ExecSpec { tty: true, ..exec(&["sleep", "600"]) };
    let id = bench.engine.exec_create(&container, spec).await.unwrap();
    let mut attached = bench.engine.exec_start(&id, ExecStart::default()).await.unwrap().unwrap();
    attached.stdin.as_ref().unwrap().send(Bytes::from_static(b"\x10\x11")).await.unwrap();
    let end = tokio::time::timeout(std::time::Duration::from_secs(30), attached.output.next()).await;
    assert!(end.unwrap().is_none());
    assert!(bench.engine.exec_inspect(&id).await.unwrap().running);
}
