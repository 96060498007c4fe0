//! Pulling from a registry that misbehaves in every way it can. After each failure the store is as it was.

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
async fn bytes_that_are_not_what_they_should_be_are_refused() {
    let image = two_layers(Format::DockerGzip);
    let other = two_layers(Format::OciZstd);
    let evil = gzip(&tar(&[("evil", &noise(9, 299_000))]));
    let layer = TestRegistry::blob("app", &image.blobs[0]);
    let mut longer = image.blobs[0].clone();
    longer.extend_from_slice(b"more");
    let mut flipped = image.blobs[0].clone();
    flipped[150_000] ^= 1;
    let digest = Digest::of(&image.blobs[0]);
    let layer_words = format!("filesystem layer verification failed for digest {digest}");
    let config = Digest::of(&image.config);
    let cases = [
        (layer.clone(), flipped, layer_words.clone()),
        (layer.clone(), longer, layer_words.clone()),
        (layer.clone(), [evil, vec![0; 1 << 20]].concat()[..image.blobs[0].len()].to_vec(), layer_words),
        (
            TestRegistry::blob("app", &image.config),
            other.manifest.clone(),
            format!("error pulling image configuration: image config verification failed for digest {config}"),
        ),
        (
            format!("/v2/app/manifests/{}", image.manifest_digest()),
            other.manifest,
            format!("manifest verification failed for digest {}", image.manifest_digest()),
        ),
    ];
    for (path, body, words) in cases {
        let (root, store) = store().await;
        let registry = serving(&image).await;
        let before = tree(root.path());
        let answer = || Answer::new(200, body.clone()).header("Content-Type", image.manifest_type);
        registry.server.fail(&path, (0..9).map(|_| Fault::Instead(answer())));
        let error = pull(&store, &registry.name(&format!("app@{}", image.manifest_digest()))).await.unwrap_err();
        assert_eq!(error.to_string(), words);
        assert_eq!(error.class(), Class::Invalid);
        unchanged(&root, &before).await;
        assert!(store.list().is_empty());
    }
}

#[tokio::test]
async fn a_layer_that_is_not_the_one_the_configuration_names_is_refused() {
    let (root, store) = store().await;
    let honest = two_layers(Format::DockerGzip);
    let liar = TestImage::with_config(
        vec![tar(&[("x", b"other")]), tar(&[("y", b"layers")])],
        Format::DockerGzip,
        honest.config.clone(),
    );
    let registry = serving(&liar).await;
    let before = tree(root.path());
    let error = pull(&store, &registry.name("app:v1")).await.unwrap_err();
    assert_eq!(error.to_string(), "layers from manifest don't match image configuration");
    unchanged(&root, &before).await;
    // Also when the disks of the layers it claims are here already.
    registry.push("app", "honest", &honest);
    pull(&store, &registry.name("app:honest")).await.unwrap();
    let after = tree(root.path());
    let other = TestImage::with_config(
        vec![tar(&[("x", b"other")]), tar(&[("y", b"layers")])],
        Format::DockerGzip,
        [&honest.config[..], b" "].concat(),
    );
    registry.push("app", "other", &other);
    let error = pull(&store, &registry.name("app:other")).await.unwrap_err();
    assert_eq!(error.to_string(), "layers from manifest don't match image configuration");
    unchanged(&root, &after).await;
}

#[tokio::test]
async fn a_hostile_layer_is_refused_with_its_reason() {
    let (root, store) = store().await;
    let mut cut = tar(&[("a", &noise(5, 5000))]);
    cut.truncate(2000);
    let image = TestImage::new(vec![tar(&[("ok", b"ok")]), cut], Format::DockerGzip);
    let registry = serving(&image).await;
    let before = tree(root.path());
    let error = pull(&store, &registry.name("app:v1")).await.unwrap_err();
    assert!(error.to_string().starts_with("failed to register layer: "), "{error}");
    assert_eq!(error.class(), Class::Invalid);
    unchanged(&root, &before).await;
}

#[tokio::test]
async fn what_is_not_there_is_told_in_dockerd_s_words() {
    let (_root, store) = store().await;
    let registry = serving(&two_layers(Format::DockerGzip)).await;
    let name = registry.name("app:v9");
    let error = pull(&store, &name).await.unwrap_err();
    assert_eq!(error.to_string(), format!("manifest for {name} not found: manifest unknown: manifest unknown"));
    assert_eq!(error.class(), Class::NotFound);
    let denied = json!({"errors": [{"code": "DENIED", "message": "requested access to the resource is denied"}]});
    registry.server.fail("/v2/app/manifests/v9", [Fault::Instead(Answer::new(403, denied.to_string()))]);
    let error = pull(&store, &name).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "pull access denied for {}, repository does not exist or may require 'docker login': denied: requested \
             access to the resource is denied",
            registry.name("app")
        )
    );
    assert_eq!(error.class(), Class::NotFound);
    let unknown = json!({"errors": [{"code": "NAME_UNKNOWN", "message": "repository name not known to registry"}]});
    registry.server.fail("/v2/app/manifests/v9", [Fault::Instead(Answer::new(404, unknown.to_string()))]);
    let error = pull(&store, &name).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("repository {} not found: name unknown: repository name not known to registry", registry.name("app"))
    );
}

#[tokio::test]
async fn nobody_there_is_said_at_once() {
    let (_root, store) = store().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap();
    drop(listener);
    let error = pull(&store, &format!("{host}/app")).await.unwrap_err();
    assert_eq!(error.class(), Class::Unavailable);
    let text = error.to_string();
    assert!(text.starts_with(&format!("Get \"http://{host}/v2/app/manifests/latest\": ")), "{text}");
    assert!(text.contains("refused"), "{text}");
}

#[tokio::test]
async fn documents_are_bounded() {
    let (root, store) = store().await;
    let registry = serving(&two_layers(Format::DockerGzip)).await;
    let before = tree(root.path());
    let huge = Answer::new(200, vec![b' '; (4 << 20) + 1]).header("Content-Type", LIST);
    registry.server.fail("/v2/app/manifests/v1", [Fault::Instead(huge)]);
    let error = pull(&store, &registry.name("app:v1")).await.unwrap_err();
    assert_eq!(error.to_string(), "the manifest is larger than 4194304 bytes");
    let headers = (0..2000).fold(Answer::new(200, "{}"), |a, n| a.header(&format!("X-{n}"), "v".repeat(500)));
    registry.server.fail("/v2/app/manifests/v1", (0..9).map(|_| Fault::Instead(headers.clone())));
    assert_eq!(pull(&store, &registry.name("app:v1")).await.unwrap_err().class(), Class::Unavailable);
    unchanged(&root, &before).await;
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

#[tokio::test]
async fn old_and_foreign_things_are_refused() {
    let (root, store) = store().await;
    let registry = TestRegistry::start(Door::Open).await;
    let before = tree(root.path());
    let v1 = json!({"schemaVersion": 1, "name": "app", "fsLayers": []}).to_string();
    registry.push_document("app", "old", "application/vnd.docker.distribution.manifest.v1+prettyjws", v1.as_bytes());
    let error = pull(&store, &registry.name("app:old")).await.unwrap_err();
    assert!(error.to_string().starts_with("[DEPRECATION NOTICE] Docker Image Format v1"), "{error}");
    assert!(error.to_string().contains(&format!("author of {} to upgrade", registry.name("app:old"))), "{error}");
    let mut foreign = TestImage::simple("x", b"y");
    foreign.manifest = String::from_utf8(foreign.manifest)
        .unwrap()
        .replace("rootfs.diff.tar.gzip", "rootfs.foreign.diff.tar.gzip")
        .into_bytes();
    registry.push("app", "foreign", &foreign);
    let error = pull(&store, &registry.name("app:foreign")).await.unwrap_err();
    assert!(error.to_string().contains("is a foreign layer"), "{error}");
    assert_eq!(error.class(), Class::Unsupported);
    unchanged(&root, &before).await;
}

fn credentials() -> Credentials {
    Credentials { username: USER.into(), password: PASSWORD.into(), ..Credentials::default() }
}

#[tokio::test]
async fn doors_open_to_those_who_have_the_key() {
    let image = two_layers(Format::DockerGzip);
    let wrong = Credentials { username: USER.into(), password: "no".into(), ..Credentials::default() };
    let refresh = Credentials { identity_token: REFRESH.into(), ..Credentials::default() };
    let token = Credentials { registry_token: TOKEN.into(), ..Credentials::default() };
    let cases = [
        (Door::Basic, Some(credentials()), Ok(())),
        (Door::Basic, None, Err("no basic auth credentials")),
        (Door::Basic, Some(wrong.clone()), Err("unauthorized: authentication required")),
        (Door::Bearer, Some(credentials()), Ok(())),
        (Door::Bearer, Some(refresh), Ok(())),
        (Door::Bearer, Some(token), Ok(())),
        (Door::Bearer, Some(wrong), Err("unauthorized: incorrect username or password")),
        (Door::Bearer, None, Err("denied: requested access to the resource is denied")),
    ];
    for (door, credentials, expected) in cases {
        let (root, store) = store().await;
        let registry = TestRegistry::start(door.clone()).await;
        registry.push("app", "v1", &image);
        let before = tree(root.path());
        let (result, _) = run(&store, PullRequest { credentials, ..request(&registry.name("app:v1")) }).await;
        match expected {
            Ok(()) => assert_eq!(result.unwrap().pulled[0].id, image.id()),
            Err(words) => {
                let error = result.unwrap_err();
                assert!(error.to_string().ends_with(words), "{error}");
                assert!(matches!(error.class(), Class::Unauthorized | Class::NotFound), "{error}");
                unchanged(&root, &before).await;
            }
        }
        if door == Door::Bearer {
            // One token serves all requests of a pull.
            assert!(registry.server.seen("/token").len() <= 1);
        }
    }
}

#[tokio::test]
async fn credentials_do_not_follow_a_redirect_to_another_host() {
    let (_root, store) = store().await;
    let image = two_layers(Format::DockerGzip);
    let registry = TestRegistry::start(Door::Basic).await;
    registry.push("app", "v1", &image);
    let blob = image.blobs[0].clone();
    let storage = Server::start(move |_| Answer::new(200, blob.clone())).await;
    let path = TestRegistry::blob("app", &image.blobs[0]);
    let away = || Fault::Instead(Answer::new(307, "").header("Location", format!("http://{}/stored", storage.host)));
    storage.fail("/stored", [Fault::BreakAfter(100_000)]);
    registry.server.fail(&path, [away(), away()]);
    let (result, _) =
        run(&store, PullRequest { credentials: Some(credentials()), ..request(&registry.name("app:v1")) }).await;
    result.unwrap();
    let stored = storage.seen("/stored");
    assert_eq!(stored.len(), 2);
    assert!(stored.iter().all(|seen| !seen.headers.contains_key("authorization")), "{stored:?}");
    assert_eq!(stored[1].headers.get("range").map(String::as_str), Some("bytes=100000-"));
    assert!(registry.server.seen(&path).iter().all(|seen| seen.headers.contains_key("authorization")));
}

#[tokio::test]
async fn mirrors_serve_docker_io_and_see_no_credentials() {
    let image = two_layers(Format::DockerGzip);
    let (broken, mirror) = (TestRegistry::start(Door::Open).await, TestRegistry::start(Door::Open).await);
    mirror.push("library/app", "v1", &image);
    let root = tempfile::tempdir().unwrap();
    let urls = [&broken, &mirror].map(|registry| format!("http://{}", registry.server.host));
    let store = Store::open(root.path(), StoreOptions { registry_mirrors: urls.into(), ..options() }).await.unwrap();
    let (result, heard) = run(&store, PullRequest { credentials: Some(credentials()), ..request("app:v1") }).await;
    result.unwrap();
    assert_eq!(words(&heard)[0], "v1: Pulling from library/app");
    assert!(words(&heard).contains(&": Status: Downloaded newer image for app:v1".to_owned()));
    assert_eq!(store.inspect("app:v1").unwrap().repo_tags, ["app:v1"]);
    assert!(mirror.server.seen("/").iter().all(|seen| !seen.headers.contains_key("authorization")));
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
    let config = TestRegistry::blob("app", &image.config);
    until("the second has joined", || registry.server.seen(&config).len() == 2).await;
    // It has fetched the configuration; give it the moment it needs to join the flight.
    tokio::time::sleep(Duration::from_millis(100)).await;
    first.abort();
    gate.add_permits(10);
    second.await.unwrap().unwrap();
    assert_eq!(registry.server.seen(&path).len(), 1);
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

#[tokio::test]
async fn login_tells_whether_a_key_fits() {
    let (_root, store) = store().await;
    for door in [Door::Basic, Door::Bearer] {
        let registry = TestRegistry::start(door.clone()).await;
        let good = store.login(&registry.server.host, &credentials()).await.unwrap();
        assert_eq!(good.status, "Login Succeeded");
        assert_eq!(good.identity_token.as_deref(), (door == Door::Bearer).then_some(REFRESH));
        let wrong = Credentials { username: USER.into(), password: "no".into(), ..Credentials::default() };
        let error = store.login(&format!("http://{}/v2/", registry.server.host), &wrong).await.unwrap_err();
        assert_eq!(error.class(), Class::Unauthorized, "{error}");
        let words = match door {
            Door::Basic => "failed with status: 401 Unauthorized",
            _ => "unauthorized: incorrect username or password",
        };
        assert!(error.to_string().ends_with(words), "{error}");
    }
    let open = TestRegistry::start(Door::Open).await;
    assert_eq!(store.login(&open.server.host, &credentials()).await.unwrap().status, "Login Succeeded");
    assert_eq!(store.login("a b", &credentials()).await.unwrap_err().class(), Class::Invalid);
}
