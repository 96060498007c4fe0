//! Small images, made in memory.

use std::io::Write;

use serde_json::json;

use crate::digest::Digest;

/// A tar of files by name and content.
pub(crate) fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(1_700_000_000);
        builder.append_data(&mut header, name, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Bytes that do not compress, the same for the same seed.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(|_| byte()).collect()
}

/// How a test image's layers are compressed, and in which family of media types it is described.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    DockerGzip,
    OciGzip,
    OciZstd,
    OciPlain,
}

/// An image: its documents and blobs.
#[derive(Clone, Debug)]
pub(crate) struct TestImage {
    pub(crate) manifest: Vec<u8>,
    pub(crate) manifest_type: &'static str,
    pub(crate) config: Vec<u8>,
    /// Compressed layers.
    pub(crate) blobs: Vec<Vec<u8>>,
    /// Layers as tars.
    pub(crate) tars: Vec<Vec<u8>>,
}

impl TestImage {
    /// An image of these layer tars.
    pub(crate) fn new(tars: Vec<Vec<u8>>, format: Format) -> Self {
        let diff_ids: Vec<Digest> = tars.iter().map(|tar| Digest::of(tar)).collect();
        let history: Vec<_> = (0..tars.len())
            .map(|n| json!({"created": "2024-01-01T00:00:00Z", "created_by": format!("step {n}")}))
            .collect();
        let config = json!({
            "architecture": "amd64", "os": "linux", "created": "2024-01-02T03:04:05.6Z",
            "config": {"Cmd": ["/bin/sh"], "Env": ["PATH=/bin"], "Labels": {"a": "b"}},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": history,
        });
        Self::with_config(tars, format, serde_json::to_vec(&config).unwrap())
    }

    /// One layer with one file.
    pub(crate) fn simple(name: &str, content: &[u8]) -> Self {
        Self::new(vec![tar(&[(name, content)])], Format::DockerGzip)
    }

    pub(crate) fn with_config(tars: Vec<Vec<u8>>, format: Format, config: Vec<u8>) -> Self {
        let compress = |tar: &Vec<u8>| match format {
            Format::DockerGzip | Format::OciGzip => gzip(tar),
            Format::OciZstd => zstd::encode_all(&tar[..], 1).unwrap(),
            Format::OciPlain => tar.clone(),
        };
        let blobs: Vec<Vec<u8>> = tars.iter().map(compress).collect();
        let (manifest_type, config_type, layer_type) = match format {
            Format::DockerGzip => (
                "application/vnd.docker.distribution.manifest.v2+json",
                "application/vnd.docker.container.image.v1+json",
                "application/vnd.docker.image.rootfs.diff.tar.gzip",
            ),
            Format::OciGzip => oci("application/vnd.oci.image.layer.v1.tar+gzip"),
            Format::OciZstd => oci("application/vnd.oci.image.layer.v1.tar+zstd"),
            Format::OciPlain => oci("application/vnd.oci.image.layer.v1.tar"),
        };
        let describe =
            |kind: &str, bytes: &[u8]| json!({"mediaType": kind, "digest": Digest::of(bytes), "size": bytes.len()});
        let manifest = json!({
            "schemaVersion": 2, "mediaType": manifest_type,
            "config": describe(config_type, &config),
            "layers": blobs.iter().map(|blob| describe(layer_type, blob)).collect::<Vec<_>>(),
        });
        Self { manifest: serde_json::to_vec(&manifest).unwrap(), manifest_type, config, blobs, tars }
    }

    /// The identifier it will have.
    pub(crate) fn id(&self) -> crate::ImageId {
        crate::ImageId::new(Digest::of(&self.config))
    }

    pub(crate) fn manifest_digest(&self) -> Digest {
        Digest::of(&self.manifest)
    }

    /// A docker-archive of the image, as `docker save` of 20.10 lays it out.
    pub(crate) fn docker_archive(&self, tags: &[&str]) -> Vec<u8> {
        docker_archive(&[(self, tags)])
    }
}

fn oci(layer: &'static str) -> (&'static str, &'static str, &'static str) {
    ("application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.config.v1+json", layer)
}

/// A docker-archive of several images.
pub(crate) fn docker_archive(images: &[(&TestImage, &[&str])]) -> Vec<u8> {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let mut items = Vec::new();
    for (image, tags) in images {
        let config = format!("{}.json", image.id().digest().hex());
        files.push((config.clone(), image.config.clone()));
        let mut layers = Vec::new();
        for tar in &image.tars {
            let name = format!("{}/layer.tar", Digest::of(tar).hex());
            files.push((name.clone(), tar.clone()));
            layers.push(name);
        }
        items.push(json!({"Config": config, "RepoTags": tags, "Layers": layers}));
    }
    files.push(("manifest.json".into(), serde_json::to_vec(&items).unwrap()));
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    tar(&files)
}
