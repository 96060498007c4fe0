//! A real image of several layers: Debian's minbase with Python, made by `debootstrap`.
//!
//! Used by the test of pulling and running what people run. Made once (a minute or two, root and a Debian mirror
//! needed), then kept below the build folder in the storage of a registry.

use crate::engine::target;
use crate::image::{CREATED, Image, digest};
use crate::registry::Registry;
use serde_json::json;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The image's name in the registry of [`registry`].
pub const NAME: &str = "debian-python:12";

/// A registry that holds the image.
#[track_caller]
pub fn registry() -> Registry {
    let folder = target().join("fixtures/debian");
    let storage = folder.join("registry");
    if folder.join("complete").is_file() {
        return Registry::at(&storage);
    }
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let registry = Registry::at(&storage);
    registry.push(&make(&folder), NAME, &[]);
    fs::write(folder.join("complete"), "").unwrap();
    registry
}

fn make(folder: &Path) -> Image {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/debian.sh");
    let output = Command::new("sh").arg(script).arg(folder).output().unwrap();
    assert!(
        output.status.success(),
        "making the Debian image: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let take = |name: &str| {
        let path = folder.join(name);
        let layer = fs::read(&path).unwrap();
        fs::remove_file(path).unwrap();
        layer
    };
    let layers = vec![take("base.tar"), take("python.tar"), take("clean.tar")];
    assert_ne!(digest(&layers[0]), digest(&layers[1]));
    Image {
        tag: Some(format!("compat/{NAME}")),
        layers,
        created: CREATED.into(),
        config: json!({
            "Cmd": ["python3"],
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"],
        }),
    }
}
