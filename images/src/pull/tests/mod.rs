//! Pulling from a registry that misbehaves in every way it can. After each failure the store is as it was.

mod doors;
mod refused;
mod resume;
mod together;

use std::collections::BTreeMap;

use serde_json::json;
use tokio::time::{Duration, timeout};

use super::{PullOutcome, PullRequest};
use crate::digest::Digest;
use crate::error::Class;
use crate::progress::Progress;
use crate::registry::Credentials;
use crate::testing::image::{Format, TestImage, gzip, noise, tar};
use crate::testing::registry::{Door, PASSWORD, REFRESH, TOKEN, TestRegistry, USER};
use crate::testing::server::{Answer, Fault, Server};
use crate::testing::{listener, options, store, tree, until, words};
use crate::{ImageError, Reference, Store, StoreOptions};

const LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

fn request(name: &str) -> PullRequest {
    PullRequest { reference: Reference::parse(name).unwrap(), all_tags: false, platform: None, credentials: None }
}

async fn run(store: &Store, request: PullRequest) -> (Result<PullOutcome, ImageError>, Vec<Progress>) {
    let (sender, heard) = listener();
    let result = timeout(Duration::from_secs(60), store.pull(request, sender)).await.expect("a pull that never ends");
    (result, heard.await.unwrap())
}

async fn pull(store: &Store, name: &str) -> Result<PullOutcome, ImageError> {
    run(store, request(name)).await.0
}

/// The other layers of a pull that failed take a moment to let go of their files.
async fn unchanged(root: &tempfile::TempDir, before: &BTreeMap<String, u64>) {
    until("the store is as it was", || tree(root.path()) == *before).await;
}

fn two_layers(format: Format) -> TestImage {
    TestImage::new(vec![tar(&[("a", &noise(1, 300_000))]), tar(&[("b", &noise(2, 200_000))])], format)
}

/// A registry with one image as `app:v1`.
async fn serving(image: &TestImage) -> TestRegistry {
    let registry = TestRegistry::start(Door::Open).await;
    registry.push("app", "v1", image);
    registry
}

#[tokio::test]
async fn every_format_is_pulled_and_kept_as_it_came() {
    for format in [Format::DockerGzip, Format::OciGzip, Format::OciZstd, Format::OciPlain] {
        let (root, store) = store().await;
        let image = two_layers(format);
        let registry = serving(&image).await;
        let outcome = pull(&store, &registry.name("app:v1")).await.unwrap();
        let pulled = &outcome.pulled[0];
        assert_eq!((&pulled.id, &pulled.digest, outcome.newer), (&image.id(), &image.manifest_digest(), true));
        let inspect = store.inspect(&registry.name("app:v1")).unwrap();
        assert_eq!(inspect.repo_digests, [registry.name(&format!("app@{}", image.manifest_digest()))]);
        assert_eq!(inspect.image.size, 500_000);
        for bytes in image.blobs.iter().chain([&image.config, &image.manifest]) {
            let blob = std::fs::read(root.path().join("blobs/sha256").join(Digest::of(bytes).hex())).unwrap();
            assert!(blob == *bytes);
        }
        for tar in &image.tars {
            assert!(root.path().join(format!("layers/{}.erofs", Digest::of(tar).hex())).is_file());
        }
        assert_eq!(store.prepare(&image.id()).await.unwrap().layers, 2);
    }
}

#[tokio::test]
async fn progress_has_dockerd_s_words_in_dockerd_s_order() {
    let (_root, store) = store().await;
    let image = two_layers(Format::DockerGzip);
    let registry = serving(&image).await;
    let name = registry.name("app:v1");
    let (result, heard) = run(&store, request(&name)).await;
    result.unwrap();
    let said = words(&heard);
    let ids: Vec<String> = image.blobs.iter().map(|blob| Digest::of(blob).short().to_owned()).collect();
    assert_eq!(said[0], "v1: Pulling from app");
    assert_eq!(said[1..3], [format!("{}: Pulling fs layer", ids[0]), format!("{}: Pulling fs layer", ids[1])]);
    for id in &ids {
        let own: Vec<&str> = said.iter().filter_map(|line| line.strip_prefix(&format!("{id}: "))).collect();
        assert_eq!(own, ["Pulling fs layer", "Verifying Checksum", "Download complete", "Pull complete"]);
    }
    let end =
        [format!(": Digest: {}", image.manifest_digest()), format!(": Status: Downloaded newer image for {name}")];
    assert_eq!(said[said.len() - 2..], end);
    let (result, heard) = run(&store, request(&name)).await;
    assert!(!result.unwrap().newer);
    assert_eq!(
        words(&heard),
        ["v1: Pulling from app".into(), end[0].clone(), format!(": Status: Image is up to date for {name}")]
    );
}

#[tokio::test]
async fn an_index_leads_to_the_platform_asked_for() {
    let (_root, store) = store().await;
    let (amd, arm) = (two_layers(Format::OciGzip), TestImage::new(vec![tar(&[("arm", b"64")])], Format::OciGzip));
    let registry = TestRegistry::start(Door::Open).await;
    registry.push("app", "", &amd);
    registry.push("app", "", &arm);
    let entry = |image: &TestImage, architecture: &str| {
        json!({"mediaType": image.manifest_type, "digest": image.manifest_digest(), "size": image.manifest.len(),
               "platform": {"os": "linux", "architecture": architecture}})
    };
    for kind in [LIST, "application/vnd.oci.image.index.v1+json"] {
        let index =
            json!({"schemaVersion": 2, "mediaType": kind, "manifests": [entry(&arm, "arm64"), entry(&amd, "amd64")]});
        let index = index.to_string().into_bytes();
        registry.push_document("app", "multi", kind, &index);
        let name = registry.name("app:multi");
        let outcome = pull(&store, &name).await.unwrap();
        assert_eq!((&outcome.pulled[0].id, &outcome.pulled[0].digest), (&amd.id(), &Digest::of(&index)));
        let inspect = store.inspect(&name).unwrap();
        assert!(inspect.repo_digests.contains(&registry.name(&format!("app@{}", Digest::of(&index)))));
        let asked = PullRequest { platform: Some("linux/arm64".parse().unwrap()), ..request(&name) };
        assert_eq!(run(&store, asked).await.0.unwrap().pulled[0].id, arm.id());
        let asked = PullRequest { platform: Some("linux/s390x".parse().unwrap()), ..request(&name) };
        let error = run(&store, asked).await.0.unwrap_err();
        assert_eq!(error.to_string(), "no matching manifest for linux/s390x in the manifest list entries");
        assert_eq!(error.class(), Class::NotFound);
    }
}

#[tokio::test]
async fn by_digest_the_name_has_no_tag() {
    let (_root, store) = store().await;
    let image = two_layers(Format::DockerGzip);
    let registry = serving(&image).await;
    let name = registry.name(&format!("app@{}", image.manifest_digest()));
    let (result, heard) = run(&store, request(&name)).await;
    assert!(result.unwrap().newer);
    assert_eq!(words(&heard)[0], format!("{name}: Pulling from app"));
    let inspect = store.inspect(&name).unwrap();
    assert_eq!((inspect.repo_tags, inspect.repo_digests), (vec![], vec![name.clone()]));
    assert!(!pull(&store, &name).await.unwrap().newer);
    let tagged = registry.name(&format!("app:v7@{}", image.manifest_digest()));
    assert!(!pull(&store, &tagged).await.unwrap().newer, "the tag beside a digest is only decoration");
}

#[tokio::test]
async fn all_tags_come_page_by_page() {
    let (_root, store) = store().await;
    let registry = serving(&two_layers(Format::DockerGzip)).await;
    registry.push("app", "v2", &TestImage::simple("x", b"2"));
    registry.push("app", "v3", &TestImage::simple("x", b"3"));
    let all = PullRequest { all_tags: true, ..request(&registry.name("app")) };
    let (result, heard) = run(&store, all).await;
    let outcome = result.unwrap();
    assert_eq!(outcome.pulled.iter().filter_map(|p| p.reference.tag()).collect::<Vec<_>>(), ["v1", "v2", "v3"]);
    assert_eq!(store.list().len(), 3);
    let status = format!(": Status: Downloaded newer image for {}", registry.name("app"));
    assert_eq!(words(&heard).last(), Some(&status));
}
