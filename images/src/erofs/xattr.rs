//! Extended attributes: which names EROFS can hold, and the table in which each different attribute stands once.
//!
//! Called by the layer builder through [`super::Writer::intern`]. All attributes are "shared" ones: an inode lists their
//! numbers, the entries stand together at the end of the image. An inode's record thus stays far below a block,
//! whatever its attributes, and the labels that thousands of files have in common cost 4 bytes each.

use std::collections::HashMap;

use super::format::{NAME_MAX, XATTR_ENTRY};

/// Most attributes one inode can have; the format's own limit is 255.
pub const MAX_XATTRS: usize = 250;

/// An attribute: its full name (`user.mime_type`) and its value.
pub type Xattr = (Vec<u8>, Vec<u8>);

/// The attributes of an inode, as numbers in the image's table.
pub type XattrIds = Box<[u32]>;

/// Why an attribute cannot be stored.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum XattrError {
    /// The name begins with no prefix that the kernel serves from EROFS.
    #[error("the kernel has no extended attributes of this kind on this file system")]
    UnknownPrefix,
    /// Nothing after the prefix, or more than 255 bytes of it.
    #[error("an extended attribute's name must have 1 to 255 bytes after its prefix")]
    NameLength,
    /// More bytes than 65535.
    #[error("an extended attribute's value is larger than 65535 bytes")]
    ValueLength,
    /// An access control list that the kernel would refuse to parse.
    #[error("an access control list is malformed")]
    BadAcl,
    /// More than [`MAX_XATTRS`] on one inode.
    #[error("more than {MAX_XATTRS} extended attributes on one file")]
    TooMany,
    /// The table has reached 4 GiB.
    #[error("the extended attributes of this layer are too large")]
    TableFull,
}

/// `EROFS_XATTR_INDEX_*` and the prefixes they stand for. An access control list's prefix is its whole name.
const PREFIXES: [(u8, &[u8]); 5] = [
    (1, b"user."),
    (2, b"system.posix_acl_access"),
    (3, b"system.posix_acl_default"),
    (4, b"trusted."),
    (6, b"security."),
];
const ACL_INDEXES: [u8; 2] = [2, 3];

/// Splits a full name into its prefix's number and the rest.
pub(super) fn split(name: &[u8]) -> Result<(u8, &[u8]), XattrError> {
    let (index, rest) = PREFIXES
        .iter()
        .find_map(|(index, prefix)| name.strip_prefix(*prefix).map(|rest| (*index, rest)))
        .ok_or(XattrError::UnknownPrefix)?;
    match (ACL_INDEXES.contains(&index), rest.len()) {
        (true, 0) => Ok((index, rest)),
        (true, _) => Err(XattrError::UnknownPrefix),
        (false, 1..=NAME_MAX) => Ok((index, rest)),
        (false, _) => Err(XattrError::NameLength),
    }
}

/// The full name for a prefix's number and the rest.
pub(super) fn join(index: u8, rest: &[u8]) -> Option<Vec<u8>> {
    let (_, prefix) = PREFIXES.iter().find(|(known, _)| *known == index)?;
    Some([*prefix, rest].concat())
}

/// The kernel parses `struct posix_acl_xattr_header` (version 2) and 8-byte entries when it checks permission, and a
/// list that it cannot parse makes the file unreachable: so it is refused here.
fn acl_is_sound(value: &[u8]) -> bool {
    const TAGS: [u16; 6] = [0x01, 0x02, 0x04, 0x08, 0x10, 0x20];
    let Some((version, entries)) = value.split_first_chunk::<4>() else { return false };
    u32::from_le_bytes(*version) == 2
        && entries.len() % 8 == 0
        && entries.chunks_exact(8).all(|entry| {
            TAGS.contains(&u16::from_le_bytes([entry[0], entry[1]])) && u16::from_le_bytes([entry[2], entry[3]]) <= 7
        })
}

/// The shared attributes of an image.
#[derive(Default)]
pub(super) struct Table {
    area: Vec<u8>,
    known: HashMap<Vec<u8>, u32>,
}

impl Table {
    /// The number of an attribute, which is added if it is new.
    pub(super) fn intern(&mut self, name: &[u8], value: &[u8]) -> Result<u32, XattrError> {
        let (index, rest) = split(name)?;
        let len = u16::try_from(value.len()).map_err(|_| XattrError::ValueLength)?;
        if ACL_INDEXES.contains(&index) && !acl_is_sound(value) {
            return Err(XattrError::BadAcl);
        }
        let mut entry = Vec::with_capacity(XATTR_ENTRY + rest.len() + value.len() + 3);
        entry.extend_from_slice(&[rest.len() as u8, index]);
        entry.extend_from_slice(&len.to_le_bytes());
        entry.extend_from_slice(rest);
        entry.extend_from_slice(value);
        entry.resize(entry.len().next_multiple_of(4), 0);
        if let Some(id) = self.known.get(&entry) {
            return Ok(*id);
        }
        // A number counts 4-byte units from the start of the area.
        let id = u32::try_from(self.area.len() / 4).map_err(|_| XattrError::TableFull)?;
        self.area.extend_from_slice(&entry);
        self.known.insert(entry, id);
        Ok(id)
    }

    /// All entries, in the order of their numbers.
    pub(super) fn area(&self) -> &[u8] {
        &self.area
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_as_the_kernel_joins_them() {
        assert_eq!(split(b"user.a"), Ok((1, &b"a"[..])));
        assert_eq!(split(b"security.capability"), Ok((6, &b"capability"[..])));
        assert_eq!(split(b"trusted.overlay.opaque"), Ok((4, &b"overlay.opaque"[..])));
        assert_eq!(split(b"system.posix_acl_default"), Ok((3, &b""[..])));
        assert_eq!(split(b"system.posix_acl_access.x"), Err(XattrError::UnknownPrefix));
        assert_eq!(split(b"com.apple.provenance"), Err(XattrError::UnknownPrefix));
        assert_eq!(split(b"user."), Err(XattrError::NameLength));
        for name in [&b"user.x"[..], b"system.posix_acl_access"] {
            let (index, rest) = split(name).unwrap();
            assert_eq!(join(index, rest).as_deref(), Some(name));
        }
    }

    #[test]
    fn the_same_attribute_stands_once() {
        let mut table = Table::default();
        let first = table.intern(b"user.a", b"1").unwrap();
        let other = table.intern(b"user.a", b"2").unwrap();
        assert_eq!(table.intern(b"user.a", b"1"), Ok(first));
        assert_ne!(first, other);
        assert_eq!(table.area().len(), 16);
        assert_eq!(table.intern(b"user.a", &[0; 65536]), Err(XattrError::ValueLength));
    }

    #[test]
    fn a_malformed_access_control_list_is_refused() {
        let name = b"system.posix_acl_access";
        let mut table = Table::default();
        let sound = [&[2, 0, 0, 0][..], &[1, 0, 7, 0, 255, 255, 255, 255]].concat();
        assert!(table.intern(name, &sound).is_ok());
        for bad in [&b""[..], b"\x01\0\0\0", &sound[..9], &[2, 0, 0, 0, 3, 0, 7, 0, 0, 0, 0, 0]] {
            assert_eq!(table.intern(name, bad), Err(XattrError::BadAcl));
        }
    }
}
