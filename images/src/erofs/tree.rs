//! The tree of files that an image will hold: names, attributes, links; never contents.
//!
//! Called by the layer builder, which grows and changes it while a tar stream passes, and by [`super::Writer::finish`].
//! Nodes live in one vector and refer to each other by number, so nothing here recurses, however deep a tree is.

use std::collections::BTreeMap;

use super::format;
use super::writer::FileContent;
use super::xattr::XattrIds;

/// What every inode has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Permission bits, set-id and sticky bits (`07777`).
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Time of last modification: seconds since 1970.
    pub mtime: i64,
    /// And nanoseconds, below 10⁹.
    pub mtime_nsec: u32,
}

/// The number of a node in its [`Tree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u32);

/// What a node is.
#[derive(Debug)]
pub enum Body {
    /// A directory and its entries by name, in the kernel's order.
    Directory(Directory),
    /// A regular file, its content already written.
    File(FileContent),
    /// A symlink's target.
    Symlink(Box<[u8]>),
    /// A device: `rdev` as [`super::rdev`] encodes it.
    Device {
        /// Block device, else character device.
        block: bool,
        /// Encoded device number.
        rdev: u32,
    },
    /// A named pipe.
    Fifo,
}

impl Body {
    /// An empty directory, to be added to a tree.
    pub fn directory() -> Self {
        Self::Directory(Directory { children: BTreeMap::new(), parent: Tree::ROOT, depth: 0 })
    }

    /// The type bits of the mode.
    pub(super) fn type_bits(&self) -> u16 {
        match self {
            Self::Directory(_) => format::S_IFDIR,
            Self::File(_) => format::S_IFREG,
            Self::Symlink(_) => format::S_IFLNK,
            Self::Device { block: true, .. } => format::S_IFBLK,
            Self::Device { block: false, .. } => format::S_IFCHR,
            Self::Fifo => format::S_IFIFO,
        }
    }
}

/// A directory's entries and its place in the tree.
#[derive(Debug)]
pub struct Directory {
    pub(super) children: BTreeMap<Box<[u8]>, NodeId>,
    parent: NodeId,
    depth: u32,
}

impl Directory {
    /// The directory above; the root's is itself.
    pub fn parent(&self) -> NodeId {
        self.parent
    }

    /// Directories above this one; the root's is 0.
    pub fn depth(&self) -> u32 {
        self.depth
    }
}

/// An inode.
#[derive(Debug)]
pub struct Node {
    /// Owner, mode, time.
    pub attributes: Attributes,
    /// Extended attributes.
    pub xattrs: XattrIds,
    /// What it is.
    pub body: Body,
    /// Names that lead here; for a directory, 1 while it is in the tree.
    pub(super) names: u32,
}

/// Files under a root directory.
#[derive(Debug)]
pub struct Tree {
    nodes: Vec<Node>,
}

impl Tree {
    /// The root directory of every tree.
    pub const ROOT: NodeId = NodeId(0);

    /// A tree of one empty directory.
    pub fn new(root: Attributes) -> Self {
        Self { nodes: vec![Node { attributes: root, xattrs: XattrIds::default(), body: Body::directory(), names: 1 }] }
    }

    /// Nodes made so far, those replaced since included.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Never: there is always a root.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The node with this number, which came from this tree.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// The same, to be changed.
    pub fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id.0 as usize]
    }

    /// `id`'s entries, where it is a directory.
    pub fn directory(&self, id: NodeId) -> Option<&Directory> {
        match &self.node(id).body {
            Body::Directory(directory) => Some(directory),
            _ => None,
        }
    }

    /// What `name` in `directory` leads to.
    pub fn child(&self, directory: NodeId, name: &[u8]) -> Option<NodeId> {
        self.directory(directory)?.children.get(name).copied()
    }

    /// Puts a new node at `name` in `directory`, instead of what may be there with all that is below it.
    pub fn add(
        &mut self,
        directory: NodeId,
        name: &[u8],
        attributes: Attributes,
        xattrs: XattrIds,
        mut body: Body,
    ) -> NodeId {
        if let Body::Directory(new) = &mut body {
            new.parent = directory;
            new.depth = self.directory(directory).map_or(0, Directory::depth) + 1;
        }
        // Entries are limited far below 2³² by the builder.
        let id = NodeId(self.nodes.len() as u32);
        self.nodes.push(Node { attributes, xattrs, body, names: 0 });
        self.link(directory, name, id);
        id
    }

    /// Gives `target`, no directory unless it is new, one more name: `name` in `directory`, replacing as [`Tree::add`].
    pub fn link(&mut self, directory: NodeId, name: &[u8], target: NodeId) {
        // Counted first: the name replaced may be the target's only one.
        self.node_mut(target).names += 1;
        let Body::Directory(parent) = &mut self.node_mut(directory).body else { return };
        if let Some(replaced) = parent.children.insert(name.into(), target) {
            self.drop_name(replaced);
        }
    }

    fn drop_name(&mut self, id: NodeId) {
        let mut dropped = vec![id];
        while let Some(id) = dropped.pop() {
            let node = self.node_mut(id);
            node.names -= 1;
            if let Body::Directory(directory) = &mut node.body {
                dropped.extend(std::mem::take(&mut directory.children).into_values());
            }
        }
    }

    /// Every node that a name leads to, once, each directory followed by its entries before any directory below it.
    pub(super) fn in_order(&self) -> Vec<NodeId> {
        let mut seen = vec![false; self.nodes.len()];
        let mut order = vec![Self::ROOT];
        let mut directories = vec![Self::ROOT];
        while let Some(id) = directories.pop() {
            let Some(directory) = self.directory(id) else { continue };
            for child in directory.children.values().copied() {
                if !std::mem::replace(&mut seen[child.index()], true) {
                    order.push(child);
                }
            }
            directories
                .extend(directory.children.values().rev().copied().filter(|child| self.directory(*child).is_some()));
        }
        order
    }

    /// Sum of the sizes of files and symlinks, one with several names counted once: what Docker calls a layer's size.
    pub fn content_size(&self) -> u64 {
        let sizes = self.nodes.iter().filter(|node| node.names > 0).map(|node| match &node.body {
            Body::File(content) => content.size(),
            Body::Symlink(target) => target.len() as u64,
            _ => 0,
        });
        sizes.sum()
    }
}

impl NodeId {
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacing_a_directory_drops_what_is_below_but_not_other_names_of_it() {
        let mut tree = Tree::new(Attributes::default());
        let add =
            |tree: &mut Tree, at, name: &[u8], body| tree.add(at, name, Attributes::default(), Box::default(), body);
        let directory = add(&mut tree, Tree::ROOT, b"d", Body::directory());
        let link = add(&mut tree, directory, b"l", Body::Symlink((*b"four").into()));
        tree.link(Tree::ROOT, b"kept", link);
        assert_eq!(tree.content_size(), 4);
        add(&mut tree, Tree::ROOT, b"d", Body::Fifo);
        assert_eq!(tree.in_order().len(), 3);
        assert_eq!(tree.node(link).names, 1);
        assert_eq!(tree.child(Tree::ROOT, b"kept"), Some(link));
        assert_eq!(tree.child(Tree::ROOT, b"d").and_then(|id| tree.child(id, b"l")), None);
        tree.link(Tree::ROOT, b"kept", link);
        assert_eq!(tree.node(link).names, 1, "a name replaced by itself");
    }
}
