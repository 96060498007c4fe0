//! Tar streams that become layer disks.
//!
//! Whatever is not refused is a file system that our reader walks to its end.

use std::path::PathBuf;
use std::sync::OnceLock;
use vch_images::erofs::reader::Reader;
use vch_images::layer::{self, Limits};

/// Small, so that a stream which claims much is refused and not written.
const LIMITS: Limits =
    Limits { entries: 10_000, metadata_bytes: 16 << 20, stream_bytes: 16 << 20, disk_bytes: 64 << 20 };

/// Runs the target.
pub fn run(tar: &[u8]) {
    let path = out();
    let built = layer::build(tar, path, &LIMITS);
    match built {
        Ok(built) if !built.empty => {
            assert!(built.disk_bytes <= LIMITS.disk_bytes + layer::DISK_ALIGN, "{built:?}");
            let reader = Reader::open(path).expect("a disk that was built can be read");
            let visited = reader.walk(LIMITS.entries * 20).map(|visited| visited.expect("every entry can be read"));
            assert!(visited.count() > 0, "a disk has a root");
            std::fs::remove_file(path).expect("the disk is there");
        }
        _ => assert!(!path.exists(), "a disk stays that was refused"),
    }
}

/// Where the disk goes: one path for this process.
fn out() -> &'static PathBuf {
    static FOLDER: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("layer");
        (folder, path)
    });
    path
}
