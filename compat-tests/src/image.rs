//! Images made on the spot, without any registry.
//!
//! [`busybox`] is what nearly every test runs: the static busybox of the machine, a link for each of its commands,
//! a few users, and the configuration a small image has. The same bytes on every run, hence the same ids.

use crate::engine::engine;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use tar::{Builder, EntryType, Header};

/// The image that tests run, as a reference.
pub const BUSYBOX: &str = "compat/busybox:latest";

/// One layer's tar, being written.
pub struct Layer(Builder<Vec<u8>>);

impl std::fmt::Debug for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Layer(…)")
    }
}

impl Default for Layer {
    fn default() -> Self {
        Self(Builder::new(Vec::new()))
    }
}

impl Layer {
    fn header(kind: EntryType, mode: u32, size: usize) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(size as u64);
        header.set_mtime(1_700_000_000);
        header.set_uid(0);
        header.set_gid(0);
        header
    }

    /// Adds a directory.
    pub fn folder(mut self, path: &str, mode: u32) -> Self {
        let mut header = Self::header(EntryType::Directory, mode, 0);
        self.0.append_data(&mut header, format!("{path}/"), &[][..]).unwrap();
        self
    }

    /// Adds a file.
    pub fn file(mut self, path: &str, mode: u32, content: &[u8]) -> Self {
        let mut header = Self::header(EntryType::Regular, mode, content.len());
        self.0.append_data(&mut header, path, content).unwrap();
        self
    }

    /// Adds a symbolic link.
    pub fn link(mut self, path: &str, target: &str) -> Self {
        let mut header = Self::header(EntryType::Symlink, 0o777, 0);
        self.0.append_link(&mut header, path, target).unwrap();
        self
    }

    /// The finished tar.
    pub fn tar(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }
}

/// An image to be loaded or pushed.
#[derive(Debug, Clone)]
pub struct Image {
    /// The reference it gets; none leaves it untagged.
    pub tag: Option<String>,
    /// Its layers' tars, lowest first.
    pub layers: Vec<Vec<u8>>,
    /// The `config` object of its configuration.
    pub config: Value,
    /// When it was made, as RFC 3339.
    pub created: String,
}

/// When the images of these tests were made, where nothing else is said.
pub const CREATED: &str = "2023-11-14T22:13:20Z";

impl Image {
    /// The image configuration as stored, whose digest is the image's id.
    pub fn configuration(&self) -> Vec<u8> {
        let diff_ids: Vec<String> = self.layers.iter().map(|layer| digest(layer)).collect();
        let steps: Vec<Value> = (0..self.layers.len())
            .map(|n| json!({ "created": self.created, "created_by": format!("step {n}") }))
            .collect();
        let configuration = json!({
            "architecture": "amd64", "os": "linux", "created": self.created,
            "config": self.config, "history": steps,
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
        });
        configuration.to_string().into_bytes()
    }

    /// Its id: `sha256:…`.
    pub fn id(&self) -> String {
        digest(&self.configuration())
    }

    /// As `docker save` would write it.
    pub fn archive(&self) -> Vec<u8> {
        let configuration = self.configuration();
        let name = format!("{}.json", &digest(&configuration)[7..]);
        let mut layers = Vec::new();
        let mut out = Layer::default().file(&name, 0o644, &configuration);
        for layer in &self.layers {
            let path = format!("{}/layer.tar", &digest(layer)[7..]);
            if !layers.contains(&path) {
                out = out.file(&path, 0o644, layer);
            }
            layers.push(path);
        }
        let tags: Vec<&String> = self.tag.iter().collect();
        let manifest = json!([{ "Config": name, "RepoTags": tags, "Layers": layers }]);
        out.file("manifest.json", 0o644, manifest.to_string().as_bytes()).tar()
    }

    /// Loads it into the engine under test.
    #[track_caller]
    pub fn load(&self) {
        let headers = [("Content-Type", "application/x-tar")];
        let path = "/v1.41/images/load?quiet=0";
        let client = &engine().client;
        let reply = client.call("POST", path, &headers, &self.archive());
        let failed = reply.text().contains("errorDetail");
        assert!(reply.head.status == 200 && !failed, "loading {:?}: {}", self.tag, reply.text());
    }
}

/// `sha256:` and the digest of some bytes.
pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// The busybox image.
pub fn busybox() -> Image {
    static IMAGE: OnceLock<Image> = OnceLock::new();
    let make = || Image {
        tag: Some(BUSYBOX.into()),
        layers: vec![busybox_layer()],
        created: CREATED.into(),
        config: json!({
            "Cmd": ["sh"],
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        }),
    };
    IMAGE.get_or_init(make).clone()
}

/// A small image on top of busybox, with an id of its own: `mark` is a line in one of its files.
pub fn marked(tag: &str, mark: &str) -> Image {
    let mut image = busybox();
    image.tag = Some(tag.to_owned());
    let extra = Layer::default().file("etc/mark", 0o644, mark.as_bytes());
    image.layers.push(extra.tar());
    image
}

/// The root file system of the busybox image as one tar.
pub fn busybox_layer() -> Vec<u8> {
    let program = ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|path| Path::new(path).is_file());
    let Some(program) = program else {
        panic!("no busybox on this machine: install busybox-static");
    };
    let bytes = fs::read(program).unwrap();
    let listed = Command::new(program).arg("--list").output().unwrap();
    let mut layer = Layer::default().folder("bin", 0o755).file("bin/busybox", 0o755, &bytes);
    for name in String::from_utf8(listed.stdout).unwrap().lines() {
        if name != "busybox" {
            layer = layer.link(&format!("bin/{name}"), "busybox");
        }
    }
    layer
        .folder("etc", 0o755)
        .file(
            "etc/passwd",
            0o644,
            b"root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:an app:/home/app:/bin/sh\n\
              nobody:x:65534:65534:nobody:/:/bin/false\n",
        )
        .file("etc/group", 0o644, b"root:x:0:\napp:x:1001:\nextra:x:2000:app\nnogroup:x:65534:\n")
        .file("bin/not-executable", 0o644, b"#!/bin/sh\n")
        .folder("home", 0o755)
        .folder("home/app", 0o777)
        .folder("root", 0o700)
        .folder("tmp", 0o1777)
        .folder("var", 0o755)
        .tar()
}
