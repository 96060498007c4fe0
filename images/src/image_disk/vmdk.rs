//! VMDK descriptors: text that joins flat files into one disk.
//!
//! Called by [`super::write`], and for a scratch disk with that disk as the only extent.
//! Source: VMware's "Virtual Disk Format 5.0" and what QEMU's `block/vmdk.c` reads of it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::ImageDiskError;

/// Longest path that QEMU reads from a descriptor: it scans into 512 bytes.
const NAME_MAX: usize = 511;
const SECTOR: u64 = 512;

/// A file that is a part of a disk from its first byte on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The file; a relative path counts from the descriptor's folder.
    pub path: PathBuf,
    /// Bytes of it, a multiple of 512.
    pub bytes: u64,
}

/// The text of a descriptor for `extents`, in order.
///
/// # Errors
/// [`ImageDiskError::Name`] for a path, [`ImageDiskError::Size`] for a size that the format cannot hold.
pub fn descriptor(extents: &[Extent]) -> Result<String, ImageDiskError> {
    let mut lines = String::new();
    let mut sectors = 0;
    for Extent { path, bytes } in extents {
        let name = name(path).ok_or_else(|| ImageDiskError::Name(path.clone()))?;
        if *bytes == 0 || bytes % SECTOR != 0 {
            return Err(ImageDiskError::Size { path: path.clone(), expected: *bytes, found: *bytes });
        }
        // Writing to a string cannot fail.
        let _ = writeln!(lines, "RW {} FLAT \"{name}\" 0", bytes / SECTOR);
        sectors += bytes / SECTOR;
    }
    // The content ID only ties snapshots to their parents, and these disks have none: any but the "none" will do.
    let content = crc32fast::hash(lines.as_bytes()) & 0x7fff_ffff;
    let (heads, track) = (16, 63);
    let cylinders = (sectors / (heads * track)).clamp(1, 16_383);
    Ok(format!(
        "# Disk DescriptorFile\n\
         version=1\n\
         CID={content:08x}\n\
         parentCID=ffffffff\n\
         createType=\"twoGbMaxExtentFlat\"\n\
         \n\
         # Extent description\n\
         {lines}\n\
         # The Disk Data Base\n\
         #DDB\n\
         \n\
         ddb.virtualHWVersion = \"4\"\n\
         ddb.geometry.cylinders = \"{cylinders}\"\n\
         ddb.geometry.heads = \"{heads}\"\n\
         ddb.geometry.sectors = \"{track}\"\n\
         ddb.adapterType = \"lsilogic\"\n"
    ))
}

/// The path as a descriptor can quote it and QEMU understands it.
fn name(path: &Path) -> Option<&str> {
    let name = path.to_str().filter(|name| !name.is_empty() && name.len() <= NAME_MAX)?;
    let odd = name.chars().any(|char| char == '"' || char.is_control());
    // QEMU takes what stands before a colon for a protocol, unless a slash comes first.
    let protocol = name.find(':') < name.find('/').or(Some(name.len())) && name.contains(':');
    (!odd && !protocol).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_are_refused() {
        let ask = |path: &str| descriptor(&[Extent { path: path.into(), bytes: 512 }]);
        for path in ["", "a\"b", "a\nb", "a\tb", "sha256:12", "json:{}", &"n".repeat(512)] {
            assert!(matches!(ask(path), Err(ImageDiskError::Name(_))), "{path:?}");
        }
        for path in ["a", "../a b/ü", "/x/sha256:12", "./sha256:12", &"n".repeat(511)] {
            assert!(ask(path).unwrap().contains(&format!("RW 1 FLAT \"{path}\" 0\n")), "{path:?}");
        }
    }

    #[test]
    fn sizes_are_whole_sectors() {
        for bytes in [0, 1, 511, 513] {
            assert!(descriptor(&[Extent { path: "a".into(), bytes }]).is_err());
        }
    }
}
