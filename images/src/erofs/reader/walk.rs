//! The whole tree, depth first, names in order.
//!
//! Called by tests and by whatever lists a layer. Ends after a number of entries that the caller sets, and refuses a
//! directory that is reached twice, so that no image can make it run for ever.

use std::collections::HashSet;

use super::{Device, Entries, Inode, Kind, ReadError, Reader};

/// Deepest tree that is followed: deeper than any path of 4096 bytes.
const MAX_DEPTH: usize = 4096;

/// A file met on the way.
#[derive(Debug)]
pub struct Visited {
    /// Its path from the root: no slash at the start, empty for the root itself.
    pub path: Vec<u8>,
    /// Its inode.
    pub inode: Inode,
}

/// See [`Reader::walk`].
#[derive(Debug)]
pub struct Walk<'r, D> {
    reader: &'r Reader<D>,
    /// Directories being listed, with the length of each one's path.
    open: Vec<(Entries<'r, D>, usize)>,
    path: Vec<u8>,
    directories: HashSet<u64>,
    left: u64,
    started: bool,
}

impl<D: Device> Reader<D> {
    /// Visits the root and everything below it. After `limit` files, or at the first that cannot be read, it gives an
    /// error and ends.
    pub fn walk(&self, limit: u64) -> Walk<'_, D> {
        Walk {
            reader: self,
            open: Vec::new(),
            path: Vec::new(),
            directories: HashSet::new(),
            left: limit,
            started: false,
        }
    }
}

impl<D: Device> Walk<'_, D> {
    fn step(&mut self) -> Result<Option<Visited>, ReadError> {
        let inode = if self.started {
            let entry = loop {
                let Some((entries, path_len)) = self.open.last_mut() else { return Ok(None) };
                self.path.truncate(*path_len);
                match entries.next() {
                    Some(entry) => break entry?,
                    None => self.open.pop(),
                };
            };
            if !self.path.is_empty() {
                self.path.push(b'/');
            }
            self.path.extend_from_slice(&entry.name);
            self.reader.inode(entry.inode)?
        } else {
            self.started = true;
            self.reader.root()?
        };
        self.left = self.left.checked_sub(1).ok_or_else(|| inode.corrupt("the tree has more files than allowed"))?;
        if inode.kind == Kind::Directory {
            if !self.directories.insert(inode.number) {
                return Err(inode.corrupt("a directory has two parents"));
            }
            if self.open.len() == MAX_DEPTH {
                return Err(inode.corrupt("the tree is too deep"));
            }
            self.open.push((self.reader.entries(&inode)?, self.path.len()));
        }
        Ok(Some(Visited { path: self.path.clone(), inode }))
    }
}

impl<D: Device> Iterator for Walk<'_, D> {
    type Item = Result<Visited, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step();
        if step.is_err() {
            self.open.clear();
            self.started = true;
        }
        step.transpose()
    }
}
