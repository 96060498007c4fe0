//! OCI layouts: loaded with their manifests, names and platforms heeded, digests verified.

use super::*;

/// An OCI layout of images, by annotations.
pub(super) fn layout(entries: &[(&TestImage, serde_json::Value)]) -> Vec<u8> {
    let mut files: Vec<(String, Vec<u8>)> = vec![("oci-layout".into(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec())];
    let mut manifests = Vec::new();
    for (image, extra) in entries {
        for bytes in image.blobs.iter().chain([&image.config, &image.manifest]) {
            files.push((format!("blobs/sha256/{}", Digest::of(bytes).hex()), bytes.clone()));
        }
        let mut entry =
            json!({"mediaType": image.manifest_type, "digest": image.manifest_digest(), "size": image.manifest.len()});
        entry.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        manifests.push(entry);
    }
    files.push(("index.json".into(), json!({"schemaVersion": 2, "manifests": manifests}).to_string().into_bytes()));
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    tar(&files)
}

#[tokio::test]
async fn an_oci_layout_becomes_images_with_their_manifests() {
    for format in [Format::OciGzip, Format::OciZstd, Format::OciPlain] {
        let (_root, store) = store().await;
        let image = TestImage::new(vec![tar(&[("a", b"one")]), tar(&[("b", b"two")])], format);
        let named = json!({"annotations": {"org.opencontainers.image.ref.name": "localhost/app:v1"}});
        let loaded = load(&store, &layout(&[(&image, named)])).await.unwrap();
        assert_eq!(lines(&loaded), "Loaded image: localhost/app:v1\n");
        let found = store.resolve("localhost/app:v1").unwrap();
        assert_eq!(found.manifest.as_ref().map(|m| m.digest.clone()), Some(image.manifest_digest()));
        let blobs: Vec<_> = found.layers.iter().map(|layer| layer.blob.digest.clone()).collect();
        assert_eq!(blobs, image.blobs.iter().map(|blob| Digest::of(blob)).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn names_and_platforms_of_a_layout_are_heeded() {
    let (_root, store) = store().await;
    let image = TestImage::new(vec![tar(&[("a", b"one")])], Format::OciGzip);
    let arm = TestImage::new(vec![tar(&[("a", b"arm")])], Format::OciGzip);
    let archive = layout(&[
        (&image, json!({"annotations": {"org.opencontainers.image.ref.name": "latest"}})),
        (&image, json!({"annotations": {"io.containerd.image.name": "docker.io/library/app:v2"}})),
        (&arm, json!({"platform": {"os": "linux", "architecture": "arm64"}})),
    ]);
    let loaded = load(&store, &archive).await.unwrap();
    assert_eq!(lines(&loaded), "Loaded image: app:v2\n");
    assert_eq!(store.list().len(), 1);
    let only_arm = layout(&[(&arm, json!({"platform": {"os": "linux", "architecture": "arm64"}}))]);
    let error = load(&store, &only_arm).await.unwrap_err();
    assert_eq!(error.to_string(), "archive holds no image for linux/amd64");
}

#[tokio::test]
async fn a_layout_whose_blobs_are_not_their_names_is_refused() {
    let (root, store) = store().await;
    let mut image = TestImage::new(vec![tar(&[("a", b"one")])], Format::OciGzip);
    let archive = layout(&[(&image, json!({}))]);
    let name = format!("blobs/sha256/{}", Digest::of(&image.blobs[0]).hex());
    image.blobs[0] = gzip(&tar(&[("a", b"evil")]));
    // The last file of a name wins, as in any tar; it comes in place of the end mark.
    let mut builder = tar::Builder::new(archive[..archive.len() - 1024].to_vec());
    let mut header = tar::Header::new_gnu();
    header.set_size(image.blobs[0].len() as u64);
    builder.append_data(&mut header, &name, &image.blobs[0][..]).unwrap();
    let before = tree(root.path());
    let error = load(&store, &builder.into_inner().unwrap()).await.unwrap_err();
    assert_eq!(error.to_string(), format!("archive: {name} does not have the digest it is named by"));
    assert_eq!(tree(root.path()), before);
}
