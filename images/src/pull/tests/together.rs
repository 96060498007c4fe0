//! Pulls at the same time, and pulls that are dropped.

use super::*;

#[tokio::test]
async fn layers_that_are_here_are_not_fetched_again() {
    let (_root, store) = store().await;
    let base = tar(&[("base", &noise(3, 50_000))]);
    let one = TestImage::new(vec![base.clone(), tar(&[("x", b"1")])], Format::DockerGzip);
    let two = TestImage::new(vec![base.clone(), tar(&[("x", b"2")])], Format::DockerGzip);
    let registry = serving(&one).await;
    registry.push("app", "v2", &two);
    pull(&store, &registry.name("app:v1")).await.unwrap();
    let (result, heard) = run(&store, request(&registry.name("app:v2"))).await;
    result.unwrap();
    let shared = Digest::of(&one.blobs[0]);
    assert!(words(&heard).contains(&format!("{}: Already exists", shared.short())));
    assert_eq!(registry.server.seen(&shared.to_string()).len(), 1);
}

#[tokio::test]
async fn pulls_at_the_same_time_share_what_is_on_its_way() {
    let (_root, store) = store().await;
    let base = tar(&[("base", &noise(4, 200_000))]);
    let one = TestImage::new(vec![base.clone(), tar(&[("x", b"1")])], Format::DockerGzip);
    let two = TestImage::new(vec![base.clone(), tar(&[("x", b"2")])], Format::DockerGzip);
    let registry = serving(&one).await;
    registry.push("app", "v2", &two);
    let path = TestRegistry::blob("app", &one.blobs[0]);
    let gate = registry.server.gate(&path);
    let (first, second) = (registry.name("app:v1"), registry.name("app:v2"));
    let other = Digest::of(&two.blobs[1]).to_string();
    let (a, b, ()) = tokio::join!(pull(&store, &first), pull(&store, &second), async {
        until("both pulls are under way", || registry.server.seen(&other).len() == 1).await;
        gate.add_permits(10);
    });
    a.unwrap();
    b.unwrap();
    assert_eq!(registry.server.seen(&path).len(), 1);
}

#[tokio::test]
async fn no_more_downloads_at_once_than_allowed() {
    let (_root, store) = store().await;
    let tars: Vec<_> = (0..8).map(|n| tar(&[("f", &noise(n, 10_000))])).collect();
    let image = TestImage::new(tars, Format::DockerGzip);
    let registry = serving(&image).await;
    let gates: Vec<_> = image.blobs.iter().map(|blob| registry.server.gate(&TestRegistry::blob("app", blob))).collect();
    let name = registry.name("app:v1");
    let ((result, heard), ()) = tokio::join!(run(&store, request(&name)), async {
        // Three layers and the configuration, which was served before.
        until("three downloads are under way", || registry.server.busy().0 == 3).await;
        gates.iter().for_each(|gate| gate.add_permits(10));
    });
    result.unwrap();
    assert_eq!(registry.server.busy().1, 3);
    assert_eq!(words(&heard).iter().filter(|line| line.ends_with(": Waiting")).count(), 5);
}

#[tokio::test]
async fn a_dropped_pull_leaves_nothing_and_the_next_one_succeeds() {
    let (root, store) = store().await;
    let image = two_layers(Format::DockerGzip);
    let registry = serving(&image).await;
    let before = tree(root.path());
    let path = TestRegistry::blob("app", &image.blobs[0]);
    registry.server.fail(&path, [Fault::StallAfter(100_000)]);
    let (sender, _heard) = listener();
    let (other, name) = (store.clone(), registry.name("app:v1"));
    let pulling = tokio::spawn(async move { other.pull(request(&name), sender).await });
    until("a layer is half here", || tree(root.path()).keys().any(|name| name.starts_with("ingest/"))).await;
    pulling.abort();
    assert!(pulling.await.unwrap_err().is_cancelled());
    unchanged(&root, &before).await;
    pull(&store, &registry.name("app:v1")).await.unwrap();
}

#[tokio::test]
async fn one_user_s_interruption_does_not_stop_another_s_pull() {
    let (_root, store) = store().await;
    let image = two_layers(Format::DockerGzip);
    let registry = serving(&image).await;
    let path = TestRegistry::blob("app", &image.blobs[0]);
    let gate = registry.server.gate(&path);
    let start = || {
        let (store, name) = (store.clone(), registry.name("app:v1"));
        tokio::spawn(async move { run(&store, request(&name)).await.0 })
    };
    let first = start();
    until("the first has begun", || registry.server.seen(&path).len() == 1).await;
    let second = start();
    let digest = Digest::of(&image.blobs[0]);
    until("the second has joined", || store.shared().flights.holders(&digest) == 2).await;
    first.abort();
    gate.add_permits(10);
    second.await.unwrap().unwrap();
    assert_eq!(registry.server.seen(&path).len(), 1);
}
