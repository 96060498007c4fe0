//! The end of an image: every inode gets its place, directories are written, then attributes, then the superblock.
//!
//! Called once, by the layer builder. Two passes over the tree in the same order: *plan* decides where each record and
//! each spilled block stands, from sizes alone; *emit* writes them, when the numbers that directories name are known.

use std::io::Result;

use super::super::checksum::crc32c;
use super::super::directory;
use super::super::format::{BLOCK, BLOCK_SIZE, Inode, NLINK_OFFSET, SLOT, SUPER_OFFSET, Superblock, file_type};
use super::super::packer::WINDOW;
use super::super::tree::{Body, Directory, NodeId, Tree};
use super::{ROOT_OFFSET, Writer, head_len, put_record};

/// A finished image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Bytes of the image's file, a multiple of what was asked for.
    pub file_bytes: u64,
    /// Bytes of it that the file system uses.
    pub used_bytes: u64,
    /// Inodes.
    pub inodes: u64,
}

/// An inode still to be written: whose, where, and how its data is split.
struct Planned {
    id: NodeId,
    /// Offset in the image.
    at: u64,
    size: u64,
    /// Bytes of data that stand in blocks of their own; the rest follows the inode.
    in_blocks: u64,
    /// Where these blocks begin: in the image for a file, after `spill_start` for others.
    blocks_at: u64,
}

struct Plan {
    records: Vec<Planned>,
    /// By node: the offset of its inode.
    offsets: Vec<u64>,
    /// Inodes already written whose number of names must be corrected.
    relinked: Vec<(u64, u32)>,
    spill_start: u64,
    inodes: u64,
}

impl Writer {
    /// Writes all that is not yet written and makes the file durable. The file is extended, sparsely, to a multiple of
    /// `align` bytes, itself a multiple of the block size.
    pub fn finish(mut self, tree: &Tree, uuid: [u8; 16], align: u64) -> Result<Written> {
        if !self.window.is_empty() {
            self.flush_window()?;
            self.packer.close();
        }
        let plan = self.plan(tree);
        let root = self.emit_records(tree, &plan)?;
        self.emit_spilled(tree, &plan)?;
        let xattr_block = (self.output.position() / BLOCK) as u32;
        self.output.write(self.xattrs.area())?;
        self.output.align()?;
        self.output.flush()?;

        for (offset, names) in &plan.relinked {
            self.output.patch(&names.to_le_bytes(), offset + NLINK_OFFSET)?;
        }
        let used_bytes = self.output.position();
        let superblock = Superblock {
            root: (ROOT_OFFSET as u64 / SLOT) as u16,
            inodes: plan.inodes,
            blocks: (used_bytes / BLOCK) as u32,
            xattr_block,
            uuid,
        };
        let mut block = [superblock.encode(), root].concat();
        block.resize(BLOCK_SIZE - SUPER_OFFSET, 0);
        let checksum = crc32c(&block);
        block[4..8].copy_from_slice(&checksum.to_le_bytes());
        self.output.patch(&block, SUPER_OFFSET as u64)?;
        let file_bytes = used_bytes.next_multiple_of(align);
        self.output.finish(file_bytes)?;
        Ok(Written { file_bytes, used_bytes, inodes: plan.inodes })
    }

    fn plan(&mut self, tree: &Tree) -> Plan {
        let base = self.output.position();
        let first_window = self.packer.window();
        let order = tree.in_order();
        let mut plan = Plan {
            records: Vec::new(),
            offsets: vec![0; tree.len()],
            relinked: Vec::new(),
            spill_start: 0,
            inodes: order.len() as u64,
        };
        let mut spill = 0;
        for id in order {
            let node = tree.node(id);
            if let Body::File(content) = &node.body
                && let Some(place) = content.place
            {
                let offset = self.window_offsets[place.window as usize] + u64::from(place.offset);
                plan.offsets[id.index()] = offset;
                if node.names != 1 {
                    plan.relinked.push((offset, node.names));
                }
                continue;
            }
            let (size, room) = (data_size(tree, id), BLOCK_SIZE - head_len(&node.xattrs));
            let room = if id == Tree::ROOT { room - ROOT_OFFSET } else { room };
            let (in_blocks, blocks_at) = match &node.body {
                Body::File(content) => (size, u64::from(content.first_block) * BLOCK),
                _ if (size % BLOCK) as usize <= room => (size - size % BLOCK, spill),
                _ => (size, spill),
            };
            if !matches!(node.body, Body::File(_)) {
                spill += in_blocks.next_multiple_of(BLOCK);
            }
            let at = if id == Tree::ROOT {
                ROOT_OFFSET as u64
            } else {
                let place = self.packer.place(head_len(&node.xattrs) + (size - in_blocks) as usize);
                base + u64::from(place.window - first_window) * WINDOW as u64 + u64::from(place.offset)
            };
            plan.offsets[id.index()] = at;
            plan.records.push(Planned { id, at, size, in_blocks, blocks_at });
        }
        let windows = u64::from(self.packer.window() - first_window);
        plan.spill_start = base + windows * WINDOW as u64 + self.packer.window_len() as u64;
        plan
    }

    /// Writes the windows and returns the root's record, which has its own place.
    fn emit_records(&mut self, tree: &Tree, plan: &Plan) -> Result<Vec<u8>> {
        let base = self.output.position();
        let mut root = Vec::new();
        for record in &plan.records {
            let node = tree.node(record.id);
            let inode = self.inode(tree, record, plan);
            let tail = if inode.inline { data(tree, record.id, plan) } else { Vec::new() };
            let tail = tail.get(record.in_blocks as usize..).unwrap_or_default();
            if record.id == Tree::ROOT {
                put_record(&mut root, 0, &inode, &node.xattrs, tail);
                continue;
            }
            let window_start = base + (record.at - base) / WINDOW as u64 * WINDOW as u64;
            if window_start != self.output.position() {
                self.window.resize(WINDOW, 0);
                self.output.write(&self.window)?;
                self.window.clear();
            }
            put_record(&mut self.window, (record.at - window_start) as usize, &inode, &node.xattrs, tail);
        }
        self.output.write(&self.window)?;
        self.output.align()?;
        Ok(root)
    }

    /// Writes the blocks of directories and symlinks that do not follow their inode.
    fn emit_spilled(&mut self, tree: &Tree, plan: &Plan) -> Result<()> {
        for record in plan.records.iter().filter(|record| record.in_blocks > 0) {
            if matches!(tree.node(record.id).body, Body::File(_)) {
                continue;
            }
            debug_assert_eq!(plan.spill_start + record.blocks_at, self.output.position());
            self.output.write(&data(tree, record.id, plan)[..record.in_blocks as usize])?;
            self.output.align()?;
        }
        Ok(())
    }

    fn inode(&mut self, tree: &Tree, record: &Planned, plan: &Plan) -> Inode {
        let node = tree.node(record.id);
        let (block_or_rdev, nlink) = match &node.body {
            Body::File(content) => (content.first_block, node.names),
            Body::Device { rdev, .. } => (*rdev, node.names),
            Body::Symlink(_) | Body::Fifo => (spill_block(record, plan), node.names),
            Body::Directory(directory) => {
                let below = directory.children.values().filter(|child| tree.directory(**child).is_some()).count();
                (spill_block(record, plan), 2 + below as u32)
            }
        };
        Inode {
            inline: record.size > record.in_blocks,
            shared_xattrs: node.xattrs.len(),
            mode: node.body.type_bits() | node.attributes.mode,
            size: record.size,
            block_or_rdev,
            serial: self.next_serial(),
            uid: node.attributes.uid,
            gid: node.attributes.gid,
            mtime: node.attributes.mtime,
            mtime_nsec: node.attributes.mtime_nsec,
            nlink,
        }
    }
}

fn spill_block(record: &Planned, plan: &Plan) -> u32 {
    if record.in_blocks == 0 { 0 } else { ((plan.spill_start + record.blocks_at) / BLOCK) as u32 }
}

/// A directory's entries, `.` and `..` among them, in order.
fn entries(id: NodeId, directory: &Directory) -> Vec<(&[u8], NodeId)> {
    let dots = [(&b"."[..], id), (&b".."[..], directory.parent())];
    let mut all: Vec<_> =
        dots.into_iter().chain(directory.children.iter().map(|(name, child)| (&**name, *child))).collect();
    // Two runs in order, so cheap; names that begin with "!" or "-" stand before the dots.
    all.sort_by_key(|(name, _)| *name);
    all
}

/// Bytes of data of a node.
fn data_size(tree: &Tree, id: NodeId) -> u64 {
    match &tree.node(id).body {
        Body::Directory(children) => directory::size(entries(id, children).into_iter().map(|(name, _)| name)),
        Body::File(content) => content.size,
        Body::Symlink(target) => target.len() as u64,
        Body::Device { .. } | Body::Fifo => 0,
    }
}

/// The data of a directory or a symlink.
fn data(tree: &Tree, id: NodeId, plan: &Plan) -> Vec<u8> {
    match &tree.node(id).body {
        Body::Directory(children) => {
            let entries = entries(id, children);
            let numbered: Vec<_> = entries
                .into_iter()
                .map(|(name, child)| {
                    (name, plan.offsets[child.index()] / SLOT, file_type(tree.node(child).body.type_bits()))
                })
                .collect();
            directory::encode(&numbered)
        }
        Body::Symlink(target) => target.to_vec(),
        Body::File(_) | Body::Device { .. } | Body::Fifo => Vec::new(),
    }
}
