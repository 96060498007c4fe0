//! EROFS, the read-only file system of layer disks: a writer ([`Writer`], [`Tree`]) and a small reader ([`reader`]).
//!
//! Called by `layer`, which turns a tar stream into a [`Tree`] while the contents of files pass through the [`Writer`].
//!
//! The image, 4 KiB blocks, uncompressed, no incompatible feature bits (Linux 5.4 and later mount it):
//!
//! ```text
//! block 0     1024 bytes of zeros · superblock · root inode (its number must fit 16 bits, so it stands here)
//! then        in the order of the stream: whole blocks of file data, and now and then a window of up to 64 blocks
//!             with the inodes of small-tailed files, each followed by the tail of its data
//! then        windows with all other inodes: directories, symlinks, devices, files without a tail
//! then        blocks of directories and symlinks too large to follow their inode
//! at the end  extended attributes, each different one once ("shared" in EROFS's words)
//! ```
//!
//! Data is written once, in order, through one buffer; the superblock comes last, so that a torn image never mounts.
//! Only metadata is held in memory. The same calls give the same bytes.
//!
//! Facts are from Linux `fs/erofs/erofs_fs.h` and from what 6.1's `inode.c`, `data.c`, `dir.c` and `xattr.c` demand.
//!
//! Invariant: nothing here knows tar, overlayfs or Docker.

mod checksum;
mod directory;
mod format;
mod output;
mod packer;
pub mod reader;
mod tree;
mod writer;
mod xattr;

pub use format::{BLOCK_SIZE, rdev};
pub use tree::{Attributes, Body, Directory, Node, NodeId, Tree};
pub use writer::{FileContent, FileWriter, Writer, Written};
pub use xattr::{MAX_XATTRS, Xattr, XattrError, XattrIds};

#[cfg(test)]
mod tests;
