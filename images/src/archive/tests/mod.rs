//! Loading archives: the formats, and all the ways in which they can be wrong. Nothing of a refused one may stay.

mod import;
mod layout;
mod save;

use std::collections::BTreeMap;
use std::io::{Read, Write};

use serde_json::json;

use crate::archive::{ImportRequest, LoadedImage};
use crate::digest::Digest;
use crate::image::RunConfig;
use crate::testing::image::{Format, TestImage, docker_archive, gzip, noise, tar};
use crate::testing::{listener, store, tree};
use crate::{ImageError, Store};

pub(crate) async fn load(store: &Store, archive: &[u8]) -> Result<Vec<LoadedImage>, ImageError> {
    let (sender, heard) = listener();
    let result = store.load(archive, None, sender).await;
    heard.await.unwrap();
    result
}

fn lines(loaded: &[LoadedImage]) -> String {
    loaded.iter().flat_map(LoadedImage::messages).collect()
}

fn two_layers() -> TestImage {
    TestImage::new(vec![tar(&[("a", b"one")]), tar(&[("b", b"two"), ("c", b"three")])], Format::DockerGzip)
}

#[tokio::test]
async fn a_docker_archive_becomes_an_image() {
    let (root, store) = store().await;
    let image = two_layers();
    let loaded = load(&store, &image.docker_archive(&["app:v1", "localhost:5000/x/app:v2"])).await.unwrap();
    assert_eq!(lines(&loaded), "Loaded image: app:v1\nLoaded image: localhost:5000/x/app:v2\n");
    let found = store.resolve("app:v1").unwrap();
    assert_eq!(found.id, image.id());
    assert_eq!(found.config.config.cmd.as_deref(), Some(&["/bin/sh".to_owned()][..]));
    assert_eq!(store.raw_config(&found.id).await.unwrap(), image.config);
    // Layers stay as they were given, so that their digests are those of the tars.
    let blobs: Vec<_> = found.layers.iter().map(|layer| layer.blob.digest.clone()).collect();
    assert_eq!(blobs, image.tars.iter().map(|tar| Digest::of(tar)).collect::<Vec<_>>());
    let tree = tree(root.path());
    assert_eq!(tree.keys().filter(|name| name.starts_with("blobs/")).count(), 3, "{tree:?}");
    assert_eq!(tree.keys().filter(|name| name.starts_with("layers/")).count(), 2, "{tree:?}");
    assert!(!tree.keys().any(|name| name.starts_with("ingest/")), "{tree:?}");
}

#[tokio::test]
async fn any_outer_compression_is_read() {
    let archive = two_layers().docker_archive(&["app:v1"]);
    let mut bz = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bz.write_all(&archive).unwrap();
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
    xz.write_all(&archive).unwrap();
    let compressed =
        [gzip(&archive), zstd::encode_all(&archive[..], 1).unwrap(), bz.finish().unwrap(), xz.finish().unwrap()];
    for bytes in compressed {
        let (_root, store) = store().await;
        assert_eq!(lines(&load(&store, &bytes).await.unwrap()), "Loaded image: app:v1\n");
    }
}

#[tokio::test]
async fn images_without_a_name_and_several_at_once() {
    let (_root, store) = store().await;
    let (one, two) = (two_layers(), TestImage::simple("z", b"z"));
    let loaded = load(&store, &docker_archive(&[(&one, &[]), (&two, &["two:latest"])])).await.unwrap();
    assert_eq!(lines(&loaded), format!("Loaded image ID: {}\nLoaded image: two:latest\n", one.id()));
    assert!(store.list().iter().any(|summary| summary.is_dangling() && summary.image.id == one.id()));
}

#[tokio::test]
async fn a_tag_is_taken_from_the_image_that_had_it() {
    let (_root, store) = store().await;
    let (old, new) = (TestImage::simple("a", b"old"), TestImage::simple("a", b"new"));
    load(&store, &old.docker_archive(&["app:v1"])).await.unwrap();
    let loaded = load(&store, &new.docker_archive(&["app:v1"])).await.unwrap();
    let renamed =
        format!("The image app:v1 already exists, renaming the old one with ID {} to empty string\n", old.id());
    assert_eq!(lines(&loaded), renamed + "Loaded image: app:v1\n");
    assert_eq!(store.resolve("app:v1").unwrap().id, new.id());
    // The same again says nothing of it.
    let loaded = load(&store, &new.docker_archive(&["app:v1"])).await.unwrap();
    assert_eq!(lines(&loaded), "Loaded image: app:v1\n");
}

#[tokio::test]
async fn links_within_an_archive_are_followed_and_lead_nowhere_else() {
    let image = TestImage::simple("a", b"one");
    let archive = |layer: &str, target: &str, kind: tar::EntryType| {
        let mut builder = tar::Builder::new(Vec::new());
        let mut file = |name: &str, bytes: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            builder.append_data(&mut header, name, bytes).unwrap();
        };
        file("real.tar", &image.tars[0]);
        file("c.json", &image.config);
        file(
            "manifest.json",
            json!([{"Config": "c.json", "RepoTags": null, "Layers": [layer]}]).to_string().as_bytes(),
        );
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        builder.append_link(&mut header, "id/layer.tar", target).unwrap();
        builder.into_inner().unwrap()
    };
    let cases = [
        ("id/layer.tar", "../real.tar", tar::EntryType::Symlink, Ok(())),
        ("id/layer.tar", "real.tar", tar::EntryType::Link, Ok(())),
        ("./id/../real.tar", "x", tar::EntryType::Symlink, Ok(())),
        ("id/layer.tar", "../../etc/passwd", tar::EntryType::Symlink, Err("id/layer.tar is a link that leads nowhere")),
        ("id/layer.tar", "layer.tar", tar::EntryType::Symlink, Err("id/layer.tar is a link that leads nowhere")),
        ("id/layer.tar", "other", tar::EntryType::Symlink, Err("id/layer.tar is missing")),
        ("../real.tar", "x", tar::EntryType::Symlink, Err("../real.tar is missing")),
    ];
    for (layer, target, kind, expected) in cases {
        let (root, store) = store().await;
        let before = tree(root.path());
        let result = load(&store, &archive(layer, target, kind)).await;
        match expected {
            Ok(()) => assert_eq!(result.unwrap()[0].id, image.id(), "{layer} → {target}"),
            Err(words) => {
                assert_eq!(result.unwrap_err().to_string(), format!("archive: {words}"));
                assert_eq!(tree(root.path()), before);
            }
        }
    }
}

fn manifest(items: serde_json::Value) -> Vec<u8> {
    items.to_string().into_bytes()
}

#[tokio::test]
async fn what_is_wrong_with_an_archive_is_told_and_nothing_of_it_stays() {
    let image = two_layers();
    let (config, one, two) = (&image.config[..], &image.tars[0][..], &image.tars[1][..]);
    let item = |layers: &[&str]| manifest(json!([{"Config": "c", "RepoTags": ["a:b"], "Layers": layers}]));
    let tagged = |tag: &str| manifest(json!([{"Config": "c", "RepoTags": [tag], "Layers": ["1", "2"]}]));
    let good = item(&["1", "2"]);
    let whole = tar(&[("manifest.json", &good), ("c", config), ("1", one), ("2", two)]);
    let windows = br#"{"os":"windows","rootfs":{"type":"layers","diff_ids":[]}}"#;
    let big = noise(1, 5 << 20);
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"".to_vec(), "archive holds no image"),
        (b"this is no tar archive, but longer than a block".repeat(20), "not a tar archive"),
        (tar(&[("x", b"y")]), "archive holds no image"),
        (whole[..whole.len() / 2 + 7].to_vec(), "unexpected end of file"),
        (gzip(&whole)[..200].to_vec(), "incomplete deflate stream"),
        (tar(&[("manifest.json", b"[{")]), "manifest.json"),
        (tar(&[("manifest.json", &big)]), "larger than 4 MiB"),
        (tar(&[("manifest.json", &good), ("1", one), ("2", two)]), "c is missing"),
        (tar(&[("manifest.json", &good), ("c", config), ("1", one)]), "2 is missing"),
        (
            tar(&[("manifest.json", &good), ("c", b"{}"), ("1", one), ("2", two)]),
            "invalid rootfs in image configuration",
        ),
        (tar(&[("manifest.json", &good), ("c", windows)]), "cannot load windows image on linux"),
        (
            tar(&[("manifest.json", &item(&["1"])), ("c", config), ("1", one)]),
            "invalid manifest, layers length mismatch: expected 2, got 1",
        ),
        (
            tar(&[("manifest.json", &good), ("c", config), ("1", two), ("2", one)]),
            "invalid diffID for layer 0: expected \"sha256:",
        ),
        (tar(&[("manifest.json", &good), ("c", config), ("1", one), ("2", b"junk")]), "failed to register layer"),
        (tar(&[("manifest.json", &tagged("A:b")), ("c", config)]), "must be lowercase"),
        (tar(&[("manifest.json", &tagged("a")), ("c", config)]), "invalid tag format"),
        (tar(&[("manifest.json", &tagged("sha256:x")), ("c", config)]), "refusing to create an ambiguous tag"),
    ];
    let (root, store) = store().await;
    let before = tree(root.path());
    for (archive, words) in cases {
        let error = load(&store, &archive).await.expect_err(words).chain();
        assert!(error.contains(words), "{error:?} does not say {words:?}");
        assert_eq!(tree(root.path()), before, "{words}");
        assert!(store.list().is_empty(), "{words}");
    }
    assert_eq!(lines(&load(&store, &whole).await.unwrap()), "Loaded image: a:b\n");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_the_reason_given() {
    let (root, store) = store().await;
    let archive = two_layers().docker_archive(&["a:b"]);
    let before = tree(root.path());
    let broken = tokio_util::io::StreamReader::new(futures_util::stream::iter([
        Ok(bytes::Bytes::from(archive[..2000].to_vec())),
        Err(std::io::Error::other("client went away")),
    ]));
    let (sender, _heard) = listener();
    let error = store.load(broken, None, sender).await.unwrap_err();
    assert_eq!(error.chain(), "archive: client went away");
    assert_eq!(tree(root.path()), before);
}

#[tokio::test]
async fn odd_headers_cost_no_memory_and_sparse_files_are_refused() {
    let (_root, store) = store().await;
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNULongName);
    header.set_size(1 << 40);
    header.set_cksum();
    let error = load(&store, header.as_bytes()).await.unwrap_err();
    assert_eq!(error.to_string(), "archive: a header is larger than any name needs");
    header.set_entry_type(tar::EntryType::GNUSparse);
    header.set_path("s").unwrap();
    header.set_cksum();
    let error = load(&store, header.as_bytes()).await.unwrap_err();
    assert_eq!(error.to_string(), "archive: s is neither a file, a directory nor a link");
}

#[tokio::test]
async fn long_names_come_through() {
    let (_root, store) = store().await;
    let image = TestImage::simple("a", b"one");
    let name = format!("{}/layer.tar", "d".repeat(180));
    for pax in [false, true] {
        let items = manifest(json!([{"Config": "c", "Layers": [name]}]));
        let mut builder = tar::Builder::new(Vec::new());
        for (name, bytes) in [("c", &image.config), ("manifest.json", &items), (name.as_str(), &image.tars[0])] {
            let mut header = if pax { tar::Header::new_ustar() } else { tar::Header::new_gnu() };
            header.set_size(bytes.len() as u64);
            if pax {
                let size = bytes.len().to_string();
                builder.append_pax_extensions([("path", name.as_bytes()), ("size", size.as_bytes())]).unwrap();
                header.set_size(0);
                header.set_path("short").unwrap();
                header.set_cksum();
                // The size stands in the extended header alone, as writers of very large files do it.
                builder.get_mut().extend_from_slice(header.as_bytes());
                builder.get_mut().extend_from_slice(bytes);
                let padding = (512 - bytes.len() % 512) % 512;
                builder.get_mut().extend(std::iter::repeat_n(0, padding));
            } else {
                builder.append_data(&mut header, name, &bytes[..]).unwrap();
            }
        }
        let loaded = load(&store, &builder.into_inner().unwrap()).await.unwrap();
        assert_eq!(loaded[0].id, image.id(), "pax: {pax}");
    }
}

#[tokio::test]
async fn layers_shared_by_images_are_stored_once() {
    let (root, store) = store().await;
    let base = tar(&[("base", &noise(7, 100_000))]);
    let one = TestImage::new(vec![base.clone(), tar(&[("a", b"1")])], Format::DockerGzip);
    let two = TestImage::new(vec![base, tar(&[("a", b"2")])], Format::DockerGzip);
    load(&store, &docker_archive(&[(&one, &["one:latest"]), (&two, &["two:latest"])])).await.unwrap();
    let tree = tree(root.path());
    assert_eq!(tree.keys().filter(|name| name.starts_with("layers/")).count(), 3);
    // Two configurations and three layers.
    assert_eq!(tree.keys().filter(|name| name.starts_with("blobs/")).count(), 5);
}
