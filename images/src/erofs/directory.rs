//! The content of a directory: sorted entries in blocks, as the kernel's binary search wants them.
//!
//! Called by the writer: [`size`] while it plans, [`encode`] when all inode numbers are known.
//!
//! A block holds as many entries as fit, each 12 bytes, then their names without separators. The last block is as long
//! as its content; all others are padded with zeros.

use super::format::{BLOCK_SIZE, DIRENT};

/// An entry: its name, its inode's number, its `file_type`.
pub(super) type Entry<'a> = (&'a [u8], u64, u8);

/// Bytes of a directory that holds `names`, given in order (`.` and `..` among them).
pub(super) fn size<'a>(names: impl Iterator<Item = &'a [u8]>) -> u64 {
    let (mut blocks, mut used) = (0_u64, 0);
    for name in names {
        let need = DIRENT + name.len();
        if used + need > BLOCK_SIZE {
            blocks += 1;
            used = 0;
        }
        used += need;
    }
    blocks * BLOCK_SIZE as u64 + used as u64
}

/// The bytes of a directory with `entries`, sorted by name.
pub(super) fn encode(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = entries;
    while !rest.is_empty() {
        let mut used = 0;
        let count = rest
            .iter()
            .take_while(|(name, ..)| {
                used += DIRENT + name.len();
                used <= BLOCK_SIZE
            })
            .count();
        let (block, later) = rest.split_at(count);
        out.resize(out.len().next_multiple_of(BLOCK_SIZE), 0);
        let mut name_offset = count * DIRENT;
        for (name, inode, kind) in block {
            out.extend_from_slice(&inode.to_le_bytes());
            out.extend_from_slice(&(name_offset as u16).to_le_bytes());
            out.extend_from_slice(&[*kind, 0]);
            name_offset += name.len();
        }
        for (name, ..) in block {
            out.extend_from_slice(name);
        }
        rest = later;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planned_and_written_sizes_agree() {
        for count in [0_usize, 1, 2, 30, 31, 1000] {
            for len in [1, 17, 255] {
                let names: Vec<Vec<u8>> = (0..count).map(|i| format!("{i:0len$}").into_bytes()).collect();
                let entries: Vec<Entry<'_>> = names.iter().map(|name| (name.as_slice(), 7, 1)).collect();
                assert_eq!(
                    encode(&entries).len() as u64,
                    size(names.iter().map(Vec::as_slice)),
                    "{count} names of {len}"
                );
            }
        }
    }
}
