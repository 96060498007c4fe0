//! The on-disk structures of EROFS as bytes: sizes, numbers and encoders. Little endian throughout.
//!
//! Called by the writer and the reader. Source: Linux `fs/erofs/erofs_fs.h`.

/// Bytes a block: the page size of x86-64, the only block size Linux 6.1 takes.
pub const BLOCK_SIZE: usize = 4096;
pub(super) const BLOCK: u64 = BLOCK_SIZE as u64;
pub(super) const BLOCK_BITS: u8 = 12;

/// Where the superblock starts in block 0.
pub(super) const SUPER_OFFSET: usize = 1024;
pub(super) const SUPER_SIZE: usize = 128;
pub(super) const MAGIC: u32 = 0xe0f5_e1e2;
/// The checksum field covers block 0 from the superblock on.
pub(super) const FEATURE_CHECKSUM: u32 = 0x1;
/// Inodes carry modification times.
pub(super) const FEATURE_MTIME: u32 = 0x2;

/// An inode's number is its offset in units of this many bytes.
pub(super) const SLOT: u64 = 32;
pub(super) const COMPACT_INODE: usize = 32;
pub(super) const EXTENDED_INODE: usize = 64;
/// Where `i_nlink` stands in an extended inode.
pub(super) const NLINK_OFFSET: u64 = 44;

pub(super) const LAYOUT_PLAIN: u16 = 0;
pub(super) const LAYOUT_INLINE: u16 = 2;

/// Bytes of `erofs_dirent`; names follow all the entries of a block.
pub(super) const DIRENT: usize = 12;
/// Longest file name in bytes.
pub(super) const NAME_MAX: usize = 255;

/// `erofs_xattr_ibody_header`, which shared attribute numbers (4 bytes each) follow.
pub(super) const XATTR_HEADER: usize = 12;
/// `erofs_xattr_entry`, which the name and the value follow.
pub(super) const XATTR_ENTRY: usize = 4;

/// File type bits of `i_mode`.
pub(super) const S_IFMT: u16 = 0o170_000;
pub(super) const S_IFIFO: u16 = 0o010_000;
pub(super) const S_IFCHR: u16 = 0o020_000;
pub(super) const S_IFDIR: u16 = 0o040_000;
pub(super) const S_IFBLK: u16 = 0o060_000;
pub(super) const S_IFREG: u16 = 0o100_000;
pub(super) const S_IFLNK: u16 = 0o120_000;
pub(super) const S_IFSOCK: u16 = 0o140_000;

/// The `file_type` of a directory entry for the type bits of `mode`; 0 is unknown.
pub(super) fn file_type(mode: u16) -> u8 {
    match mode & S_IFMT {
        S_IFREG => 1,
        S_IFDIR => 2,
        S_IFCHR => 3,
        S_IFBLK => 4,
        S_IFIFO => 5,
        S_IFSOCK => 6,
        S_IFLNK => 7,
        _ => 0,
    }
}

/// A device number as Linux's `new_encode_dev` lays it out: `None` where the major has more than 12 bits or the minor
/// more than 20, which the kernel cannot hold.
pub fn rdev(major: u32, minor: u32) -> Option<u32> {
    (major < 1 << 12 && minor < 1 << 20).then_some((minor & 0xff) | (major << 8) | ((minor & !0xff) << 12))
}

/// Everything an extended inode says.
pub(super) struct Inode {
    pub(super) inline: bool,
    pub(super) shared_xattrs: usize,
    /// Type and permission bits.
    pub(super) mode: u16,
    pub(super) size: u64,
    /// First data block, or the device number.
    pub(super) block_or_rdev: u32,
    pub(super) serial: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mtime: i64,
    pub(super) mtime_nsec: u32,
    pub(super) nlink: u32,
}

impl Inode {
    /// Appends the 64 bytes of `struct erofs_inode_extended`.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let layout = if self.inline { LAYOUT_INLINE } else { LAYOUT_PLAIN };
        // One for the header, one for each 4-byte attribute number; the caller keeps the count far below 65536.
        let xattr_count = if self.shared_xattrs == 0 { 0 } else { 1 + self.shared_xattrs as u16 };
        out.extend_from_slice(&(1 | layout << 1).to_le_bytes());
        out.extend_from_slice(&xattr_count.to_le_bytes());
        out.extend_from_slice(&self.mode.to_le_bytes());
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&self.size.to_le_bytes());
        out.extend_from_slice(&self.block_or_rdev.to_le_bytes());
        out.extend_from_slice(&self.serial.to_le_bytes());
        out.extend_from_slice(&self.uid.to_le_bytes());
        out.extend_from_slice(&self.gid.to_le_bytes());
        out.extend_from_slice(&self.mtime.to_le_bytes());
        out.extend_from_slice(&self.mtime_nsec.to_le_bytes());
        out.extend_from_slice(&self.nlink.to_le_bytes());
        out.extend_from_slice(&[0; 16]);
    }
}

/// What the superblock says, apart from constants.
pub(super) struct Superblock {
    pub(super) root: u16,
    pub(super) inodes: u64,
    pub(super) blocks: u32,
    pub(super) xattr_block: u32,
    pub(super) uuid: [u8; 16],
}

impl Superblock {
    /// The 128 bytes of `struct erofs_super_block`, its checksum still zero.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(SUPER_SIZE);
        out.extend_from_slice(&MAGIC.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&(FEATURE_CHECKSUM | FEATURE_MTIME).to_le_bytes());
        out.extend_from_slice(&[BLOCK_BITS, 0]);
        out.extend_from_slice(&self.root.to_le_bytes());
        out.extend_from_slice(&self.inodes.to_le_bytes());
        // Build time: only compact inodes use it, and a fixed one keeps the image reproducible.
        out.extend_from_slice(&[0; 12]);
        out.extend_from_slice(&self.blocks.to_le_bytes());
        // Inodes are counted from block 0, so that they may stand anywhere.
        out.extend_from_slice(&0_u32.to_le_bytes());
        out.extend_from_slice(&self.xattr_block.to_le_bytes());
        out.extend_from_slice(&self.uuid);
        out.resize(SUPER_SIZE, 0);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_numbers_are_encoded_as_the_kernel_does() {
        assert_eq!(rdev(0, 0), Some(0));
        assert_eq!(rdev(1, 3), Some(0x103));
        assert_eq!(rdev(8, 0x1234), Some(0x0120_0834));
        assert_eq!(rdev(0xfff, 0xf_ffff), Some(u32::MAX));
        assert_eq!(rdev(0x1000, 0), None);
        assert_eq!(rdev(0, 0x10_0000), None);
    }
}
