//! The image itself: initramfs made or found again, and the digest of what will boot.

use super::{
    GuestError, GuestImage, Say, files,
    initramfs::Archive,
    kernel::Kernel,
    modules::{self, Module},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Changed whenever the archive's layout does, so that no image of an older program is used again.
const LAYOUT: u32 = 1;
/// Hex digits of the key in a folder's name.
const KEY_DIGITS: usize = 16;

/// `image.json`: what was built, so that the next start need not read it all.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    digest: String,
    kernel_bytes: u64,
    initrd_bytes: u64,
}

/// An image of an initramfs that the user made.
///
/// # Errors
/// It cannot be read.
pub(super) fn given(kernel: Kernel, initrd: &Path) -> Result<GuestImage, GuestError> {
    let initrd = initrd.canonicalize().map_err(files::failed("read", initrd))?;
    let digest = digest(&files::read(&kernel.image)?, &files::read(&initrd)?);
    Ok(GuestImage { kernel: kernel.image, initrd, release: kernel.release, digest })
}

/// An image of `kernel` with `agent` as its first process, made in `folder` or found there.
///
/// # Errors
/// The kernel lacks a driver, or a file cannot be read or written.
pub(super) fn make(folder: &Path, kernel: Kernel, agent: &[u8], say: Say<'_>) -> Result<GuestImage, GuestError> {
    let bytes = files::read(&kernel.image)?;
    let mut key = Sha256::new();
    key.update(LAYOUT.to_le_bytes());
    for part in [&bytes, agent] {
        key.update((part.len() as u64).to_le_bytes());
        key.update(part);
    }
    let key = hex::encode(key.finalize());
    let images = folder.join("image");
    let home = images.join(format!("{}-{}", kernel.release, &key[..KEY_DIGITS]));
    if let Some(image) = found(&home, &kernel) {
        return Ok(image);
    }
    let modules = modules::pick(&kernel)?;
    match &kernel.modules {
        Some(_) => say(&format!("building the initramfs for {} with {} modules", kernel.release, modules.len())),
        None => say(&format!("building the initramfs for {}, which has no modules beside it", kernel.release)),
    }
    let initrd = archive(agent, &modules);
    let digest = digest(&bytes, &initrd);
    let record = Record { digest, kernel_bytes: bytes.len() as u64, initrd_bytes: initrd.len() as u64 };
    let new = files::unfinished(folder, "image")?;
    files::write(&new.join("initrd"), &initrd)?;
    let text = serde_json::to_vec(&record).map_err(|error| files::failed("write", &home)(error.into()))?;
    files::write(&new.join("image.json"), &text)?;
    files::finish(&new, &home)?;
    for path in files::entries(&images)?.iter().filter(|path| **path != home) {
        std::fs::remove_dir_all(path).map_err(files::failed("remove", path))?;
    }
    found(&home, &kernel).ok_or_else(|| files::failed("read", &home)(std::io::ErrorKind::InvalidData.into()))
}

/// The image in `home`, if it is whole and for this kernel.
fn found(home: &Path, kernel: &Kernel) -> Option<GuestImage> {
    let record: Record = serde_json::from_slice(&files::read(&home.join("image.json")).ok()?).ok()?;
    let initrd = home.join("initrd");
    let size = |path: &PathBuf| path.metadata().map(|metadata| metadata.len()).ok();
    let whole = size(&initrd)? == record.initrd_bytes && size(&kernel.image)? == record.kernel_bytes;
    let (kernel, release) = (kernel.image.clone(), kernel.release.clone());
    whole.then_some(GuestImage { kernel, initrd, release, digest: record.digest })
}

/// The initramfs: `/init`, the modules and their order, and what the kernel opens before the first process runs.
fn archive(agent: &[u8], modules: &[Module]) -> Vec<u8> {
    let mut archive = Archive::default();
    for folder in ["dev", "proc", "sys", "run", "tmp", "modules"] {
        archive.directory(folder);
    }
    archive.character("dev/console", 0o600, (5, 1));
    archive.character("dev/null", 0o666, (1, 3));
    archive.file("init", 0o755, agent);
    let order: String = modules.iter().map(|module| format!("{}\n", module.file)).collect();
    archive.file("modules/order", 0o644, order.as_bytes());
    for module in modules {
        archive.file(&format!("modules/{}", module.file), 0o644, &module.bytes);
    }
    archive.finish()
}

fn digest(kernel: &[u8], initrd: &[u8]) -> String {
    let mut hash = Sha256::new();
    for part in [kernel, initrd] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize())
}
