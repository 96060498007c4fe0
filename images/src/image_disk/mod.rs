//! The image disk: one read-only block device of all layer disks of an image, a partition each.
//!
//! Called when an image is first run; QEMU opens the descriptor, the guest mounts partition N for layer N, the lowest
//! layer being partition 1.
//!
//! On disk, one folder for each image:
//!
//! ```text
//! image.vmdk   text: a VMDK descriptor (twoGbMaxExtentFlat) that lists the files below and the layer disks, in order
//! head.raw     1 MiB: protective MBR, GPT header, partition entries
//! (layers)     each layer disk as it is, wherever it is; a multiple of 1 MiB, so every partition is aligned
//! tail.raw     1 MiB: the copies of entries and header that GPT keeps at the end
//! ```
//!
//! Nothing is copied: an image costs a few KiB however large its layers are, and layers are shared. All is made from the
//! layers' identities, GUIDs too, so that the same image gives the same bytes. The folder appears whole or not at all.
//!
//! An image without any layer that has content is given one layer, [`crate::layer::empty_disk`].

mod gpt;
mod vmdk;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

pub use vmdk::{Extent, descriptor};

/// Partitions start and end at multiples of this many bytes.
pub const ALIGN: u64 = 1 << 20;
/// As many as a GPT of the usual size has room for; Docker has at most 127.
pub const MAX_LAYERS: usize = 128;

const DESCRIPTOR: &str = "image.vmdk";
const HEAD: &str = "head.raw";
const TAIL: &str = "tail.raw";

/// A layer disk to be made a partition of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerExtent {
    /// The layer's identity: its diff ID.
    pub id: String,
    /// The layer disk's file. A relative path counts from the image's folder, so that a store can be moved.
    pub path: PathBuf,
    /// The file's size in bytes, a multiple of [`ALIGN`].
    pub bytes: u64,
}

/// An image disk that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageDisk {
    /// What QEMU opens, with its driver `vmdk`.
    pub descriptor: PathBuf,
    /// Size of the block device.
    pub bytes: u64,
    /// Partitions, one a layer.
    pub partitions: usize,
}

/// Why an image disk was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageDiskError {
    /// No layers: the caller gives an empty directory's disk instead.
    #[error("an image disk needs at least one layer disk")]
    NoLayers,
    /// More than [`MAX_LAYERS`].
    #[error("an image disk has room for {MAX_LAYERS} layers, not for {0}")]
    TooManyLayers(usize),
    /// A layer disk's file has another size than announced, or none that partitions can have.
    #[error("the layer disk {} has {found} bytes, not {expected} as a multiple of 1 MiB", path.display())]
    Size {
        /// The layer disk.
        path: PathBuf,
        /// What was announced.
        expected: u64,
        /// What it has.
        found: u64,
    },
    /// A path that a VMDK descriptor cannot name: with quotes, line ends or other control characters, not UTF-8, longer
    /// than QEMU reads, or relative with a colon, which QEMU takes for a protocol.
    #[error("a disk descriptor cannot name the path {0:?}")]
    Name(PathBuf),
    /// The folder is taken by another image's disk or by something else.
    #[error("{} exists and is not this image's disk", .0.display())]
    Exists(PathBuf),
    /// The system refused.
    #[error("cannot write the image disk at {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Writes the image disk of `layers`, the lowest first, as the folder `folder`, durably. The folder's parent exists; a
/// folder that already holds just this image disk is left as it is. Until it is whole it stands in `making`, a folder on
/// the same file system whose entries nobody takes for image disks.
///
/// # Errors
/// See [`ImageDiskError`]; nothing is left behind.
pub fn write(folder: &Path, making: &Path, layers: &[LayerExtent]) -> Result<ImageDisk, ImageDiskError> {
    match layers.len() {
        0 => return Err(ImageDiskError::NoLayers),
        count if count > MAX_LAYERS => return Err(ImageDiskError::TooManyLayers(count)),
        _ => {}
    }
    let disk_guid = guid(&layers.iter().map(|layer| layer.id.as_str()).collect::<Vec<_>>());
    let partitions: Vec<gpt::Partition> = layers
        .iter()
        .enumerate()
        .map(|(at, layer)| gpt::Partition {
            // A layer may be there twice.
            guid: guid(&[&format!("partition {}", at + 1), &layer.id]),
            bytes: layer.bytes,
            name: format!("layer {}", at + 1),
        })
        .collect();
    let gpt::Table { head, tail, bytes } = gpt::table(disk_guid, &partitions);

    let mut extents = vec![Extent { path: HEAD.into(), bytes: head.len() as u64 }];
    extents.extend(layers.iter().map(|layer| Extent { path: layer.path.clone(), bytes: layer.bytes }));
    extents.push(Extent { path: TAIL.into(), bytes: tail.len() as u64 });
    let text = descriptor(&extents)?;

    let disk = ImageDisk { descriptor: folder.join(DESCRIPTOR), bytes, partitions: layers.len() };
    let files: [(&str, &[u8]); 3] = [(HEAD, &head), (TAIL, &tail), (DESCRIPTOR, text.as_bytes())];
    check_sizes(folder, layers)?;
    match put_folder(folder, making, &files) {
        // Already there, or another made it just now: the layers tell every byte, so it is the same or another image's.
        Err(_) if folder.exists() => {
            let same =
                files.iter().all(|(name, content)| fs::read(folder.join(name)).is_ok_and(|found| found == *content));
            if same { Ok(disk) } else { Err(ImageDiskError::Exists(folder.to_owned())) }
        }
        put => put.map(|()| disk),
    }
}

/// Checks the layers' files as seen from `folder`, which need not exist yet.
fn check_sizes(folder: &Path, layers: &[LayerExtent]) -> Result<(), ImageDiskError> {
    for LayerExtent { path, bytes, .. } in layers {
        let path = path.strip_prefix("..").map_or_else(|_| folder.join(path), |rest| parent_of(folder).join(rest));
        let found = fs::metadata(&path).map_err(failed_at(&path))?.len();
        if found != *bytes || found == 0 || found % ALIGN != 0 {
            return Err(ImageDiskError::Size { path, expected: *bytes, found });
        }
    }
    Ok(())
}

fn parent_of(folder: &Path) -> &Path {
    folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn failed_at(path: &Path) -> impl Fn(io::Error) -> ImageDiskError {
    let path = path.to_owned();
    move |source| ImageDiskError::Io { path: path.clone(), source }
}

/// Writes `files` into a new folder within `making`, makes all durable, and gives it its name.
fn put_folder(folder: &Path, making: &Path, files: &[(&str, &[u8])]) -> Result<(), ImageDiskError> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let temporary = making.join(format!(".image-disk-{}-{number}.tmp", std::process::id()));
    let failed = failed_at(folder);
    fs::create_dir(&temporary).map_err(&failed)?;
    let fill = || -> io::Result<()> {
        for (name, content) in files {
            let mut file = File::create_new(temporary.join(name))?;
            file.write_all(content)?;
            file.sync_all()?;
        }
        File::open(&temporary)?.sync_all()?;
        fs::rename(&temporary, folder)?;
        File::open(parent_of(folder))?.sync_all()
    };
    let filled = fill().map_err(&failed);
    if filled.is_err() {
        // The first error is the one to tell; start-up empties `making`.
        let _ = fs::remove_dir_all(&temporary);
    }
    filled
}

/// A GUID that only these texts give: RFC 9562's version 8, its fields in the byte order that GPT stores them.
fn guid(texts: &[&str]) -> [u8; 16] {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    let mut guid = [0; 16];
    guid.copy_from_slice(&hash.finalize()[..16]);
    guid[7] = guid[7] & 0x0f | 0x80;
    guid[8] = guid[8] & 0x3f | 0x80;
    guid
}

#[cfg(test)]
mod tests;
