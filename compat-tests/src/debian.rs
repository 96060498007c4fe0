//! A real image of several layers: Debian's minbase with Python and Redis, made by `debootstrap`.
//!
//! Used by the tests of pulling and running what people run. Made once (a minute or two, root and a Debian mirror
//! needed), then kept below the build folder in the storage of a registry; made again when the script changes.

use crate::engine::target;
use crate::image::{CREATED, Image, digest};
use crate::registry::Registry;
use serde_json::json;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

/// The image's name in the registry of [`registry`].
pub const NAME: &str = "debian:12";

/// How long a test may take that makes the image, where others keep the machine busy.
pub const MAKING: Duration = Duration::from_secs(900);

/// A registry that holds the image.
#[track_caller]
pub fn registry() -> Registry {
    static ONE_MAKES: Mutex<()> = Mutex::new(());
    let _one = ONE_MAKES.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = target().join("fixtures/debian");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/debian.sh");
    let (storage, complete) = (folder.join("registry"), folder.join("complete"));
    let made_by = digest(&fs::read(&script).unwrap());
    if fs::read_to_string(&complete).is_ok_and(|by| by == made_by) {
        return Registry::at(&storage);
    }
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    make(&script, &folder);
    let registry = Registry::at(&storage);
    registry.push(&image(&folder), NAME, &[]);
    fs::write(complete, made_by).unwrap();
    registry
}

#[track_caller]
fn make(script: &Path, folder: &Path) {
    let output = Command::new("sh").arg(script).arg(folder).output().unwrap();
    assert!(
        output.status.success(),
        "making the Debian image: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn image(folder: &Path) -> Image {
    let take = |name: &str| {
        let path = folder.join(name);
        let layer = fs::read(&path).unwrap();
        fs::remove_file(path).unwrap();
        layer
    };
    Image {
        tag: Some(format!("compat/{NAME}")),
        layers: vec![take("base.tar"), take("programs.tar"), take("clean.tar")],
        created: CREATED.into(),
        config: json!({
            "Cmd": ["python3"],
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"],
        }),
    }
}
