//! From a path to a directory of the tree, through symlinks, never out of the tree.
//!
//! Called for the parent of every entry and of every hard link's target. Behaves as path lookup does for a process whose
//! root is the layer: absolute targets start at the root, and `..` at the root stays there.

use crate::erofs::{Body, Directory, Node, NodeId, Tree};

use super::error::{Refusal, quote};
use super::path::{Meaning, NAME_MAX, meaning};

/// Symlinks followed on one way, as in Linux.
const MAX_SYMLINKS: u32 = 40;
/// Directories one below the other: as many as fit a path.
const MAX_DEPTH: u32 = 2048;

/// Finds the directory at `path`; `None` where it, or something on the way, is not there.
pub(super) fn find(tree: &Tree, path: &[&[u8]]) -> Result<Option<NodeId>, Refusal> {
    let mut way = Way::new(path);
    while let Some(name) = way.next_name(tree) {
        match tree.child(way.at, &name) {
            None => return Ok(None),
            Some(id) if is_whiteout(tree.node(id)) => return Ok(None),
            Some(id) => way.enter(tree, id, &name)?,
        }
    }
    Ok(Some(way.at))
}

/// Finds the directory at `path`, making what is missing, by calls of `make(tree, parent, name, hides)`: `hides` is set
/// where the new directory takes the place of a whiteout, and so must hide what is below.
pub(super) fn find_or_make(
    tree: &mut Tree,
    path: &[&[u8]],
    mut make: impl FnMut(&mut Tree, NodeId, &[u8], bool) -> Result<NodeId, Refusal>,
) -> Result<NodeId, Refusal> {
    let mut way = Way::new(path);
    while let Some(name) = way.next_name(tree) {
        let child = tree.child(way.at, &name);
        way.at = match child {
            Some(id) if !is_whiteout(tree.node(id)) => {
                way.enter(tree, id, &name)?;
                continue;
            }
            hidden => {
                check_new_name(tree, way.at, &name)?;
                make(tree, way.at, &name, hidden.is_some())?
            }
        };
    }
    Ok(way.at)
}

/// Whether a new file called `name` may stand in `directory`.
pub(super) fn check_new_name(tree: &Tree, directory: NodeId, name: &[u8]) -> Result<(), Refusal> {
    if name.len() > NAME_MAX {
        return Err(Refusal::NameTooLong);
    }
    if meaning(name)? != Meaning::File {
        return Err(Refusal::Whiteout);
    }
    match tree.directory(directory) {
        Some(directory) if directory.depth() < MAX_DEPTH => Ok(()),
        _ => Err(Refusal::TooDeep),
    }
}

/// Whether overlayfs takes `node` for a whiteout.
pub(super) fn is_whiteout(node: &Node) -> bool {
    matches!(node.body, Body::Device { block: false, rdev: 0 })
}

/// A lookup under way.
struct Way {
    at: NodeId,
    /// Names still to come, last first.
    names: Vec<Box<[u8]>>,
    symlinks: u32,
}

impl Way {
    fn new(path: &[&[u8]]) -> Self {
        Self { at: Tree::ROOT, names: path.iter().rev().map(|name| (*name).into()).collect(), symlinks: 0 }
    }

    /// The next name to look up in `at`. A `..`, which only symlinks bring, is walked at once.
    fn next_name(&mut self, tree: &Tree) -> Option<Box<[u8]>> {
        loop {
            let name = self.names.pop()?;
            if *name != *b".." {
                return Some(name);
            }
            self.at = tree.directory(self.at).map_or(Tree::ROOT, Directory::parent);
        }
    }

    fn enter(&mut self, tree: &Tree, id: NodeId, name: &[u8]) -> Result<(), Refusal> {
        match &tree.node(id).body {
            Body::Directory(_) => {
                self.at = id;
                Ok(())
            }
            Body::Symlink(target) => self.follow(target),
            _ => Err(Refusal::NotADirectory(quote(name))),
        }
    }

    fn follow(&mut self, target: &[u8]) -> Result<(), Refusal> {
        self.symlinks += 1;
        if self.symlinks > MAX_SYMLINKS {
            return Err(Refusal::SymlinkLoop);
        }
        if target.first() == Some(&b'/') {
            self.at = Tree::ROOT;
        }
        let names = target.split(|byte| *byte == b'/').filter(|name| !matches!(*name, b"" | b"."));
        let names: Vec<Box<[u8]>> = names.map(Into::into).collect();
        self.names.extend(names.into_iter().rev());
        Ok(())
    }
}
