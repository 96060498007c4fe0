//! A small EROFS reader: the tree and the contents of an uncompressed image, without mounting it.
//!
//! Called by tests, and by whatever turns layers back into tars or compares them. It reads what [`super::Writer`] writes
//! and what `mkfs.erofs` writes without compression: flat layouts, compact and extended inodes, inline and shared
//! attributes. Everything else is refused by name.
//!
//! Promises: no byte of an image can make it panic, read outside the image, loop for ever, or take memory beyond what
//! the caller asks for: contents are read into the caller's buffers, directories a block at a time.

mod directory;
mod inode;
mod walk;
mod xattr;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

pub use directory::{Entries, Entry};
pub use inode::{Inode, Kind};
pub use walk::{Visited, Walk};

use super::checksum::crc32c;
use super::format::{BLOCK, BLOCK_BITS, BLOCK_SIZE, FEATURE_CHECKSUM, MAGIC, SUPER_OFFSET};

/// Why an image cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The image's file cannot be read.
    #[error("cannot read the image")]
    Io(#[from] io::Error),
    /// No EROFS superblock.
    #[error("not an erofs image")]
    NotErofs,
    /// A feature that this reader does not know.
    #[error("the image uses {0}, which this reader does not know")]
    Unsupported(&'static str),
    /// A structure that contradicts itself or points outside.
    #[error("the image is corrupt: {what} (inode {inode})")]
    Corrupt {
        /// The inode at fault, 0 for the superblock.
        inode: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// Larger than the caller allows.
    #[error("inode {inode} is larger than {limit} bytes")]
    TooLarge {
        /// The inode.
        inode: u64,
        /// The caller's limit, in bytes.
        limit: u64,
    },
}

/// Bytes of an image, by offset.
pub trait Device {
    /// Fills `buffer` from `offset` on; [`io::ErrorKind::UnexpectedEof`] past the end.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

impl Device for File {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, buffer, offset)
    }
}

impl Device for [u8] {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).ok();
        let range = start.and_then(|start| self.get(start..start.checked_add(buffer.len())?));
        buffer.copy_from_slice(range.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

impl<D: Device + ?Sized> Device for &D {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        (**self).read_exact_at(buffer, offset)
    }
}

/// An image.
#[derive(Debug)]
pub struct Reader<D> {
    device: D,
    /// Inodes are counted from here.
    inodes_at: u64,
    /// Shared attributes are counted from here.
    xattrs_at: u64,
    root: u64,
    build_time: (i64, u32),
    blocks: u64,
    inodes: u64,
    uuid: [u8; 16],
}

impl Reader<File> {
    /// Opens the image at `path`.
    ///
    /// # Errors
    /// The file cannot be read, or holds no image that this reader knows.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        Self::new(File::open(path)?)
    }
}

impl<D: Device> Reader<D> {
    /// Reads the superblock of the image on `device` and checks its checksum.
    ///
    /// # Errors
    /// As for [`Reader::open`].
    pub fn new(device: D) -> Result<Self, ReadError> {
        let mut block = vec![0; BLOCK_SIZE - SUPER_OFFSET];
        device.read_exact_at(&mut block, SUPER_OFFSET as u64).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => ReadError::NotErofs,
            _ => ReadError::Io(error),
        })?;
        let field = Fields(&block);
        if field.u32(0) != MAGIC {
            return Err(ReadError::NotErofs);
        }
        if block[12] != BLOCK_BITS {
            return Err(ReadError::Unsupported("another block size than 4096"));
        }
        if field.u32(80) != 0 {
            return Err(ReadError::Unsupported("compression or another incompatible feature"));
        }
        if field.u32(8) & FEATURE_CHECKSUM != 0 {
            let mut unsigned = block.clone();
            unsigned[4..8].fill(0);
            if crc32c(&unsigned) != field.u32(4) {
                return Err(ReadError::Corrupt { inode: 0, what: "the superblock's checksum does not match" });
            }
        }
        let mut uuid = [0; 16];
        uuid.copy_from_slice(&block[48..64]);
        Ok(Self {
            inodes_at: u64::from(field.u32(40)) * BLOCK,
            xattrs_at: u64::from(field.u32(44)) * BLOCK,
            root: u64::from(field.u16(14)),
            build_time: (field.u64(24) as i64, field.u32(32)),
            blocks: u64::from(field.u32(36)),
            inodes: field.u64(16),
            uuid,
            device,
        })
    }

    /// The root directory.
    ///
    /// # Errors
    /// It cannot be read or is no directory.
    pub fn root(&self) -> Result<Inode, ReadError> {
        let root = self.inode(self.root)?;
        match root.kind {
            Kind::Directory => Ok(root),
            _ => Err(root.corrupt("the root is no directory")),
        }
    }

    /// Blocks of 4096 bytes that the file system uses, by its superblock.
    pub fn blocks(&self) -> u64 {
        self.blocks
    }

    /// Inodes, by the superblock.
    pub fn inode_count(&self) -> u64 {
        self.inodes
    }

    /// The image's UUID.
    pub fn uuid(&self) -> [u8; 16] {
        self.uuid
    }

    /// Reads up to `buffer.len()` bytes of a file's, directory's or symlink's data from `offset` on; 0 at its end.
    ///
    /// # Errors
    /// The data lies outside the image.
    pub fn read_at(&self, inode: &Inode, offset: u64, buffer: &mut [u8]) -> Result<usize, ReadError> {
        let left = inode.size.saturating_sub(offset);
        let mut len = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let at = if inode.inline && offset >= inode.in_blocks() {
            inode.inline_at.checked_add(offset - inode.in_blocks())
        } else {
            if inode.inline {
                len = len.min(usize::try_from(inode.in_blocks() - offset).unwrap_or(usize::MAX));
            }
            (inode.first_block * BLOCK).checked_add(offset)
        };
        let at = at.ok_or_else(|| inode.corrupt("its data lies outside the image"))?;
        if len > 0 {
            self.read(inode.number, &mut buffer[..len], at)?;
        }
        Ok(len)
    }

    /// All data of a file or symlink, if it is no more than `limit` bytes.
    ///
    /// # Errors
    /// It is larger, or lies outside the image.
    pub fn read_all(&self, inode: &Inode, limit: u64) -> Result<Vec<u8>, ReadError> {
        if inode.size > limit {
            return Err(ReadError::TooLarge { inode: inode.number, limit });
        }
        // The size is the image's word: memory grows with what is really there.
        let (mut all, mut piece) = (Vec::new(), vec![0; 64 << 10]);
        loop {
            match self.read_at(inode, all.len() as u64, &mut piece)? {
                0 => return Ok(all),
                len => all.extend_from_slice(&piece[..len]),
            }
        }
    }

    /// Reads metadata; what lies outside the image is the image's fault, not the system's.
    fn read(&self, inode: u64, buffer: &mut [u8], offset: u64) -> Result<(), ReadError> {
        self.device.read_exact_at(buffer, offset).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => ReadError::Corrupt { inode, what: "something lies outside the image" },
            _ => ReadError::Io(error),
        })
    }
}

/// Little-endian numbers in a structure long enough for them.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut bytes = [0; N];
        bytes.copy_from_slice(&self.0[at..at + N]);
        bytes
    }

    fn u16(&self, at: usize) -> u16 {
        u16::from_le_bytes(self.array(at))
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.array(at))
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.array(at))
    }
}
