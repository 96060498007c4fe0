//! Steps that fail: what came before them is undone.

use super::{Bench, spec};
use crate::Kind;
use crate::requests::{Create, WaitCondition};

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_not_there_leaves_a_created_container_with_dockers_code() {
    let bench = Bench::new().await;
    let id = bench.create("web", &["nosuch"], |_| {}).await;
    let error = bench.engine.start(&id).await.unwrap_err();
    assert_eq!(error.kind, Kind::InvalidParameter);
    assert!(error.message.contains("exec: \"nosuch\": executable file not found in $PATH"), "{}", error.message);
    let view = bench.engine.inspect(&id, false).await.unwrap();
    assert_eq!((view.state.status.word(), view.state.exit_code), ("created", 127));
    assert_eq!(view.state.error, error.message);
    assert_eq!(bench.machines(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_start_still_removes_and_tells_those_who_wait() {
    let bench = Bench::new().await;
    let id = bench.create("once", &["nosuch"], |spec| spec.host.auto_remove = true).await;
    let removed = bench.engine.wait(&id, WaitCondition::Removed).await.unwrap();
    bench.engine.start(&id).await.unwrap_err();
    assert_eq!(removed.await.code, 127);
    bench.assert_nothing_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_takes_no_identity_runs_nothing() {
    let bench = Bench::new().await;
    bench.guests.refuse_identities(true);
    let id = bench.create("web", &["true"], |_| {}).await;
    bench.engine.start(&id).await.unwrap_err();
    assert_eq!(bench.machines(), 0);
    bench.guests.refuse_identities(false);
    bench.engine.start(&id).await.unwrap();
    assert_eq!(bench.wait(&id).await, 0);
}

type Change<'a> = &'a dyn Fn(&mut Create);

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_create_leaves_nothing_and_gives_the_name_back() {
    let bench = Bench::new().await;
    let request = |change: &dyn Fn(&mut Create)| {
        let mut request = Create { name: Some("web".into()), platform: None, spec: spec(&["true"]) };
        change(&mut request);
        request
    };
    let failing: [(Change<'_>, Kind); 5] = [
        (&|r| r.spec.host.resources.nano_cpus = 2_000_000_000, Kind::InvalidParameter),
        (&|r| r.spec.image = "nosuch".into(), Kind::NotFound),
        (&|r| r.platform = Some("linux/s390x".into()), Kind::NotFound),
        (&|r| r.spec.host.storage_opt = [("size".to_owned(), "1".to_owned())].into(), Kind::InvalidParameter),
        (&|r| r.name = Some("-bad".into()), Kind::InvalidParameter),
    ];
    for (change, kind) in failing {
        assert_eq!(bench.engine.create(request(change)).await.unwrap_err().kind, kind);
        bench.assert_nothing_left().await;
    }
    // A file where the container's folder should be: the last step but one.
    let containers = bench.root().join("containers");
    std::fs::remove_dir(&containers).unwrap();
    std::fs::write(&containers, "in the way").unwrap();
    bench.engine.create(request(&|_| {})).await.unwrap_err();
    std::fs::remove_file(&containers).unwrap();
    std::fs::create_dir(&containers).unwrap();
    bench.assert_nothing_left().await;
    bench.engine.create(request(&|_| {})).await.unwrap();
}

/// A daemon that stops leaves no machine, not even one whose start is under way and that no record calls running yet.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_under_way_does_not_outlive_the_daemon() {
    let bench = Bench::new().await;
    for turn in 0..8 {
        bench.create(&format!("c{turn}"), &["sleep", "600"], |_| {}).await;
    }
    let starts = (0..8).map(|turn| {
        let engine = bench.engine.clone();
        tokio::spawn(async move { engine.start(&format!("c{turn}")).await })
    });
    let starts: Vec<_> = starts.collect();
    while bench.machines() == 0 {
        tokio::task::yield_now().await;
    }
    bench.engine.shutdown().await;
    assert_eq!(bench.machines(), 0);
    futures_util::future::join_all(starts).await;
    assert_eq!(bench.machines(), 0);
}
