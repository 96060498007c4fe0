//! Sparse files: GNU's old format in header blocks, and its three PAX formats.
//!
//! Called by [`super::Archive`]. A map tells which parts of a file the archive stores; the rest is zeros.
//! Source: GNU tar's manual, "Storing Sparse Files".

use super::super::error::Refusal;
use super::number::{decimal, field};
use super::{BLOCK, Content};

/// Parts that one file's map can have, as in Go.
const SEGMENTS_MAX: usize = 1 << 20;

/// A part of a file that the archive stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Segment {
    pub(in super::super) offset: u64,
    pub(in super::super) len: u64,
}

/// What PAX records say of a sparse file.
#[derive(Debug)]
pub(super) struct PaxSparse {
    /// Its real name; the header's is a made-up one.
    pub(super) name: Option<Vec<u8>>,
    /// Its size with holes.
    pub(super) size: Option<i64>,
    /// Its map, where that does not stand before the data (format 1.0).
    pub(super) map: Option<Vec<Segment>>,
}

/// A segment, if both numbers can be.
pub(super) fn segment(offset: i64, len: i64) -> Result<Segment, Refusal> {
    match (u64::try_from(offset), u64::try_from(len)) {
        (Ok(offset), Ok(len)) => Ok(Segment { offset, len }),
        _ => Err(Refusal::Sparse("a number is negative")),
    }
}

/// Checks `map` against the file's size and the bytes that the archive stores of it.
pub(super) fn content(map: Vec<Segment>, size: i64, stored: u64) -> Result<Content, Refusal> {
    let size = u64::try_from(size).map_err(|_| Refusal::Sparse("the file's size is negative"))?;
    let (mut end, mut total) = (0, 0_u64);
    for Segment { offset, len } in &map {
        if *offset < end {
            return Err(Refusal::Sparse("parts overlap or are out of order"));
        }
        end = offset
            .checked_add(*len)
            .filter(|end| *end <= size)
            .ok_or(Refusal::Sparse("a part lies outside the file"))?;
        total += len;
    }
    if total != stored {
        return Err(Refusal::Sparse("the parts are not as long as the stored data"));
    }
    Ok(Content { size, segments: map })
}

/// The first four parts of an old GNU map, which stand in the header.
pub(super) struct GnuMap([u8; 97]);

impl GnuMap {
    pub(super) fn of_header(block: &[u8; BLOCK]) -> Self {
        let mut bytes = [0; 97];
        bytes.copy_from_slice(&block[386..483]);
        Self(bytes)
    }

    /// Appends the parts to `map` and tells whether a block with more follows.
    pub(super) fn read_into(&self, map: &mut Vec<Segment>) -> Result<bool, Refusal> {
        read_parts(&self.0[..96], map)?;
        Ok(self.0[96] != 0)
    }
}

/// Appends the parts of an extension block to `map` and tells whether another follows.
pub(super) fn read_extension(block: &[u8; BLOCK], map: &mut Vec<Segment>) -> Result<bool, Refusal> {
    read_parts(&block[..504], map)?;
    Ok(block[504] != 0)
}

fn read_parts(bytes: &[u8], map: &mut Vec<Segment>) -> Result<(), Refusal> {
    // Unused parts are zero bytes.
    for part in bytes.chunks_exact(24).take_while(|part| part[0] != 0) {
        push(map, segment(field(&part[..12])?, field(&part[12..])?)?)?;
    }
    Ok(())
}

fn push(map: &mut Vec<Segment>, segment: Segment) -> Result<(), Refusal> {
    if map.len() == SEGMENTS_MAX {
        return Err(Refusal::Sparse("it has too many parts"));
    }
    map.push(segment);
    Ok(())
}

/// A PAX 1.0 map: decimal lines, first the number of parts, then offset and length of each, padded to a block.
#[derive(Default)]
pub(super) struct DecimalMap {
    line: Vec<u8>,
    parts: Option<usize>,
    offset: Option<i64>,
    map: Vec<Segment>,
}

impl DecimalMap {
    /// Reads a block; gives the map when it is complete.
    pub(super) fn feed(&mut self, block: &[u8; BLOCK]) -> Result<Option<Vec<Segment>>, Refusal> {
        for byte in block {
            if *byte != b'\n' {
                if self.line.len() == 20 {
                    return Err(Refusal::Sparse("a number is too long"));
                }
                self.line.push(*byte);
                continue;
            }
            let number = decimal(&std::mem::take(&mut self.line))?;
            match (self.parts, self.offset.take()) {
                (None, _) => self.parts = Some(count(number)?),
                (Some(_), None) => self.offset = Some(number),
                (Some(_), Some(offset)) => push(&mut self.map, segment(offset, number)?)?,
            }
            if self.parts == Some(self.map.len()) {
                return Ok(Some(std::mem::take(&mut self.map)));
            }
        }
        Ok(None)
    }
}

fn count(number: i64) -> Result<usize, Refusal> {
    usize::try_from(number).ok().filter(|count| *count <= SEGMENTS_MAX).ok_or(Refusal::Sparse("it has too many parts"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_checked_against_sizes() {
        let part = |offset, len| Segment { offset, len };
        assert!(content(vec![], 10, 0).is_ok());
        assert!(content(vec![part(0, 4), part(4, 0), part(8, 2)], 10, 6).is_ok());
        for (map, size, stored) in [
            (vec![part(0, 4)], 10, 5),
            (vec![part(0, 4), part(3, 1)], 10, 5),
            (vec![part(8, 4)], 10, 4),
            (vec![part(u64::MAX, 4)], 10, 4),
            (vec![], -1, 0),
        ] {
            assert!(content(map, size, stored).is_err());
        }
    }

    #[test]
    fn a_decimal_map_may_cross_blocks() {
        let mut text = b"60\n".to_vec();
        for at in 0..60 {
            text.extend_from_slice(format!("{}\n{}\n", 1_000_000 + at * 100, 7).as_bytes());
        }
        assert!(text.len() > BLOCK);
        text.resize(text.len().next_multiple_of(BLOCK), 0);
        let mut reader = DecimalMap::default();
        let maps: Vec<_> =
            text.chunks_exact(BLOCK).filter_map(|block| reader.feed(block.try_into().unwrap()).unwrap()).collect();
        assert_eq!(maps.len(), 1);
        assert_eq!(maps[0].len(), 60);
        assert_eq!(maps[0][59], Segment { offset: 1_005_900, len: 7 });
    }
}
