//! What is refused, in which words; the store is then as it was.

use super::*;

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
