//! Containers' folders and writable disks.

use crate::container::spec::ContainerSpec;
use crate::engine::{Blank, Engine};
use crate::error::{Error, Result};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use vch_images::scratch;

/// Where blanks are kept, under the data root.
pub(crate) fn blanks_folder(data_root: &Path) -> PathBuf {
    data_root.join("scratch")
}

/// Makes (once) the blank of a size.
pub(crate) async fn blank(data_root: &Path, size: u64) -> Result<Blank> {
    let folder = blanks_folder(data_root);
    let made = tokio::task::spawn_blocking(move || {
        std::fs::create_dir_all(&folder).map_err(|e| Error::chain(&format!("make {}", folder.display()), &e))?;
        let path = scratch::blank(&folder, size).map_err(|e| Error::chain("format the blank scratch disk", &e))?;
        let taken = std::fs::metadata(&path).map_or(0, |m| m.blocks() * 512);
        Ok(Blank { path, taken })
    });
    made.await.map_err(|e| Error::chain("format the blank scratch disk", &e))?
}

impl Engine {
    /// Makes a container's folder.
    pub(crate) async fn make_folder(&self, id: &str) -> Result<PathBuf> {
        let folder = self.containers_folder().join(id);
        let made = std::fs::DirBuilder::new().mode(0o710).create(&folder);
        made.map_err(|e| Error::chain(&format!("make {}", folder.display()), &e))?;
        Ok(folder)
    }

    /// Gives a container its writable disk.
    pub(crate) async fn clone_scratch(&self, spec: &ContainerSpec, folder: &Path) -> Result<()> {
        let blank = match spec.host.storage_opt.get("size") {
            Some(text) => self::blank(&self.rooms.settings.data_root, parse_size(text)?).await?,
            None => self.rooms.blank.clone(),
        };
        let target = folder.join("scratch.ext4");
        let cloned = tokio::task::spawn_blocking(move || scratch::clone(&blank.path, &target));
        let cloned = cloned.await.map_err(|e| Error::chain("clone the scratch disk", &e))?;
        cloned.map_err(|e| Error::chain("clone the scratch disk", &e))
    }

    /// Bytes that a fresh writable disk takes on the host.
    pub(crate) fn blank_size(&self) -> u64 {
        self.rooms.blank.taken
    }
}

/// Smallest writable disk, in bytes: what ext4 with a journal needs.
const SMALLEST: u64 = 64 << 20;

/// Largest writable disk, in bytes (16 TiB: ext4 with 4 KiB blocks and 32-bit block numbers).
const LARGEST: u64 = 16 << 40;

/// A size such as `20G` or `512m`, in bytes (go-units `RAMInBytes`).
fn parse_size(text: &str) -> Result<u64> {
    let bad = || Error::invalid(format!("invalid storage option size={text}: give a size such as 20G"));
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
    let number: f64 = lower[..digits].parse().map_err(|_| bad())?;
    let shift = match lower[digits..].trim() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return Err(bad()),
    };
    let bytes = (number * (1u64 << shift) as f64) as u64;
    if !(SMALLEST..=LARGEST).contains(&bytes) {
        return Err(Error::invalid(format!("storage option size={text} is out of range: 64M to 16T")));
    }
    // Whole MiB, so that sizes that mean the same share a blank.
    Ok(bytes.next_multiple_of(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        assert_eq!(parse_size("20G").unwrap(), 20 << 30);
        assert_eq!(parse_size("512 mb").unwrap(), 512 << 20);
        for bad in ["", "G", "1", "99999T", "ten"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }
}
