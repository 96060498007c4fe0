//! The store on disk: leases, garbage, crashes and damage.

use crate::archive::tests::load;
use crate::content::ContentError;
use crate::image::{RemoveOptions, Usage};
use crate::testing::image::{Format, TestImage, tar};
use crate::testing::{options, store, tree};
use crate::{ImageError, Store};

fn image(content: &str) -> TestImage {
    TestImage::new(vec![tar(&[("f", content.as_bytes())]), tar(&[("g", b"g")])], Format::DockerGzip)
}

async fn force_remove(store: &Store, name: &str) {
    let options = RemoveOptions { force: true, ..RemoveOptions::default() };
    store.remove(name, options, |_| Usage::default()).await.unwrap();
}

fn layers(root: &std::path::Path) -> usize {
    tree(root).keys().filter(|name| name.starts_with("layers/")).count()
}

#[tokio::test]
async fn a_lease_keeps_layers_and_disk_of_a_removed_image_across_restarts() {
    let (root, store) = store().await;
    let empty = tree(root.path());
    let image = image("x");
    load(&store, &image.docker_archive(&["app:v1"])).await.unwrap();
    store.lease("container-1", &image.id()).await.unwrap();
    store.lease("container-1", &image.id()).await.unwrap();
    let disk = store.prepare(&image.id()).await.unwrap();
    assert_eq!(disk.layers, 2);
    assert_eq!(store.prepare(&image.id()).await.unwrap(), disk);
    force_remove(&store, "app:v1").await;
    assert_eq!(layers(root.path()), 2);
    drop(store);
    let store = Store::open(root.path(), options()).await.unwrap();
    assert!(store.list().is_empty());
    assert_eq!(store.leases().iter().map(|lease| lease.owner.as_str()).collect::<Vec<_>>(), ["container-1"]);
    assert!(disk.vmdk.is_file());
    assert_eq!(store.prepare(&image.id()).await.unwrap(), disk, "a stopped container starts again");
    store.release("container-1").await.unwrap();
    store.release("container-1").await.unwrap();
    assert_eq!(tree(root.path()), empty);
    assert!(matches!(store.lease("late", &image.id()).await, Err(ImageError::NoSuchImage(_))));
    assert!(matches!(store.prepare(&image.id()).await, Err(ImageError::NoSuchImage(_))));
}

#[tokio::test]
async fn an_image_without_content_has_a_disk_with_nothing_in_it() {
    let (_root, store) = store().await;
    let image = TestImage::new(vec![tar(&[]), tar(&[])], Format::DockerGzip);
    load(&store, &image.docker_archive(&["empty:v1"])).await.unwrap();
    let found = store.resolve("empty:v1").unwrap();
    assert_eq!(found.size, 0);
    let disk = store.prepare(&found.id).await.unwrap();
    assert_eq!(disk.layers, 1);
}

#[tokio::test]
async fn leftovers_of_a_crash_are_removed_at_the_start() {
    let (root, store) = store().await;
    load(&store, &image("x").docker_archive(&["app:v1"])).await.unwrap();
    drop(store);
    let before = tree(root.path());
    for name in
        ["ingest/7", "blobs/sha256/feed", "layers/feed.erofs", "layers/feed", "disks/feed/image.vmdk", "ingest/d/x"]
    {
        let path = root.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "leftover").unwrap();
    }
    let store = Store::open(root.path(), options()).await.unwrap();
    assert_eq!(tree(root.path()), before);
    assert!(store.resolve("app:v1").is_ok());
}

#[tokio::test]
async fn one_root_has_one_owner() {
    let (root, store) = store().await;
    let error = Store::open(root.path(), options()).await.err().unwrap();
    assert!(matches!(&error, ImageError::Content(ContentError::InUse(_))), "{error}");
    assert!(error.to_string().contains("in use by another process"));
    drop(store);
    Store::open(root.path(), options()).await.unwrap();
}

#[tokio::test]
async fn a_damaged_configuration_hides_the_image_until_it_is_mended() {
    let (root, store) = store().await;
    let image = image("x");
    let archive = image.docker_archive(&["app:v1"]);
    load(&store, &archive).await.unwrap();
    drop(store);
    let blob = root.path().join("blobs/sha256").join(image.id().digest().hex());
    std::fs::write(&blob, "{}").unwrap();
    let store = Store::open(root.path(), options()).await.unwrap();
    assert!(matches!(store.resolve("app:v1"), Err(ImageError::NoSuchImage(_))));
    assert_eq!(layers(root.path()), 2, "nothing else of it is lost");
    load(&store, &archive).await.unwrap();
    assert_eq!(store.resolve("app:v1").unwrap().id, image.id());
}

#[tokio::test]
async fn a_layer_disk_that_is_gone_is_made_again() {
    let (root, store) = store().await;
    let image = image("x");
    let archive = image.docker_archive(&["app:v1"]);
    load(&store, &archive).await.unwrap();
    let before = tree(root.path());
    drop(store);
    let victim = before.keys().find(|name| name.starts_with("layers/")).unwrap();
    std::fs::write(root.path().join(victim), "short").unwrap();
    let store = Store::open(root.path(), options()).await.unwrap();
    let error = store.prepare(&image.id()).await.unwrap_err();
    assert!(error.to_string().contains("pull the image again"), "{error}");
    load(&store, &archive).await.unwrap();
    assert_eq!(tree(root.path()), before);
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let (root, store) = store().await;
    let image = image("x");
    load(&store, &image.docker_archive(&["app:v1", "app:v2"])).await.unwrap();
    let before = store.inspect("app:v1").unwrap();
    drop(store);
    let store = Store::open(root.path(), options()).await.unwrap();
    let after = store.inspect("app:v1").unwrap();
    assert_eq!(after.repo_tags, before.repo_tags);
    assert_eq!(after.image.last_tagged, before.image.last_tagged);
    assert_eq!((after.image.size, &after.image.layers), (before.image.size, &before.image.layers));
    assert_eq!(after.image.config, before.image.config);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_image_disk_being_made_is_not_taken_for_garbage() {
    let (root, store) = store().await;
    let image = image("x");
    load(&store, &image.docker_archive(&["app:v1"])).await.unwrap();
    let collector = tokio::spawn({
        let store = store.clone();
        async move {
            // Both what failed before: gc on what vanished under it, and the making of what gc removed.
            for _ in 0..4000 {
                store.collect_garbage().await.unwrap();
            }
        }
    });
    while !collector.is_finished() {
        let disk = store.prepare(&image.id()).await.unwrap();
        std::fs::remove_dir_all(disk.vmdk.parent().unwrap()).unwrap();
    }
    collector.await.unwrap();
    store.prepare(&image.id()).await.unwrap();
    assert_eq!(root.path().join("ingest").read_dir().unwrap().count(), 0);
}

#[tokio::test]
async fn the_disk_of_an_image_without_layers_is_kept_as_long_as_the_image() {
    let (root, store) = store().await;
    let image = TestImage::new(vec![], Format::DockerGzip);
    load(&store, &image.docker_archive(&["bare:v1"])).await.unwrap();
    let disk = store.prepare(&image.id()).await.unwrap();
    store.collect_garbage().await.unwrap();
    assert!(disk.vmdk.is_file());
    force_remove(&store, "bare:v1").await;
    assert!(!disk.vmdk.exists(), "{:?}", tree(root.path()));
}
