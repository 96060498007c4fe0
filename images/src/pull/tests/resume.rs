//! Downloads that break off, stand still, or end in an error: gone on with, tried again, or given up.

use super::*;

#[tokio::test]
async fn a_download_goes_on_where_it_broke_off() {
    let (_root, store) = store().await;
    let image = two_layers(Format::DockerGzip);
    let registry = serving(&image).await;
    let path = TestRegistry::blob("app", &image.blobs[0]);
    registry.server.fail(&path, [Fault::BreakAfter(100_000), Fault::BreakAfter(50_000)]);
    let (result, heard) = run(&store, request(&registry.name("app:v1"))).await;
    result.unwrap();
    let ranges: Vec<_> = registry.server.seen(&path).iter().map(|seen| seen.headers.get("range").cloned()).collect();
    assert_eq!(ranges, [None, Some("bytes=100000-".to_owned()), Some("bytes=150000-".to_owned())]);
    assert!(words(&heard).iter().any(|line| line.ends_with("Retrying in 1 second")));
}

#[tokio::test]
async fn a_server_that_knows_no_ranges_is_read_again_from_the_start() {
    let (_root, store) = store().await;
    let image = two_layers(Format::DockerGzip);
    let registry = serving(&image).await;
    let path = TestRegistry::blob("app", &image.blobs[0]);
    registry.server.fail(&path, [Fault::BreakAfter(100_000), Fault::IgnoreRange]);
    pull(&store, &registry.name("app:v1")).await.unwrap();
    assert_eq!(registry.server.seen(&path).len(), 2);
}

#[tokio::test]
async fn a_wrong_answer_to_a_range_is_tried_again_from_the_start() {
    let (_root, store) = store().await;
    let image = two_layers(Format::DockerGzip);
    let registry = serving(&image).await;
    let path = TestRegistry::blob("app", &image.blobs[0]);
    let lie =
        Answer::new(206, image.blobs[0][..image.blobs[0].len() - 1000].to_vec()).header("Content-Range", "bytes 1000-");
    registry.server.fail(&path, [Fault::BreakAfter(1000), Fault::Instead(lie)]);
    pull(&store, &registry.name("app:v1")).await.unwrap();
    assert_eq!(registry.server.seen(&path).len(), 3);
}

#[tokio::test]
async fn a_connection_that_stands_still_is_given_up_and_resumed() {
    let root = tempfile::tempdir().unwrap();
    let quick = StoreOptions { stall_timeout: Duration::from_millis(300), ..options() };
    let store = Store::open(root.path(), quick).await.unwrap();
    let image = two_layers(Format::DockerGzip);
    let registry = serving(&image).await;
    let path = TestRegistry::blob("app", &image.blobs[0]);
    registry.server.fail(&path, [Fault::StallAfter(70_000)]);
    pull(&store, &registry.name("app:v1")).await.unwrap();
    assert_eq!(registry.server.seen(&path)[1].headers.get("range").map(String::as_str), Some("bytes=70000-"));
}

#[tokio::test]
async fn a_server_that_recovers_is_forgiven_and_one_that_does_not_is_not() {
    let (root, store) = store().await;
    let image = two_layers(Format::DockerGzip);
    let registry = serving(&image).await;
    let before = tree(root.path());
    let layer = TestRegistry::blob("app", &image.blobs[0]);
    let config = TestRegistry::blob("app", &image.config);
    let oops = || Fault::Instead(Answer::new(500, "oops"));
    registry.server.fail(&layer, (0..5).map(|_| oops()));
    let error = pull(&store, &registry.name("app:v1")).await.unwrap_err();
    assert_eq!(error.to_string(), "received unexpected HTTP status: 500 Internal Server Error");
    assert_eq!(error.class(), Class::Unavailable);
    unchanged(&root, &before).await;
    registry.server.fail(&layer, (0..4).map(|_| oops()));
    registry.server.fail(&config, (0..2).map(|_| oops()));
    registry.server.fail("/v2/app/manifests/v1", (0..2).map(|_| oops()));
    pull(&store, &registry.name("app:v1")).await.unwrap();
}

#[tokio::test]
async fn a_damaged_blob_or_lost_disk_is_mended_by_the_next_pull() {
    let (root, store) = store().await;
    let image = two_layers(Format::DockerGzip);
    let registry = serving(&image).await;
    pull(&store, &registry.name("app:v1")).await.unwrap();
    let whole = tree(root.path());
    drop(store);
    // A lost disk is made again from the blob, without asking the registry for it.
    std::fs::remove_file(root.path().join(format!("layers/{}.erofs", Digest::of(&image.tars[0]).hex()))).unwrap();
    let store = Store::open(root.path(), options()).await.unwrap();
    let path = TestRegistry::blob("app", &image.blobs[0]);
    pull(&store, &registry.name("app:v1")).await.unwrap();
    assert_eq!((tree(root.path()), registry.server.seen(&path).len()), (whole.clone(), 1));
    drop(store);
    // With both damaged, it is fetched.
    std::fs::remove_file(root.path().join(format!("layers/{}.erofs", Digest::of(&image.tars[0]).hex()))).unwrap();
    std::fs::write(root.path().join("blobs/sha256").join(Digest::of(&image.blobs[0]).hex()), "damage").unwrap();
    let store = Store::open(root.path(), options()).await.unwrap();
    pull(&store, &registry.name("app:v1")).await.unwrap();
    assert_eq!((tree(root.path()), registry.server.seen(&path).len()), (whole, 2));
}
