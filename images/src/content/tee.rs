//! A reader that hashes, and writes to a blob's file, what is read through it.
//!
//! Called by pull and import: a stream is unpacked through it, and its blob is whole when the stream has been read to its
//! end.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use super::ContentError;
use super::layout::Layout;
use crate::content::TempFile;
use crate::digest::{Algorithm, Digest, Hasher};
use crate::error::ImageError;

/// The reader.
pub(crate) struct Tee<R> {
    reader: R,
    temp: TempFile,
    file: File,
    hasher: Hasher,
    count: u64,
    /// A failed write, which is no fault of the stream.
    failure: Option<io::Error>,
}

impl<R: Read> Tee<R> {
    /// Opens a temporary file for the blob.
    pub(crate) fn new(layout: &Layout, reader: R, algorithm: Algorithm) -> Result<Self, ContentError> {
        let (temp, file) = TempFile::create(layout)?;
        Ok(Self { reader, temp, file, hasher: Hasher::new(algorithm), count: 0, failure: None })
    }

    /// Reads to the end of the stream; gives the blob's file, digest and size.
    ///
    /// # Errors
    /// A write that failed, or a stream that breaks off.
    pub(crate) fn finish(mut self) -> Result<(TempFile, Digest, u64), ImageError> {
        let rest = io::copy(&mut self, &mut io::sink());
        if let Some(source) = self.failure {
            return Err(failed(self.temp.path(), source).into());
        }
        rest.map_err(|error| ImageError::Layer(error.to_string()))?;
        Ok((self.temp, self.hasher.finish(), self.count))
    }
}

fn failed(path: &Path, source: io::Error) -> ContentError {
    ContentError::Io { what: "write", path: path.to_owned(), source }
}

impl<R: Read> Read for Tee<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(buffer)?;
        self.hasher.update(&buffer[..n]);
        self.count += n as u64;
        if let Err(error) = self.file.write_all(&buffer[..n]) {
            let kind = error.kind();
            self.failure.get_or_insert(error);
            return Err(kind.into());
        }
        Ok(n)
    }
}
