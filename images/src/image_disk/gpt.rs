//! A GUID partition table around partitions that lie one behind the other.
//!
//! Called by [`super::write`]. Source: UEFI specification 2.10, sections 5.2 and 5.3. Sectors have 512 bytes.

use super::ALIGN;

const SECTOR: u64 = 512;
const ENTRY: usize = 128;
const ENTRIES: usize = 128;
/// Sectors of the partition entries.
const ENTRY_SECTORS: u64 = (ENTRY * ENTRIES) as u64 / SECTOR;
const HEADER: usize = 92;
/// "Linux filesystem", 0FC63DAF-8483-4772-8E79-3D69D8477DE4.
const LINUX: [u8; 16] =
    [0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47, 0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4];
/// UTF-16 units of a partition's name.
const NAME: usize = 36;

/// A partition: its size is a multiple of [`ALIGN`].
pub(super) struct Partition {
    pub(super) guid: [u8; 16],
    pub(super) bytes: u64,
    pub(super) name: String,
}

/// What stands before and behind the partitions, each [`ALIGN`] bytes, and the size of the whole.
pub(super) struct Table {
    pub(super) head: Vec<u8>,
    pub(super) tail: Vec<u8>,
    pub(super) bytes: u64,
}

/// Lays out a disk of `partitions`, at most 128, in order and without gaps.
pub(super) fn table(disk: [u8; 16], partitions: &[Partition]) -> Table {
    let mut entries = Vec::with_capacity(ENTRY * ENTRIES);
    let mut start = ALIGN / SECTOR;
    for Partition { guid, bytes, name } in partitions {
        let end = start + bytes / SECTOR;
        entries.extend_from_slice(&LINUX);
        entries.extend_from_slice(guid);
        entries.extend_from_slice(&start.to_le_bytes());
        entries.extend_from_slice(&(end - 1).to_le_bytes());
        entries.extend_from_slice(&[0; 8]);
        entries.extend(name.encode_utf16().chain(std::iter::repeat(0)).take(NAME).flat_map(u16::to_le_bytes));
        start = end;
    }
    entries.resize(ENTRY * ENTRIES, 0);

    let sectors = start + ALIGN / SECTOR;
    let last = sectors - 1;
    let primary = Header { at: 1, other: last, entries_at: 2 };
    let backup = Header { at: last, other: 1, entries_at: last - ENTRY_SECTORS };
    let encode = |header: &Header| header.encode(disk, last, &entries);

    let mut head = protective_mbr(sectors);
    head.extend(encode(&primary));
    head.extend_from_slice(&entries);
    head.resize(ALIGN as usize, 0);
    let mut tail = vec![0; ALIGN as usize - entries.len() - SECTOR as usize];
    tail.extend_from_slice(&entries);
    tail.extend(encode(&backup));
    Table { head, tail, bytes: sectors * SECTOR }
}

struct Header {
    /// Its own sector.
    at: u64,
    /// The other header's.
    other: u64,
    entries_at: u64,
}

impl Header {
    fn encode(&self, disk: [u8; 16], last: u64, entries: &[u8]) -> Vec<u8> {
        let usable = (2 + ENTRY_SECTORS, last - ENTRY_SECTORS - 1);
        let mut out = Vec::with_capacity(SECTOR as usize);
        out.extend_from_slice(b"EFI PART");
        out.extend_from_slice(&0x0001_0000_u32.to_le_bytes());
        out.extend_from_slice(&(HEADER as u32).to_le_bytes());
        // Its own checksum, zero while it is computed, and a reserved field.
        out.extend_from_slice(&[0; 8]);
        for number in [self.at, self.other, usable.0, usable.1] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&disk);
        out.extend_from_slice(&self.entries_at.to_le_bytes());
        for number in [ENTRIES as u32, ENTRY as u32, crc32fast::hash(entries)] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        let checksum = crc32fast::hash(&out);
        out[16..20].copy_from_slice(&checksum.to_le_bytes());
        out.resize(SECTOR as usize, 0);
        out
    }
}

/// The MBR that keeps old programs off: one partition of type EE over the whole disk, as far as 32 bits reach.
fn protective_mbr(sectors: u64) -> Vec<u8> {
    let mut out = vec![0; SECTOR as usize];
    let size = u32::try_from(sectors - 1).unwrap_or(u32::MAX);
    out[446..458].copy_from_slice(&[0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff, 1, 0, 0, 0]);
    out[458..462].copy_from_slice(&size.to_le_bytes());
    out[510..].copy_from_slice(&[0x55, 0xaa]);
    out
}
