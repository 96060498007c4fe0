//! Work on files: in a container's own machine, in one that is made for it, and what is left of either.

use super::Bench;
use crate::error::Kind;
use crate::image::view::Commit;
use crate::requests::Extract;
use crate::stream::{Change, ChangeKind};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use std::io;

/// What the fake guest packs, and takes when it is to unpack.
const TAR: &[u8] = b"tar of /etc/hi";

fn body(pieces: Vec<io::Result<Bytes>>) -> crate::files::Input {
    stream::iter(pieces).boxed()
}

fn into_etc() -> Extract {
    Extract { path: "/etc".into(), ..Default::default() }
}

/// Waits until no machine is left but those of running containers.
async fn settled(bench: &Bench, running: usize) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while bench.machines() != running {
        assert!(std::time::Instant::now() < deadline, "{} machines are left", bench.machines());
        tokio::task::yield_now().await;
    }
}

async fn packed(bench: &Bench, name: &str) -> Vec<u8> {
    let archive = bench.engine.archive(name, "/etc/hi").await.unwrap();
    assert_eq!((archive.stat.name.as_str(), archive.stat.size), ("hi", 2));
    archive.content.map(|piece| piece.unwrap().to_vec()).concat().await
}

#[tokio::test]
async fn files_come_and_go_whether_a_container_runs_or_not() {
    let bench = Bench::new().await;
    bench.create("rests", &["true"], |_| {}).await;
    bench.run("runs", &["sleep", "600"], |_| {}).await;
    for name in ["rests", "runs"] {
        assert_eq!(packed(&bench, name).await, TAR);
        bench.engine.extract(name, into_etc(), body(vec![Ok(Bytes::from_static(TAR))])).await.unwrap();
        assert_eq!(bench.engine.stat_path(name, "/etc/hi").await.unwrap().mode, 0o100_644);
        let changes: Vec<_> = bench.engine.changes(name).await.unwrap().collect().await;
        assert_eq!(changes, [Ok(Change { kind: ChangeKind::Modified, path: "/etc/hi".into() })]);
        let exported: Vec<u8> =
            bench.engine.export(name).await.unwrap().map(|piece| piece.unwrap().to_vec()).concat().await;
        assert_eq!(exported, TAR);
    }
    settled(&bench, 1).await;
    // A container at rest is free again.
    bench.engine.start("rests").await.unwrap();
    assert_eq!(bench.wait("rests").await, 0);
}

#[tokio::test]
async fn a_commit_whose_layer_is_no_tar_leaves_no_image_and_no_pause() {
    let bench = Bench::new().await;
    bench.run("web", &["sleep", "600"], |_| {}).await;
    let images = bench.engine.images(true, false, &Default::default()).await.unwrap().len();
    let commit = Commit { container: "web".into(), repository: "made".into(), pause: true, ..Default::default() };
    // The fake guest's tar is none.
    assert!(bench.engine.commit(commit.clone()).await.is_err());
    assert_eq!(bench.engine.images(true, false, &Default::default()).await.unwrap().len(), images);
    assert_eq!(bench.engine.inspect("web", false).await.unwrap().state.status.word(), "running");
    let bad = Commit { changes: vec!["RUN x".into()], ..commit.clone() };
    let refused = bench.engine.commit(bad).await.unwrap_err();
    assert_eq!((refused.kind, refused.message.as_str()), (Kind::InvalidParameter, "run is not a valid change command"));
    let missing = Commit { container: "none".into(), ..commit };
    assert_eq!(bench.engine.commit(missing).await.unwrap_err().kind, Kind::NotFound);
}

#[tokio::test]
async fn a_paused_container_gives_files_and_stays_paused() {
    let bench = Bench::new().await;
    bench.run("web", &["sleep", "600"], |_| {}).await;
    bench.engine.pause("web").await.unwrap();
    for _ in 0..2 {
        assert_eq!(packed(&bench, "web").await, TAR);
    }
    assert_eq!(bench.engine.inspect("web", false).await.unwrap().state.status.word(), "paused");
    bench.engine.unpause("web").await.unwrap();
    assert_eq!(packed(&bench, "web").await, TAR);
}

#[tokio::test]
async fn refusals_have_dockers_words_and_kinds() {
    let bench = Bench::new().await;
    bench.create("box", &["true"], |spec| spec.host.readonly_rootfs = true).await;
    let missing = bench.engine.stat_path("box", "/no").await.unwrap_err();
    assert_eq!(
        (missing.kind, missing.message.as_str()),
        (Kind::NotFound, "Could not find the file /no in container box")
    );
    assert_eq!(bench.engine.archive("box", "/no").await.unwrap_err(), missing);
    let read_only = bench.engine.extract("box", into_etc(), body(vec![Ok(Bytes::from_static(TAR))])).await.unwrap_err();
    assert_eq!(
        (read_only.kind, read_only.message.as_str()),
        (Kind::InvalidParameter, "container rootfs is marked read-only")
    );
    assert_eq!(bench.engine.archive("none", "/").await.unwrap_err().kind, Kind::NotFound);
    settled(&bench, 0).await;
}

#[tokio::test]
async fn a_client_that_leaves_leaves_no_machine() {
    let bench = Bench::new().await;
    bench.create("box", &["true"], |_| {}).await;
    let broken = io::Error::new(io::ErrorKind::UnexpectedEof, "the client left");
    let pieces = vec![Ok(Bytes::from_static(TAR)), Err(broken)];
    let error = bench.engine.extract("box", into_etc(), body(pieces)).await.unwrap_err();
    assert!(error.message.contains("the client left"), "{error}");
    drop(bench.engine.archive("box", "/etc/hi").await.unwrap());
    settled(&bench, 0).await;
    bench.engine.extract("box", into_etc(), body(vec![Ok(Bytes::from_static(TAR))])).await.unwrap();
}

#[tokio::test]
async fn a_daemon_that_stops_waits_for_no_client() {
    let bench = Bench::new().await;
    bench.create("box", &["true"], |_| {}).await;
    let engine = bench.engine.clone();
    let half = stream::iter([Ok(Bytes::from_static(&TAR[..8]))]).chain(stream::pending()).boxed();
    let extracting = tokio::spawn(async move { engine.extract("box", into_etc(), half).await });
    settled(&bench, 1).await;
    bench.engine.shutdown().await;
    assert_eq!(bench.machines(), 0);
    assert!(extracting.await.unwrap().is_err());
    assert_eq!(bench.engine.stat_path("box", "/etc/hi").await.unwrap_err().kind, Kind::Unavailable);
}
