//! From a layer's stream to its disk, in one pass on two threads: read and inflate on one, hash and build on the other.
//!
//! Called by pull (the reader is a download), load and import (the reader is a file). Memory is bounded by the pipe
//! between the two; nothing is visible until [`Unpacked::commit`].

use std::io::Read;

use super::layout::Layout;
use super::{Change, ContentError, Kept, LayerRecord, Pin, Shared, TempFile};
use crate::compression::{Compression, decoder, detect};
use crate::digest::{Algorithm, Digest, HashingReader};
use crate::error::ImageError;
use crate::layer;
use crate::pipe::pipe;

/// A layer disk that is whole but has no name yet.
#[derive(Debug)]
pub(crate) struct Unpacked {
    /// Digest of the uncompressed tar.
    pub(crate) diff_id: Digest,
    /// How the stream was compressed.
    pub(crate) compression: Compression,
    disk: TempFile,
    record: LayerRecord,
}

/// Reads a layer tar, compressed or not, to its end and builds its disk. Blocks.
pub(crate) fn unpack(layout: &Layout, reader: impl Read + Send) -> Result<Unpacked, ImageError> {
    let (writer, plain) = pipe();
    std::thread::scope(|scope| {
        let builder = scope.spawn(move || build(layout, plain));
        let inflated = inflate(reader, writer);
        let built = builder.join().map_err(|_| ContentError::Panicked)?;
        match (inflated, built) {
            (Ok(compression), Ok(built)) => Ok(Unpacked { compression, ..built }),
            // A builder that refuses the tar breaks the pipe: its reason is the reason.
            (Ok(_), Err(error)) => Err(error),
            (Err(error), Err(refused)) if error.kind() == std::io::ErrorKind::BrokenPipe => Err(refused),
            (Err(error), _) => Err(ImageError::Layer(error.to_string())),
        }
    })
}

/// Copies the plain bytes into the pipe, then reads what follows the compressed stream, so that all is hashed.
fn inflate(mut reader: impl Read, writer: crate::pipe::PipeWriter) -> std::io::Result<Compression> {
    let (compression, buffered) = detect(&mut reader)?;
    writer.fill(decoder(compression, buffered)?)?;
    std::io::copy(&mut reader, &mut std::io::sink())?;
    Ok(compression)
}

fn build(layout: &Layout, plain: impl Read) -> Result<Unpacked, ImageError> {
    let mut reader = HashingReader::new(plain, Algorithm::Sha256);
    let disk = TempFile::reserve(layout);
    let built = layer::build(&mut reader, disk.path(), &layer::Limits::default())
        .map_err(|error| ImageError::Layer(chain(&error)))?;
    reader.drain().map_err(|error| ImageError::Layer(error.to_string()))?;
    let (diff_id, tar_size) = reader.finish();
    let record =
        LayerRecord { content_size: built.size_bytes, disk_size: built.disk_bytes, empty: built.empty, tar_size };
    Ok(Unpacked { diff_id, compression: Compression::None, disk, record })
}

/// An error with its sources, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

impl Unpacked {
    /// Gives the disk its name and enters the layer in the index; the pin keeps it until an image refers to it.
    pub(crate) fn commit(self, shared: &Shared) -> Result<Pin, ContentError> {
        let pin = shared.pins.pin(Kept::Layer(self.diff_id.clone()));
        if !self.record.empty {
            self.disk.persist(&shared.layout.layer(&self.diff_id))?;
        }
        let (diff_id, record) = (self.diff_id, self.record);
        shared.index.commit(|_| Ok::<_, ContentError>((vec![Change::Layer(diff_id, Some(record))], ())))?;
        Ok(pin)
    }
}

impl Shared {
    /// Pins a layer and says whether it is here.
    pub(crate) fn find_layer(&self, diff_id: &Digest) -> Option<Pin> {
        let pin = self.pins.pin(Kept::Layer(diff_id.clone()));
        self.index.snapshot().layers.contains_key(diff_id).then_some(pin)
    }

    /// Pins a blob and says whether it is here.
    pub(crate) fn find_blob(&self, digest: &Digest) -> Option<Pin> {
        let pin = self.pins.pin(Kept::Blob(digest.clone()));
        self.has_blob(digest).then_some(pin)
    }
}
