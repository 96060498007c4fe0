//! The image file being written: appended through one large buffer, with holes left sparse, and patched afterwards.
//!
//! Called by the writer. Promises that the file never grows beyond its limit and that bytes go to the system in large
//! pieces, so that a layer costs few calls whatever the number of its files.

use std::fs::File;
use std::io::{Error, Result};
use std::os::unix::fs::FileExt;

use super::format::BLOCK;

const BUFFER: usize = 1 << 20;
/// A hole at least this long is skipped instead of being written as zeros.
const SPARSE_FROM: u64 = 64 << 10;

pub(super) struct Output {
    file: File,
    buffer: Vec<u8>,
    /// Offset in the file of the first byte of `buffer`.
    start: u64,
    limit: u64,
}

impl Output {
    /// Appends to `file`, empty, up to `limit` bytes.
    pub(super) fn new(file: File, limit: u64) -> Self {
        Self { file, buffer: Vec::with_capacity(BUFFER), start: 0, limit }
    }

    /// Bytes written so far.
    pub(super) fn position(&self) -> u64 {
        self.start + self.buffer.len() as u64
    }

    /// Appends `bytes`.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.claim(bytes.len() as u64)?;
        if self.buffer.len() + bytes.len() > BUFFER {
            self.flush()?;
        }
        if bytes.len() >= BUFFER {
            self.file.write_all_at(bytes, self.start)?;
            self.start += bytes.len() as u64;
        } else {
            self.buffer.extend_from_slice(bytes);
        }
        Ok(())
    }

    /// Appends `count` zero bytes.
    pub(super) fn zeros(&mut self, count: u64) -> Result<()> {
        self.claim(count)?;
        if count < SPARSE_FROM {
            if self.buffer.len() + count as usize > BUFFER {
                self.flush()?;
            }
            self.buffer.resize(self.buffer.len() + count as usize, 0);
        } else {
            self.flush()?;
            self.start += count;
        }
        Ok(())
    }

    /// Appends zeros up to the next multiple of the block size.
    pub(super) fn align(&mut self) -> Result<()> {
        self.zeros(self.position().next_multiple_of(BLOCK) - self.position())
    }

    /// Gives all appended bytes to the system.
    pub(super) fn flush(&mut self) -> Result<()> {
        self.file.write_all_at(&self.buffer, self.start)?;
        self.start += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Overwrites bytes appended before; the caller has flushed.
    pub(super) fn patch(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    /// Makes the file `len` bytes long and durable.
    pub(super) fn finish(mut self, len: u64) -> Result<()> {
        self.flush()?;
        self.file.set_len(len)?;
        self.file.sync_all()
    }

    fn claim(&self, count: u64) -> Result<()> {
        match self.position().checked_add(count) {
            Some(end) if end <= self.limit => Ok(()),
            _ => Err(Error::new(
                std::io::ErrorKind::FileTooLarge,
                format!("the layer disk would exceed its limit of {} bytes", self.limit),
            )),
        }
    }
}
