//! Pushing to a registry that fails on demand.

use reqwest::Method;

use super::PushRequest;
use crate::archive::tests::load;
use crate::digest::Digest;
use crate::progress::{Progress, Pushed};
use crate::registry::Credentials;
use crate::testing::image::{Format, TestImage, noise, tar};
use crate::testing::registry::{Door, PASSWORD, TestRegistry, USER};
use crate::testing::server::{Answer, Fault, Server};
use crate::testing::{listener, store, words};
use crate::{ImageError, Store};

/// An image of two layers, in the store under a name at the registry.
async fn loaded(store: &Store, registry: &TestRegistry, format: Format) -> TestImage {
    let image = TestImage::new(vec![tar(&[("a", &noise(1, 300_000))]), tar(&[("b", b"two")])], format);
    load(store, &image.docker_archive(&[&registry.name("app:v1")])).await.unwrap();
    image
}

async fn push(store: &Store, name: &str, credentials: Option<Credentials>) -> (Result<(), ImageError>, Vec<Progress>) {
    let (sender, heard) = listener();
    let request = PushRequest { reference: name.parse().unwrap(), platform: None, credentials };
    let result = store.push(request, sender).await;
    (result, heard.await.unwrap())
}

fn pushed(heard: &[Progress]) -> Pushed {
    heard.last().and_then(|message| message.pushed.clone()).unwrap()
}

#[tokio::test]
async fn a_loaded_image_is_compressed_once_and_keeps_its_digest() {
    let (root, store) = store().await;
    let registry = TestRegistry::start(Door::Open).await;
    let image = loaded(&store, &registry, Format::DockerGzip).await;
    let (result, heard) = push(&store, &registry.name("app:v1"), None).await;
    result.unwrap();
    let first = pushed(&heard);
    assert_eq!(registry.manifest("app", "v1").map(|bytes| Digest::of(&bytes)), Some(first.digest.clone()));
    assert_eq!(registry.blobs(), 3, "two layers and the configuration");
    let found = store.resolve(&format!("{}@{}", registry.name("app"), first.digest)).unwrap();
    assert_eq!(found.id, image.id());
    assert!(found.layers.iter().all(|layer| layer.blob.media_type.ends_with("gzip")), "{:?}", found.layers);
    // The plain blobs are nobody's now; what is here still opens, saves and pushes to the same digest.
    store.collect_garbage().await.unwrap();
    drop(store);
    let store = Store::open(root.path(), crate::testing::options()).await.unwrap();
    let (result, heard) = push(&store, &registry.name("app:v1"), None).await;
    result.unwrap();
    assert_eq!(pushed(&heard), first);
    assert_eq!(words(&heard).iter().filter(|line| line.ends_with(": Layer already exists")).count(), 2);
    let mut archive = store.save(&["app".replace("app", &registry.name("app:v1"))], None).await.unwrap();
    while let Some(chunk) = archive.chunks.recv().await {
        chunk.unwrap();
    }
}

#[tokio::test]
async fn a_pulled_manifest_goes_out_with_the_same_bytes() {
    for format in [Format::DockerGzip, Format::OciGzip, Format::OciZstd, Format::OciPlain] {
        let (_root, store) = store().await;
        let (from, to) = (TestRegistry::start(Door::Open).await, TestRegistry::start(Door::Open).await);
        let image = TestImage::new(vec![tar(&[("a", b"one")]), tar(&[("b", b"two")])], format);
        from.push("app", "v1", &image);
        let (sender, _heard) = listener();
        let reference = from.name("app:v1").parse().unwrap();
        let request = crate::pull::PullRequest { reference, all_tags: false, platform: None, credentials: None };
        store.pull(request, sender).await.unwrap();
        store.tag(&image.id(), &to.name("copy:v2").parse().unwrap()).await.unwrap();
        let (result, heard) = push(&store, &to.name("copy:v2"), None).await;
        result.unwrap();
        assert_eq!(pushed(&heard).digest, image.manifest_digest(), "{format:?}");
        assert!(to.manifest("copy", "v2").unwrap() == image.manifest, "{format:?}");
        let put = to.server.seen("/manifests/v2").into_iter().find(|seen| seen.method == Method::PUT.as_str()).unwrap();
        assert_eq!(put.headers["content-type"], image.manifest_type);
    }
}

#[tokio::test]
async fn an_upload_that_breaks_off_is_begun_again() {
    let (_root, store) = store().await;
    let registry = TestRegistry::start(Door::Open).await;
    loaded(&store, &registry, Format::DockerGzip).await;
    registry.server.fail("/v2/app/blobs/uploads/1", [Fault::HangUp]);
    registry.server.fail("/v2/app/blobs/uploads/2", [Fault::Instead(Answer::new(503, "busy"))]);
    let (result, heard) = push(&store, &registry.name("app:v1"), None).await;
    result.unwrap();
    assert_eq!(words(&heard).iter().filter(|line| line.ends_with(": Retrying in 1 second")).count(), 2, "{heard:?}");
    assert_eq!(registry.blobs(), 3);
}

#[tokio::test]
async fn a_registry_that_never_takes_it_is_given_up() {
    let (_root, store) = store().await;
    let registry = TestRegistry::start(Door::Open).await;
    loaded(&store, &registry, Format::DockerGzip).await;
    for number in 1..=20 {
        registry.server.fail(&format!("/v2/app/blobs/uploads/{number}"), [Fault::HangUp]);
    }
    let (result, _) = push(&store, &registry.name("app:v1"), None).await;
    let error = result.unwrap_err();
    assert!(error.to_string().starts_with("Patch \"http://"), "{error}");
    assert!(registry.manifest("app", "v1").is_none());
}

#[tokio::test]
async fn a_registry_that_knows_only_uploads_in_one_piece_gets_them() {
    let (_root, store) = store().await;
    let registry = TestRegistry::start(Door::Open).await;
    loaded(&store, &registry, Format::DockerGzip).await;
    for number in [1, 2] {
        let path = format!("/v2/app/blobs/uploads/{number}");
        registry.server.fail(&path, [Fault::Instead(Answer::new(405, ""))]);
    }
    push(&store, &registry.name("app:v1"), None).await.0.unwrap();
    assert_eq!(registry.blobs(), 3);
}

#[tokio::test]
async fn a_token_that_has_expired_is_fetched_again_and_the_layer_sent_again() {
    let (_root, store) = store().await;
    let registry = TestRegistry::start(Door::Bearer).await;
    loaded(&store, &registry, Format::DockerGzip).await;
    let host = &registry.server.host;
    let expired = Answer::new(401, "{}")
        .header("WWW-Authenticate", format!("Bearer realm=\"http://{host}/token\",error=\"invalid_token\""));
    registry.server.fail("/v2/app/blobs/uploads/1", [Fault::Instead(expired)]);
    let credentials = Credentials { username: USER.into(), password: PASSWORD.into(), ..Credentials::default() };
    push(&store, &registry.name("app:v1"), Some(credentials)).await.0.unwrap();
    assert_eq!(registry.server.seen("/token").len(), 2);
    assert!(registry.server.seen("/token")[1].query.contains("scope=repository%3Aapp%3Apull%2Cpush"));
}

#[tokio::test]
async fn who_is_not_let_in_is_told_and_nothing_is_sent() {
    let wrong = Credentials { username: USER.into(), password: "no".into(), ..Credentials::default() };
    for (door, credentials, expected) in [
        (Door::Basic, None, "no basic auth credentials"),
        (Door::Basic, Some(wrong.clone()), "unauthorized: authentication required"),
        (Door::Bearer, Some(wrong), "unauthorized: incorrect username or password"),
        (Door::Bearer, None, "denied: requested access to the resource is denied"),
    ] {
        let (_root, store) = store().await;
        let registry = TestRegistry::start(door).await;
        loaded(&store, &registry, Format::DockerGzip).await;
        let error = push(&store, &registry.name("app:v1"), credentials).await.0.unwrap_err();
        assert!(error.to_string().ends_with(expected), "{error}");
        assert_eq!(registry.blobs(), 0);
    }
}

#[tokio::test]
async fn an_upload_elsewhere_sees_no_secret() {
    let (_root, store) = store().await;
    let registry = TestRegistry::start(Door::Basic).await;
    loaded(&store, &registry, Format::DockerGzip).await;
    let storage = Server::start(|_| Answer::new(403, "no")).await;
    let away = || Fault::Instead(Answer::new(202, "").header("Location", format!("http://{}/upload", storage.host)));
    let credentials = Credentials { username: USER.into(), password: PASSWORD.into(), ..Credentials::default() };
    registry.server.fail("/v2/app/blobs/uploads/", [away(), away(), away()]);
    push(&store, &registry.name("app:v1"), Some(credentials)).await.0.unwrap_err();
    let seen = storage.seen("/upload");
    assert!(!seen.is_empty() && seen.iter().all(|seen| !seen.headers.contains_key("authorization")), "{seen:?}");
}

#[tokio::test]
async fn what_is_not_here_is_told_as_dockerd_tells_it() {
    let (_root, store) = store().await;
    let registry = TestRegistry::start(Door::Open).await;
    loaded(&store, &registry, Format::DockerGzip).await;
    let words = async |name: String| push(&store, &name, None).await.0.unwrap_err().to_string();
    let none = registry.name("none");
    assert_eq!(words(none.clone()).await, format!("An image does not exist locally with the tag: {none}"));
    let nope = registry.name("app:nope");
    assert_eq!(words(nope.clone()).await, format!("tag does not exist: {nope}"));
    let digest = format!("{}@sha256:{}", registry.name("app"), "0".repeat(64));
    assert_eq!(words(digest).await, "cannot push a digest reference");
    assert!(registry.server.seen("/manifests/").is_empty());
}
