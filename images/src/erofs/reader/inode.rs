//! Inodes, read and checked.
//!
//! Called by the rest of the reader. Source: `struct erofs_inode_compact` and `_extended`.

use super::super::format::{
    self, BLOCK, COMPACT_INODE, EXTENDED_INODE, LAYOUT_INLINE, LAYOUT_PLAIN, S_IFMT, SLOT, XATTR_HEADER,
};
use super::super::tree::Attributes;
use super::{Device, Fields, ReadError, Reader};

/// What an inode is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Directory.
    Directory,
    /// Regular file.
    File,
    /// Symlink; its target is its data.
    Symlink,
    /// Character device, its number encoded as by [`crate::erofs::rdev`].
    CharDevice(u32),
    /// Block device, likewise.
    BlockDevice(u32),
    /// Named pipe.
    Fifo,
    /// Socket.
    Socket,
}

/// An inode.
#[derive(Clone, Debug)]
pub struct Inode {
    /// Its number, which is its place.
    pub number: u64,
    /// What it is.
    pub kind: Kind,
    /// Owner, permission bits, time.
    pub attributes: Attributes,
    /// Bytes of data.
    pub size: u64,
    /// Names, as the image counts them.
    pub links: u32,
    pub(super) first_block: u64,
    pub(super) inline: bool,
    /// Where data that follows the inode begins.
    pub(super) inline_at: u64,
    pub(super) xattrs_at: u64,
    /// Bytes of the attribute area behind the inode.
    pub(super) xattrs_len: usize,
}

impl Inode {
    /// Bytes of data that stand in whole blocks.
    pub(super) fn in_blocks(&self) -> u64 {
        if self.inline { self.size - self.size % BLOCK } else { self.size }
    }

    pub(super) fn corrupt(&self, what: &'static str) -> ReadError {
        ReadError::Corrupt { inode: self.number, what }
    }
}

impl<D: Device> Reader<D> {
    /// The inode with this number.
    ///
    /// # Errors
    /// There is none that makes sense, or it is laid out in a way that this reader does not know.
    pub fn inode(&self, number: u64) -> Result<Inode, ReadError> {
        let corrupt = |what| ReadError::Corrupt { inode: number, what };
        let at = number
            .checked_mul(SLOT)
            .and_then(|offset| offset.checked_add(self.inodes_at))
            .filter(|at| *at < i64::MAX as u64)
            .ok_or_else(|| corrupt("its number is out of range"))?;
        let mut bytes = [0; EXTENDED_INODE];
        self.read(number, &mut bytes[..COMPACT_INODE], at)?;
        let format = Fields(&bytes).u16(0);
        if format & !0xf != 0 {
            return Err(ReadError::Unsupported("an unknown inode format"));
        }
        let extended = format & 1 == 1;
        if extended {
            self.read(number, &mut bytes[COMPACT_INODE..], at + COMPACT_INODE as u64)?;
        }
        let field = Fields(&bytes);
        let inline = match format >> 1 & 7 {
            LAYOUT_PLAIN => false,
            LAYOUT_INLINE => true,
            _ => return Err(ReadError::Unsupported("compressed or chunked files")),
        };
        let mode = field.u16(4);
        let block_or_rdev = field.u32(16);
        let kind = match mode & S_IFMT {
            format::S_IFDIR => Kind::Directory,
            format::S_IFREG => Kind::File,
            format::S_IFLNK => Kind::Symlink,
            format::S_IFCHR => Kind::CharDevice(block_or_rdev),
            format::S_IFBLK => Kind::BlockDevice(block_or_rdev),
            format::S_IFIFO => Kind::Fifo,
            format::S_IFSOCK => Kind::Socket,
            _ => return Err(corrupt("its mode names no type of file")),
        };
        let (size, links, uid, gid, mtime, mtime_nsec, len) = if extended {
            let (uid, gid) = (field.u32(24), field.u32(28));
            (field.u64(8), field.u32(44), uid, gid, field.u64(32) as i64, field.u32(40), EXTENDED_INODE)
        } else {
            let (uid, gid) = (u32::from(field.u16(24)), u32::from(field.u16(26)));
            let (mtime, nsec) = self.build_time;
            (u64::from(field.u32(8)), u32::from(field.u16(6)), uid, gid, mtime, nsec, COMPACT_INODE)
        };
        if size > i64::MAX as u64 {
            return Err(corrupt("its size is out of range"));
        }
        let xattrs_at = at + len as u64;
        let xattrs_len = match usize::from(field.u16(2)) {
            0 => 0,
            count => XATTR_HEADER + 4 * (count - 1),
        };
        Ok(Inode {
            number,
            kind,
            attributes: Attributes { mode: mode & 0o7777, uid, gid, mtime, mtime_nsec },
            size,
            links,
            first_block: u64::from(block_or_rdev),
            inline,
            inline_at: xattrs_at + xattrs_len as u64,
            xattrs_at,
            xattrs_len,
        })
    }
}
