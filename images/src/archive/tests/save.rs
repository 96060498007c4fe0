//! What is saved can be loaded, by us and as either format.

use super::layout::layout;
use super::*;

async fn saved(store: &Store, names: &[&str]) -> Result<Vec<u8>, ImageError> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut chunks = store.save(&names, None).await?.chunks;
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.recv().await {
        bytes.extend_from_slice(&chunk?);
    }
    Ok(bytes)
}

fn files(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut archive = tar::Archive::new(archive);
    let read = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        (entry.path().unwrap().display().to_string(), bytes)
    };
    archive.entries().unwrap().map(read).collect()
}

#[tokio::test]
async fn what_is_saved_can_be_loaded_and_has_the_same_digests() {
    for format in [Format::OciGzip, Format::OciZstd, Format::OciPlain] {
        let (_root, store) = store().await;
        let image = TestImage::new(vec![tar(&[("a", &noise(1, 300_000))]), tar(&[]), tar(&[("b", b"two")])], format);
        let named = json!({"annotations": {"io.containerd.image.name": "docker.io/library/app:v1"}});
        load(&store, &layout(&[(&image, named)])).await.unwrap();
        store.tag(&image.id(), &"reg.test/app:v2".parse().unwrap()).await.unwrap();
        let archive = saved(&store, &["app:v1", "reg.test/app", image.id().short()]).await.unwrap();
        let found = files(&archive);
        for bytes in image.tars.iter().chain([&image.config]) {
            let kept = &found[&format!("blobs/sha256/{}", Digest::of(bytes).hex())];
            assert!(kept == bytes);
        }
        let docker: serde_json::Value = serde_json::from_slice(&found["manifest.json"]).unwrap();
        assert_eq!(docker[0]["RepoTags"], json!(["app:v1", "reg.test/app:v2"]));
        let (_root, other) = crate::testing::store().await;
        let loaded = load(&other, &archive).await.unwrap();
        assert_eq!(lines(&loaded), "Loaded image: app:v1\nLoaded image: reg.test/app:v2\n");
        assert_eq!(loaded[0].id, image.id());
        // As a layout, without its docker part, it is the same image.
        let parts: Vec<_> = found.iter().filter(|(name, _)| *name != "manifest.json" && !name.ends_with('/')).collect();
        let parts: Vec<(&str, &[u8])> = parts.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
        let (_root, third) = crate::testing::store().await;
        let loaded = load(&third, &tar(&parts)).await.unwrap();
        assert_eq!(lines(&loaded), "Loaded image: app:v1\nLoaded image: reg.test/app:v2\n");
        assert_eq!(loaded[0].id, image.id());
    }
}

#[tokio::test]
async fn names_to_save_are_read_as_dockerd_does() {
    let (_root, store) = store().await;
    let image = two_layers();
    load(&store, &image.docker_archive(&["app:v1", "app:v2"])).await.unwrap();
    let tags = async |name: &str| {
        let archive = saved(&store, &[name]).await.unwrap();
        let docker: serde_json::Value = serde_json::from_slice(&files(&archive)["manifest.json"]).unwrap();
        docker[0]["RepoTags"].clone()
    };
    assert_eq!(tags("app").await, json!(["app:v1", "app:v2"]));
    assert_eq!(tags("app:v2").await, json!(["app:v2"]));
    assert_eq!(tags(image.id().short()).await, json!(null));
    assert_eq!(tags(&image.id().to_string()).await, json!(null));
    let words = async |name: &str| saved(&store, &[name]).await.unwrap_err().to_string();
    assert_eq!(words("nope").await, "No such image: nope");
    assert_eq!(words("nope:v1").await, "reference does not exist");
    assert_eq!(words("A").await, "invalid reference format: repository name (library/A) must be lowercase");
}

#[tokio::test]
async fn a_damaged_layer_is_never_saved_as_if_it_were_whole() {
    let (root, store) = store().await;
    let image = two_layers();
    load(&store, &image.docker_archive(&["app:v1"])).await.unwrap();
    let blob = root.path().join("blobs/sha256").join(Digest::of(&image.tars[1]).hex());
    let mut bytes = std::fs::read(&blob).unwrap();
    bytes[600] ^= 1;
    std::fs::write(&blob, bytes).unwrap();
    let error = saved(&store, &["app:v1"]).await.unwrap_err();
    assert!(error.to_string().contains("is damaged on disk"), "{error}");
    std::fs::remove_file(&blob).unwrap();
    let error = saved(&store, &["app:v1"]).await.unwrap_err();
    assert!(error.to_string().contains("is missing from the store"), "{error}");
}

#[tokio::test]
async fn a_client_that_leaves_stops_a_save() {
    let (root, store) = store().await;
    let image = TestImage::new(vec![tar(&[("a", &noise(1, 4 << 20))])], Format::DockerGzip);
    load(&store, &image.docker_archive(&["app:v1"])).await.unwrap();
    let mut chunks = store.save(&["app:v1".to_owned()], None).await.unwrap().chunks;
    chunks.recv().await.unwrap().unwrap();
    drop(chunks);
    // Nothing holds the image's files any more: they go with it.
    let options = crate::image::RemoveOptions::default();
    crate::testing::until("the save has let go", || !store.shared().pins.any()).await;
    store.remove("app:v1", options, |_| crate::image::Usage::default()).await.unwrap();
    assert!(tree(root.path()).is_empty());
}

#[tokio::test]
async fn a_platform_is_honoured_both_ways() {
    let (_root, store) = store().await;
    let image = two_layers();
    let config = String::from_utf8(image.config.clone()).unwrap().replace("amd64", "arm64");
    let other = TestImage::with_config(image.tars.clone(), Format::DockerGzip, config.into_bytes());
    let archive = docker_archive(&[(&image, &["app:amd"]), (&other, &["app:arm"])]);
    let arm: crate::Platform = "linux/arm64".parse().unwrap();
    let (sender, heard) = listener();
    let loaded = store.load(&archive[..], Some(arm.clone()), sender).await.unwrap();
    heard.await.unwrap();
    assert_eq!(lines(&loaded), "Loaded image: app:arm\n");
    assert_eq!(store.list().len(), 1);
    let names = ["app:arm".to_owned()];
    assert_eq!(store.save(&names, Some(&arm)).await.unwrap().images, [other.id()]);
    let error = store.save(&names, Some(&crate::Platform::default())).await.unwrap_err();
    assert_eq!(error.to_string(), "no suitable export target found for platform linux/amd64");
}
