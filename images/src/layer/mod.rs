//! Layers: an uncompressed tar stream becomes a layer disk, an EROFS image that overlayfs takes as a lower directory.
//!
//! Called by whoever pulls, loads or imports an image: [`build`], with adapters around the stream that hash and inflate.
//!
//! Promises: one pass; contents go to the disk as they arrive and only metadata is held in memory; the same tar gives the
//! same bytes; on any error nothing of the disk stays. Every byte of the tar is hostile: paths cannot leave the layer,
//! and sizes, numbers and depths have limits, each refusal naming the entry and the reason.
//!
//! What an entry means follows Docker (moby's `pkg/archive` over Go's `archive/tar`, which it reads tars with):
//!
//! - Whiteouts `.wh.NAME` become the 0:0 character device that overlayfs takes for one, `.wh..wh..opq` makes its
//!   directory opaque; other `.wh..wh.` names belong to aufs and are passed over. As the OCI specification wants it, a
//!   whiteout hides what is below the layer and never a file of the same layer, whatever their order.
//! - The last entry of a name wins, but a directory named again keeps its entries. Missing parents are made `0755`, root's.
//! - Symlinks on the way to an entry are followed, inside the layer's own tree.
//! - Hard links carry no metadata of their own. Owners are numbers. Times outside 1970 to 2262 become 1970.
//! - Extended attributes that the file could not have on a Linux disk are dropped; so are overlayfs's own marks other than
//!   *opaque*, left behind by the overlay of some other machine.
//! - Global PAX headers are passed over. Types of entry that are none of Docker's are refused.

mod apply;
mod error;
mod path;
mod resolve;
mod tar;

use std::fs::File;
use std::io::Read;
use std::path::Path;

pub use error::{LayerError, Refusal};

use crate::erofs::{Attributes, Tree, Writer};
use apply::Builder;
use tar::Archive;

/// Layer disks are a multiple of this many bytes, so that they can be partitions one behind the other. The file is
/// sparse there and costs nothing.
pub const DISK_ALIGN: u64 = 1 << 20;

/// What a layer may cost. The defaults are far above any real image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Entries of the tar.
    pub entries: u64,
    /// Bytes of memory for names, links and extended attributes, roughly.
    pub metadata_bytes: u64,
    /// Bytes of the uncompressed tar stream.
    pub stream_bytes: u64,
    /// Bytes of the layer disk, holes of sparse files included.
    pub disk_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 4_000_000, metadata_bytes: 1 << 30, stream_bytes: 1 << 40, disk_bytes: 1 << 40 }
    }
}

/// A layer that was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Built {
    /// Bytes of its files and symlinks, each counted once: the size that Docker tells.
    pub size_bytes: u64,
    /// Bytes of the disk's file, a multiple of [`DISK_ALIGN`].
    pub disk_bytes: u64,
    /// Bytes of it that the file system uses.
    pub used_bytes: u64,
    /// Entries of the tar.
    pub entries: u64,
    /// The tar had no entries: no disk was made.
    pub empty: bool,
}

/// Reads `tar` to its end and makes a layer disk at `out`, which must not exist yet. The disk is durable when this
/// returns; giving it its final name, and making that durable, is the caller's.
///
/// # Errors
/// The stream cannot be read or is refused, or the disk cannot be written; `out` then does not exist, unless it did before.
pub fn build(tar: impl Read, out: &Path, limits: &Limits) -> Result<Built, LayerError> {
    let (unfinished, file) = Unfinished::create(out)?;
    let cannot_write = |source| LayerError::Write { path: out.to_owned(), source };
    let mut archive = Archive::new(tar, limits.stream_bytes);
    let mut builder = Builder::new(Writer::new(file, limits.disk_bytes).map_err(cannot_write)?, out, *limits);
    while let Some(entry) = archive.next()? {
        builder.apply(entry, &mut archive)?;
    }
    let fingerprint = archive.finish()?;
    let (writer, tree, entries) = builder.into_parts();
    if entries == 0 {
        return Ok(Built { size_bytes: 0, disk_bytes: 0, used_bytes: 0, entries, empty: true });
    }
    let written = writer.finish(&tree, fingerprint, DISK_ALIGN).map_err(cannot_write)?;
    unfinished.keep();
    Ok(Built {
        size_bytes: tree.content_size(),
        disk_bytes: written.file_bytes,
        used_bytes: written.used_bytes,
        entries,
        empty: false,
    })
}

/// Makes the disk of an empty directory at `out`: what an image without any layer that has content is run from.
///
/// # Errors
/// As for [`build`].
pub fn empty_disk(out: &Path) -> Result<Built, LayerError> {
    let (unfinished, file) = Unfinished::create(out)?;
    let cannot_write = |source| LayerError::Write { path: out.to_owned(), source };
    let writer = Writer::new(file, Limits::default().disk_bytes).map_err(cannot_write)?;
    let written = writer.finish(&Tree::new(implied_directory()), [0; 16], DISK_ALIGN).map_err(cannot_write)?;
    unfinished.keep();
    Ok(Built {
        size_bytes: 0,
        disk_bytes: written.file_bytes,
        used_bytes: written.used_bytes,
        entries: 0,
        empty: false,
    })
}

/// A directory that no entry describes.
fn implied_directory() -> Attributes {
    Attributes { mode: 0o755, ..Attributes::default() }
}

/// Removes the file at its path unless it is kept.
struct Unfinished<'p>(Option<&'p Path>);

impl<'p> Unfinished<'p> {
    fn create(path: &'p Path) -> Result<(Self, File), LayerError> {
        match File::create_new(path) {
            Ok(file) => Ok((Self(Some(path)), file)),
            Err(source) => Err(LayerError::Write { path: path.to_owned(), source }),
        }
    }

    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(path) = self.0
            && let Err(error) = std::fs::remove_file(path)
        {
            tracing::warn!(path = %path.display(), %error, "cannot remove an unfinished layer disk");
        }
    }
}

#[cfg(test)]
mod tests;
