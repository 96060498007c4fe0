//! Blobs: named by digest, verified whenever they are read whole.
//!
//! Called by pull, load, import, save and the image verbs; blocks.

use std::fs::File;
use std::io::{self, Read, Write};

use super::layout::Layout;
use super::{ContentError, Kept, Pin, Shared, TempFile};
use crate::digest::{Digest, Hasher};

/// Largest configuration or manifest read, in bytes (as containerd and the registry itself bound them).
pub(crate) const DOCUMENT_LIMIT: u64 = 4 * 1024 * 1024;

impl Shared {
    /// Whether a blob is here. Pin it first where that must stay true.
    pub(crate) fn has_blob(&self, digest: &Digest) -> bool {
        self.layout.blob(digest).is_file()
    }

    /// A blob, open for reading.
    pub(crate) fn open_blob(&self, digest: &Digest) -> Result<File, ContentError> {
        open(&self.layout, digest)
    }

    /// A small document (configuration, manifest), whole and verified.
    pub(crate) fn read_document(&self, digest: &Digest) -> Result<Vec<u8>, ContentError> {
        read_document(&self.layout, digest)
    }

    /// Stores a small document and pins it.
    pub(crate) fn put_document(&self, bytes: &[u8]) -> Result<(Digest, Pin), ContentError> {
        let digest = Digest::of(bytes);
        let pin = self.pins.pin(Kept::Blob(digest.clone()));
        let (temp, mut file) = TempFile::create(&self.layout)?;
        file.write_all(bytes).map_err(ContentError::io("write", temp.path()))?;
        temp.persist(&self.layout.blob(&digest))?;
        Ok((digest, pin))
    }

    /// Gives a written file the name of its digest, which the caller has verified, and pins it.
    pub(crate) fn put_blob(&self, temp: TempFile, digest: &Digest) -> Result<Pin, ContentError> {
        let pin = self.pins.pin(Kept::Blob(digest.clone()));
        temp.persist(&self.layout.blob(digest))?;
        Ok(pin)
    }
}

fn open(layout: &Layout, digest: &Digest) -> Result<File, ContentError> {
    let path = layout.blob(digest);
    File::open(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ContentError::Missing(digest.clone()),
        _ => ContentError::io("open", &path)(error),
    })
}

/// [`Shared::read_document`] for the opening of a store.
pub(super) fn read_document(layout: &Layout, digest: &Digest) -> Result<Vec<u8>, ContentError> {
    let mut bytes = Vec::new();
    open(layout, digest)?
        .take(DOCUMENT_LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(ContentError::io("read", &layout.blob(digest)))?;
    let mut hasher = Hasher::new(digest.algorithm());
    hasher.update(&bytes);
    if hasher.finish() != *digest {
        return Err(ContentError::Corrupt(digest.clone()));
    }
    Ok(bytes)
}
