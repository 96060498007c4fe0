//! Root file systems become images.

use super::*;

async fn import(store: &Store, tar: &[u8], reference: Option<&str>) -> Result<crate::ImageId, ImageError> {
    let config = RunConfig { cmd: Some(vec!["/bin/sh".into()]), ..RunConfig::default() };
    let reference = reference.map(|text| text.parse().unwrap());
    store.import(tar, ImportRequest { config, message: "Imported from -".into(), reference, platform: None }).await
}

#[tokio::test]
async fn a_root_file_system_becomes_an_image() {
    let root_fs = tar(&[("bin/sh", b"#!"), ("etc/passwd", b"root:x:0:0")]);
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
    xz.write_all(&root_fs).unwrap();
    let zipped = gzip(&root_fs);
    // What registries do not take is kept as a plain tar.
    for (given, kept) in [(&root_fs, &root_fs), (&zipped, &zipped), (&xz.finish().unwrap(), &root_fs)] {
        let (root, store) = store().await;
        let id = import(&store, given, Some("imported:v1")).await.unwrap();
        let image = store.resolve("imported:v1").unwrap();
        assert_eq!((&image.id, image.layers.len()), (&id, 1));
        assert_eq!(image.layers[0].diff_id, Digest::of(&root_fs));
        assert_eq!(image.layers[0].blob.digest, Digest::of(kept));
        assert_eq!(image.config.comment, "Imported from -");
        assert_eq!((image.config.os.as_str(), image.config.architecture.as_str()), ("linux", "amd64"));
        assert_eq!(store.history("imported:v1").unwrap()[0].comment, "Imported from -");
        assert_eq!(tree(root.path()).keys().filter(|name| name.starts_with("blobs/")).count(), 2);
        assert_eq!(store.prepare(&id).await.unwrap().layers, 1);
    }
    let (root, store) = store().await;
    let before = tree(root.path());
    let error = import(&store, b"no tar at all, whatever it says", None).await.unwrap_err();
    assert!(error.to_string().starts_with("failed to register layer: "), "{error}");
    let digest = format!("a@sha256:{}", "a".repeat(64));
    let error = import(&store, &root_fs, Some(&digest)).await.unwrap_err();
    assert_eq!(error.to_string(), "refusing to create a tag with a digest reference");
    assert_eq!(tree(root.path()), before);
}
