//! The writer while the stream passes: contents of files go out at once, and what is metadata is kept for the end.
//!
//! Called by the layer builder: [`Writer::new`], then [`Writer::file`] for each regular file, then [`Writer::finish`]
//! (in `finish.rs`) with the tree of them all.
//!
//! A file whose size is no multiple of a block has the rest of its data stored right behind its inode, as EROFS's inline
//! layout has it. Such an inode is therefore written as soon as its data has passed; only its number of names can change
//! afterwards, and is patched. All other inodes wait for the end.

mod finish;

use std::fs::File;
use std::io::{Error, ErrorKind, Result};

pub use finish::Written;

use super::format::{self, BLOCK, BLOCK_SIZE, EXTENDED_INODE, Inode, SLOT, SUPER_OFFSET, SUPER_SIZE, XATTR_HEADER};
use super::output::Output;
use super::packer::{Packer, Place};
use super::tree::Attributes;
use super::xattr::{MAX_XATTRS, Table, Xattr, XattrError, XattrIds};

/// Where the root's inode stands in block 0: right behind the superblock.
const ROOT_OFFSET: usize = SUPER_OFFSET + SUPER_SIZE;
/// Block numbers have 32 bits, the highest of which is not used for data.
const MAX_BYTES: u64 = (u32::MAX as u64 - 1) * BLOCK;

/// A regular file's content, as it lies in the image.
#[derive(Clone, Copy, Debug)]
pub struct FileContent {
    size: u64,
    first_block: u32,
    /// Where the inode stands if it had to be written with its data.
    place: Option<Place>,
}

impl FileContent {
    /// Bytes of the file.
    pub fn size(&self) -> u64 {
        self.size
    }
}

/// An image being written.
pub struct Writer {
    output: Output,
    packer: Packer,
    /// The packer's current window.
    window: Vec<u8>,
    /// Where the windows before it went.
    window_offsets: Vec<u64>,
    xattrs: Table,
    serial: u32,
}

impl Writer {
    /// Writes an image to `file`, which is empty, and of which the image will fill no more than `limit` bytes.
    pub fn new(file: File, limit: u64) -> Result<Self> {
        let mut output = Output::new(file, limit.min(MAX_BYTES));
        output.zeros(BLOCK)?;
        Ok(Self {
            output,
            packer: Packer::default(),
            window: Vec::new(),
            window_offsets: Vec::new(),
            xattrs: Table::default(),
            serial: 0,
        })
    }

    /// Stores extended attributes and gives their numbers, in the order given.
    pub fn intern(&mut self, xattrs: &[Xattr]) -> std::result::Result<XattrIds, XattrError> {
        if xattrs.len() > MAX_XATTRS {
            return Err(XattrError::TooMany);
        }
        xattrs.iter().map(|(name, value)| self.intern_one(name, value)).collect()
    }

    /// Stores one extended attribute.
    pub fn intern_one(&mut self, name: &[u8], value: &[u8]) -> std::result::Result<u32, XattrError> {
        self.xattrs.intern(name, value)
    }

    /// Bytes of the image so far, apart from what waits for the end.
    pub fn position(&self) -> u64 {
        self.output.position()
    }

    /// Begins a regular file of `size` bytes, all of which the caller writes before it calls [`FileWriter::finish`].
    pub fn file<'w>(&'w mut self, attributes: &Attributes, xattrs: &'w [u32], size: u64) -> Result<FileWriter<'w>> {
        let tail = size % BLOCK;
        let inline = tail > 0 && head_len(xattrs) + tail as usize <= BLOCK_SIZE;
        let in_blocks = if inline { size - tail } else { size };
        let first_block = if in_blocks == 0 { 0 } else { (self.output.position() / BLOCK) as u32 };
        Ok(FileWriter {
            writer: self,
            attributes: *attributes,
            xattrs,
            size,
            first_block,
            blocks_left: in_blocks,
            tail: inline.then(|| Vec::with_capacity(tail as usize)),
        })
    }

    fn place_with_tail(&mut self, inode: &Inode, xattrs: &[u32], tail: &[u8]) -> Result<Place> {
        let place = self.packer.place(head_len(xattrs) + tail.len());
        if place.window as usize != self.window_offsets.len() {
            self.flush_window()?;
        }
        put_record(&mut self.window, place.offset as usize, inode, xattrs, tail);
        Ok(place)
    }

    fn flush_window(&mut self) -> Result<()> {
        self.window.resize(self.window.len().next_multiple_of(BLOCK_SIZE), 0);
        self.window_offsets.push(self.output.position());
        self.output.write(&self.window)?;
        self.window.clear();
        Ok(())
    }

    fn next_serial(&mut self) -> u32 {
        // Only 32-bit programs ever see it; the real inode number is the inode's place.
        self.serial = self.serial.wrapping_add(1);
        self.serial
    }
}

/// A regular file's content being written.
pub struct FileWriter<'w> {
    writer: &'w mut Writer,
    attributes: Attributes,
    xattrs: &'w [u32],
    size: u64,
    first_block: u32,
    blocks_left: u64,
    tail: Option<Vec<u8>>,
}

impl FileWriter<'_> {
    /// Appends bytes of the file.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let to_blocks = bytes.len().min(usize::try_from(self.blocks_left).unwrap_or(usize::MAX));
        let (blocks, rest) = bytes.split_at(to_blocks);
        self.writer.output.write(blocks)?;
        self.blocks_left -= blocks.len() as u64;
        self.append_tail(rest.len(), |tail| tail.extend_from_slice(rest))
    }

    /// Appends `count` zero bytes, which take no room on the host where they are many.
    pub fn hole(&mut self, count: u64) -> Result<()> {
        let to_blocks = count.min(self.blocks_left);
        self.writer.output.zeros(to_blocks)?;
        self.blocks_left -= to_blocks;
        let rest = usize::try_from(count - to_blocks).unwrap_or(usize::MAX);
        self.append_tail(rest, |tail| tail.resize(tail.len() + rest, 0))
    }

    fn append_tail(&mut self, count: usize, append: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        if count == 0 {
            return Ok(());
        }
        match &mut self.tail {
            Some(tail) if tail.len().saturating_add(count) as u64 <= self.size % BLOCK => {
                append(tail);
                Ok(())
            }
            _ => Err(Error::new(ErrorKind::InvalidInput, "more bytes than the file's size")),
        }
    }

    /// Ends the file.
    pub fn finish(self) -> Result<FileContent> {
        let missing = self.tail.as_ref().is_some_and(|tail| tail.len() as u64 != self.size % BLOCK);
        if self.blocks_left > 0 || missing {
            return Err(Error::new(ErrorKind::InvalidInput, "fewer bytes than the file's size"));
        }
        self.writer.output.align()?;
        let place = match &self.tail {
            None => None,
            Some(tail) => {
                let inode = Inode {
                    inline: true,
                    shared_xattrs: self.xattrs.len(),
                    mode: format::S_IFREG | self.attributes.mode,
                    size: self.size,
                    block_or_rdev: self.first_block,
                    serial: self.writer.next_serial(),
                    uid: self.attributes.uid,
                    gid: self.attributes.gid,
                    mtime: self.attributes.mtime,
                    mtime_nsec: self.attributes.mtime_nsec,
                    nlink: 1,
                };
                Some(self.writer.place_with_tail(&inode, self.xattrs, tail)?)
            }
        };
        Ok(FileContent { size: self.size, first_block: self.first_block, place })
    }
}

/// Bytes of an inode and the numbers of its attributes.
fn head_len(xattrs: &[u32]) -> usize {
    EXTENDED_INODE + if xattrs.is_empty() { 0 } else { XATTR_HEADER + 4 * xattrs.len() }
}

/// Writes an inode, its attributes' numbers and `tail` at `offset` in `window`, which grows as needed.
fn put_record(window: &mut Vec<u8>, offset: usize, inode: &Inode, xattrs: &[u32], tail: &[u8]) {
    let mut record = Vec::with_capacity(head_len(xattrs) + tail.len());
    inode.encode(&mut record);
    if !xattrs.is_empty() {
        record.extend_from_slice(&[0; 4]);
        record.push(xattrs.len() as u8);
        record.extend_from_slice(&[0; 7]);
        record.extend(xattrs.iter().flat_map(|id| id.to_le_bytes()));
    }
    record.extend_from_slice(tail);
    let end = offset + record.len();
    if window.len() < end {
        window.resize(end.next_multiple_of(SLOT as usize), 0);
    }
    window[offset..end].copy_from_slice(&record);
}
