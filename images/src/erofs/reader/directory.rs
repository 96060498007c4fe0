//! Directory entries, a block at a time.
//!
//! Called by [`super::Walk`] and by whoever lists one directory.

use super::super::format::{BLOCK_SIZE, DIRENT, NAME_MAX};
use super::{Device, Fields, Inode, Kind, ReadError, Reader};

/// A directory entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name: 1 to 255 bytes, no slash, no NUL, neither `.` nor `..`.
    pub name: Vec<u8>,
    /// Its inode's number.
    pub inode: u64,
}

/// The entries of a directory in the order of their names. After an error it ends.
#[derive(Debug)]
pub struct Entries<'r, D> {
    reader: &'r Reader<D>,
    directory: Inode,
    offset: u64,
    /// Entries of the block read last, in reverse.
    block: Vec<Entry>,
}

impl<D: Device> Reader<D> {
    /// Lists `directory`.
    ///
    /// # Errors
    /// It is no directory.
    pub fn entries(&self, directory: &Inode) -> Result<Entries<'_, D>, ReadError> {
        match directory.kind {
            Kind::Directory => Ok(Entries { reader: self, directory: directory.clone(), offset: 0, block: Vec::new() }),
            _ => Err(directory.corrupt("it is no directory")),
        }
    }
}

impl<D: Device> Entries<'_, D> {
    fn read_block(&mut self) -> Result<(), ReadError> {
        let mut buffer = [0; BLOCK_SIZE];
        let len = self.reader.read_at(&self.directory, self.offset, &mut buffer)?;
        let block = &buffer[..len];
        let corrupt = |what| self.directory.corrupt(what);
        if len < DIRENT {
            return Err(corrupt("a directory block is too short"));
        }
        // The first name stands right behind the entries, and so tells their number.
        let first_name = usize::from(Fields(block).u16(8));
        if first_name < DIRENT || first_name % DIRENT != 0 || first_name > len {
            return Err(corrupt("a directory block has an impossible number of entries"));
        }
        let mut entries = Vec::with_capacity(first_name / DIRENT);
        for at in (0..first_name).step_by(DIRENT) {
            let start = usize::from(Fields(block).u16(at + 8));
            let last = at + DIRENT == first_name;
            let end = if last { len } else { usize::from(Fields(block).u16(at + DIRENT + 8)) };
            let name = block
                .get(start..end)
                .filter(|_| start >= first_name)
                .ok_or_else(|| corrupt("a name lies outside its block"))?;
            // Only the last name of a block may be padded.
            let name = if last { name.split(|byte| *byte == 0).next().unwrap_or_default() } else { name };
            if name.is_empty() || name.len() > NAME_MAX || name.iter().any(|byte| matches!(byte, 0 | b'/')) {
                return Err(corrupt("a directory has an impossible name"));
            }
            if name != b"." && name != b".." {
                entries.push(Entry { name: name.to_vec(), inode: Fields(block).u64(at) });
            }
        }
        entries.reverse();
        self.block = entries;
        self.offset += len as u64;
        Ok(())
    }
}

impl<D: Device> Iterator for Entries<'_, D> {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.block.is_empty() && self.offset < self.directory.size {
            if let Err(error) = self.read_block() {
                self.offset = self.directory.size;
                return Some(Err(error));
            }
        }
        self.block.pop().map(Ok)
    }
}
