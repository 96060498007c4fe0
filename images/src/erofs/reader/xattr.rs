//! Extended attributes of an inode, those behind it and those it shares.
//!
//! Called by whoever needs them. Both together are at most 256 KiB behind the inode and 255 shared ones of 64 KiB.

use super::super::format::{XATTR_ENTRY, XATTR_HEADER};
use super::super::xattr::{Xattr, join};
use super::{Device, Fields, Inode, ReadError, Reader};

impl<D: Device> Reader<D> {
    /// The attributes of `inode`, sorted by name. Kinds that the kernel does not serve are left out.
    ///
    /// # Errors
    /// They make no sense or lie outside the image.
    pub fn xattrs(&self, inode: &Inode) -> Result<Vec<Xattr>, ReadError> {
        if inode.xattrs_len <= XATTR_HEADER {
            return Ok(Vec::new());
        }
        let mut area = vec![0; inode.xattrs_len];
        self.read(inode.number, &mut area, inode.xattrs_at)?;
        let shared = usize::from(area[4]);
        let inline_from = XATTR_HEADER + 4 * shared;
        let mut inline = area.get(inline_from..).ok_or_else(|| inode.corrupt("its list of attributes is cut short"))?;

        let mut found = Vec::new();
        for at in (XATTR_HEADER..inline_from).step_by(4) {
            let offset = self.xattrs_at + 4 * u64::from(Fields(&area).u32(at));
            let mut header = [0; XATTR_ENTRY];
            self.read(inode.number, &mut header, offset)?;
            let mut entry = vec![0; entry_len(&header)];
            self.read(inode.number, &mut entry, offset)?;
            found.extend(decode(&entry));
        }
        while inline.len() >= XATTR_ENTRY {
            let len = entry_len(inline);
            let entry = inline.get(..len).ok_or_else(|| inode.corrupt("an attribute is cut short"))?;
            found.extend(decode(entry));
            inline = inline.get(len.next_multiple_of(4)..).unwrap_or_default();
        }
        found.sort();
        Ok(found)
    }
}

/// Bytes of the entry whose header stands at the start of `bytes`, without padding.
fn entry_len(bytes: &[u8]) -> usize {
    XATTR_ENTRY + usize::from(bytes[0]) + usize::from(Fields(bytes).u16(2))
}

fn decode(entry: &[u8]) -> Option<Xattr> {
    let (name, value) = entry[XATTR_ENTRY..].split_at(usize::from(entry[0]));
    Some((join(entry[1], name)?, value.to_vec()))
}
