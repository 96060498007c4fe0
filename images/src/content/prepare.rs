//! The image disk: what a machine is given of an image, one read-only block device made of its layer disks.
//!
//! Called by the engine before a start. Made once per chain of layers and kept until nothing uses it; a layer without
//! content is no partition of it, and an image without any is one empty directory.

use std::fs;
use std::path::{Path, PathBuf};

use super::unpack::chain;
use super::{ContentError, Kept, Shared, Store, TempFile};
use crate::digest::Digest;
use crate::error::ImageError;
use crate::image::{ImageId, chain_ids};
use crate::image_disk::{self, ImageDiskError, LayerExtent};
use crate::layer;

/// An image disk that is ready to attach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreparedDisk {
    /// The VMDK descriptor; the files it names lie where it says.
    pub vmdk: PathBuf,
    /// How many partitions it has, at least one; partition 1 is the lowest layer.
    pub layers: usize,
}

impl Store {
    /// The image disk of an image that is here, or that a lease still keeps.
    ///
    /// Hold a lease on the image for as long as the disk is in use.
    ///
    /// # Errors
    /// [`ImageError::NoSuchImage`]; a layer disk that is missing; a failed write.
    pub async fn prepare(&self, image: &ImageId) -> Result<PreparedDisk, ImageError> {
        let image = image.clone();
        self.blocking(move |shared| shared.prepare(&image)).await
    }
}

impl Shared {
    fn prepare(&self, image: &ImageId) -> Result<PreparedDisk, ImageError> {
        let missing = || ImageError::NoSuchImage(image.to_string());
        let diff_ids = self.index.snapshot().diff_ids_of(image).ok_or_else(missing)?;
        let name = disk_name(diff_ids.iter());
        let layers = diff_ids.iter().map(|diff_id| Kept::Layer(diff_id.clone()));
        let _pins: Vec<_> = layers.chain([Kept::Disk(name.clone())]).map(|kept| self.pins.pin(kept)).collect();
        let state = self.index.snapshot();
        let mut extents = Vec::with_capacity(diff_ids.len());
        for diff_id in &diff_ids {
            let layer = state.layers.get(diff_id).ok_or_else(|| ContentError::NoLayer(diff_id.clone()))?;
            if !layer.empty {
                extents.push(extent(diff_id.to_string(), &self.layout.layer(diff_id), layer.disk_size));
            }
        }
        if extents.is_empty() {
            extents.push(self.empty_extent()?);
        }
        let folder = self.layout.disk(&name);
        // Where gc looks there is nothing but image disks that are whole.
        let making = self.layout.ingest();
        let written = image_disk::write(&folder, &making, &extents).or_else(|error| match error {
            // Made by an earlier version of this program, in other words; whoever has it open keeps what it opened.
            ImageDiskError::Exists(_) => {
                let _ = fs::remove_dir_all(&folder);
                image_disk::write(&folder, &making, &extents)
            }
            error => Err(error),
        });
        let disk = written.map_err(|error| ContentError::Disk { path: folder, words: chain(&error) })?;
        Ok(PreparedDisk { vmdk: disk.descriptor, layers: disk.partitions })
    }

    /// The disk of an empty directory, made when it is first wanted.
    fn empty_extent(&self) -> Result<LayerExtent, ImageError> {
        let path = self.layout.empty_disk();
        let failed = |words: String| ContentError::Disk { path: path.clone(), words };
        if !path.is_file() {
            let temp = TempFile::reserve(&self.layout);
            layer::empty_disk(temp.path()).map_err(|error| failed(chain(&error)))?;
            temp.persist(&path)?;
        }
        let bytes = fs::metadata(&path).map_err(|error| failed(error.to_string()))?.len();
        Ok(extent("empty".to_owned(), &path, bytes))
    }
}

/// The name of the image disk of a chain of layers, also where there is no layer at all.
pub(super) fn disk_name<'a>(diff_ids: impl Iterator<Item = &'a Digest>) -> Digest {
    chain_ids(diff_ids).pop().unwrap_or_else(|| Digest::of(b""))
}

/// A layer disk as the descriptor names it: from its own folder, so that the whole store may be moved.
fn extent(id: String, path: &Path, bytes: u64) -> LayerExtent {
    let from_disk = Path::new("../..").join(path.parent().and_then(Path::file_name).unwrap_or_default());
    LayerExtent { id, path: from_disk.join(path.file_name().unwrap_or_default()), bytes }
}
