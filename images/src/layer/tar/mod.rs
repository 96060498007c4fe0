//! A tar stream as entries with their contents: formats old (V7), ustar, PAX, GNU and star, sparse files included.
//!
//! Called by [`super::build`]. It reads as Go's `archive/tar` does, since that is what Docker reads layers with: which
//! headers override which, which types have contents, and what is malformed. So no layer means one thing to Docker and
//! another to us; nor does a size in an extended header let an archive hide entries.
//!
//! Nothing of an entry but its metadata is held in memory; extended headers are at most 1 MiB.

mod header;
mod number;
mod pax;
mod sparse;

use std::io::{BufRead, BufReader, ErrorKind, Read};

use sha2::{Digest, Sha256};

use super::error::{LayerError, Refusal, quote};
use crate::erofs::Xattr;
use header::Header;
use pax::Pax;
use sparse::Segment;

/// Headers and contents are multiples of this.
const BLOCK: usize = 512;
/// Bytes asked from the stream at a time.
const BUFFER: usize = 256 << 10;
/// Longest extended header or long name, as in Go.
const SPECIAL_MAX: u64 = 1 << 20;

/// What an entry is.
#[derive(Debug)]
pub(super) enum Kind {
    /// A regular file.
    File(Content),
    /// A directory.
    Directory,
    /// A symlink to the target.
    Symlink(Vec<u8>),
    /// Another name of an earlier entry.
    HardLink(Vec<u8>),
    /// A device.
    Device {
        /// Block device, else character device.
        block: bool,
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
}

/// A regular file's content: segments from the stream, zeros between them.
#[derive(Debug)]
pub(super) struct Content {
    /// Bytes of the file.
    pub(super) size: u64,
    /// In order, without overlaps, all within `size`.
    pub(super) segments: Vec<Segment>,
}

/// An entry. Numbers are as the archive has them; who uses them checks them.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    pub(super) kind: Kind,
    pub(super) mode: i64,
    pub(super) uid: i64,
    pub(super) gid: i64,
    /// Seconds since 1970 and nanoseconds.
    pub(super) mtime: (i64, u32),
    /// Sorted by name, none twice.
    pub(super) xattrs: Vec<Xattr>,
}

/// A tar stream being read.
pub(super) struct Archive<R> {
    source: BufReader<R>,
    /// Bytes consumed.
    offset: u64,
    limit: u64,
    /// Bytes of the current entry's contents not consumed yet, and what pads them to a block.
    left: u64,
    padding: u64,
    /// The current entry's name, for errors.
    label: String,
    /// Over all headers, and the checksums of all contents.
    fingerprint: Sha256,
    checksum: crc32fast::Hasher,
}

impl<R: Read> Archive<R> {
    /// Reads `stream`, no more than `limit` bytes of it.
    pub(super) fn new(stream: R, limit: u64) -> Self {
        Self {
            source: BufReader::with_capacity(BUFFER, stream),
            offset: 0,
            limit,
            left: 0,
            padding: 0,
            label: "a header".to_owned(),
            fingerprint: Sha256::new(),
            checksum: crc32fast::Hasher::new(),
        }
    }

    /// The next entry; what its predecessor left unread is passed over. `None` at the end of the archive.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, LayerError> {
        self.skip_contents()?;
        let (mut pax, mut long_name, mut long_link) = (None, None, None);
        loop {
            let Some(block) = self.header_block()? else {
                return if pax.is_none() && long_name.is_none() && long_link.is_none() {
                    Ok(None)
                } else {
                    Err(self.truncated())
                };
            };
            let mut header = Header::parse(&block).map_err(|reason| self.refuse(reason))?;
            self.label = quote(&header.name);
            match header.kind {
                b'x' => {
                    let records = self.special(&header)?;
                    pax = Some(Pax::parse(&records).map_err(|reason| self.refuse(reason))?);
                }
                b'g' => {
                    self.special(&header)?;
                }
                b'L' => long_name = Some(until_zero(self.special(&header)?)),
                b'K' => long_link = Some(until_zero(self.special(&header)?)),
                _ => {
                    let pax = pax.unwrap_or_default();
                    header.amend(&pax, long_name, long_link);
                    self.label = quote(&header.name);
                    return self.entry(header, pax).map(Some);
                }
            }
        }
    }

    fn entry(&mut self, mut header: Header, pax: Pax) -> Result<Entry, LayerError> {
        let stored = u64::try_from(header.size).map_err(|_| self.refuse(Refusal::Header("its size is negative")))?;
        if header.kind == 0 {
            header.kind = if header.name.ends_with(b"/") { b'5' } else { b'0' };
        }
        let link = std::mem::take(&mut header.link);
        let kind = match header.kind {
            b'0' | b'7' | b'S' => {
                self.begin_contents(stored)?;
                Kind::File(self.content(&mut header, &pax, stored)?)
            }
            // Whatever size the header has, these have no contents: Go's rule, and so Docker's.
            b'1' => Kind::HardLink(link),
            b'2' if link.contains(&0) => {
                return Err(self.refuse(Refusal::Header("a symlink's target holds a zero byte")));
            }
            b'2' => Kind::Symlink(link),
            b'3' | b'4' => {
                let number = |id: i64| u32::try_from(id).map_err(|_| self.refuse(Refusal::Device));
                Kind::Device { block: header.kind == b'4', major: number(header.major)?, minor: number(header.minor)? }
            }
            b'5' => Kind::Directory,
            b'6' => Kind::Fifo,
            other => return Err(self.refuse(Refusal::UnknownType(char::from(other)))),
        };
        let Header { name, mode, uid, gid, mtime, .. } = header;
        self.label = quote(&name);
        Ok(Entry { name, kind, mode, uid, gid, mtime, xattrs: pax.xattrs.into_iter().collect() })
    }

    fn content(&mut self, header: &mut Header, pax: &Pax, stored: u64) -> Result<Content, LayerError> {
        let content = if header.kind == b'S' {
            let map = self.gnu_sparse_map(header)?;
            sparse::content(map, header.real_size, stored)
        } else if let Some(sparse) = pax.sparse().map_err(|reason| self.refuse(reason))? {
            if let Some(name) = sparse.name {
                header.name = name;
            }
            let (map, stored) = match sparse.map {
                Some(map) => (map, stored),
                None => self.map_before_data(stored)?,
            };
            sparse::content(map, sparse.size.unwrap_or(header.size), stored)
        } else {
            Ok(Content { size: stored, segments: vec![Segment { offset: 0, len: stored }] })
        };
        content.map_err(|reason| self.refuse(reason))
    }

    /// The map of an old GNU sparse file goes on in blocks behind the header, which its size does not count.
    fn gnu_sparse_map(&mut self, header: &Header) -> Result<Vec<Segment>, LayerError> {
        let (left, padding) = (std::mem::take(&mut self.left), std::mem::take(&mut self.padding));
        let mut map = Vec::new();
        let mut more = header.sparse.read_into(&mut map).map_err(|reason| self.refuse(reason))?;
        while more {
            let block = self.block()?.ok_or_else(|| self.truncated())?;
            more = sparse::read_extension(&block, &mut map).map_err(|reason| self.refuse(reason))?;
        }
        (self.left, self.padding) = (left, padding);
        Ok(map)
    }

    /// The map of a PAX 1.0 sparse file stands before its data, in decimal lines padded to a block, and its size counts.
    fn map_before_data(&mut self, stored: u64) -> Result<(Vec<Segment>, u64), LayerError> {
        let mut reader = sparse::DecimalMap::default();
        loop {
            let mut block = [0; BLOCK];
            if self.left < BLOCK as u64 {
                return Err(self.refuse(Refusal::Sparse("it is longer than the file")));
            }
            self.fill(&mut block)?;
            self.left -= BLOCK as u64;
            if let Some(map) = reader.feed(&block).map_err(|reason| self.refuse(reason))? {
                return Ok((map, self.left.min(stored)));
            }
        }
    }

    /// A piece of the current entry's contents, of `max` bytes at most, never empty. [`Archive::consume`] goes past it.
    pub(super) fn data(&mut self, max: u64) -> Result<&[u8], LayerError> {
        let available = self.available()?;
        if available == 0 {
            return Err(self.truncated());
        }
        let len = usize::try_from(max.min(self.left)).unwrap_or(usize::MAX).min(available);
        Ok(&self.source.buffer()[..len])
    }

    /// Goes past `len` bytes that [`Archive::data`] gave.
    pub(super) fn consume(&mut self, len: usize) {
        self.checksum.update(&self.source.buffer()[..len]);
        self.left -= len as u64;
        self.advance(len);
    }

    /// Reads what follows the archive's end, up to the stream's, and gives 16 bytes that tell this archive from others.
    pub(super) fn finish(mut self) -> Result<[u8; 16], LayerError> {
        loop {
            match self.available()? {
                0 => break,
                len => self.advance(len),
            }
        }
        let digest = self.fingerprint.finalize();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        // RFC 9562: version 8, a UUID made as its maker likes.
        id[6] = id[6] & 0x0f | 0x80;
        id[8] = id[8] & 0x3f | 0x80;
        Ok(id)
    }

    /// Reads a header block; `None` at the end of the archive, marked by two blocks of zeros or by the stream's end.
    fn header_block(&mut self) -> Result<Option<[u8; BLOCK]>, LayerError> {
        let Some(block) = self.block()? else { return Ok(None) };
        if block.iter().any(|byte| *byte != 0) {
            return Ok(Some(block));
        }
        match self.block()? {
            Some(second) if second.iter().any(|byte| *byte != 0) => {
                "after the last entry".clone_into(&mut self.label);
                Err(self.refuse(Refusal::Header("a lone block of zeros")))
            }
            _ => Ok(None),
        }
    }

    /// The body of an extended header.
    fn special(&mut self, header: &Header) -> Result<Vec<u8>, LayerError> {
        let size = u64::try_from(header.size).ok().filter(|size| *size <= SPECIAL_MAX);
        let size = size.ok_or_else(|| self.refuse(Refusal::Header("an extended header is larger than 1 MiB")))?;
        self.begin_contents(size)?;
        let mut body = vec![0; size as usize];
        self.fill(&mut body)?;
        self.fingerprint.update(&body);
        self.left = 0;
        self.skip_contents()?;
        Ok(body)
    }

    fn begin_contents(&mut self, size: u64) -> Result<(), LayerError> {
        let padded = size.checked_next_multiple_of(BLOCK as u64).filter(|padded| *padded <= self.limit);
        let padded = padded.ok_or_else(|| self.refuse(Refusal::TooLarge { limit: self.limit }))?;
        (self.left, self.padding) = (size, padded - size);
        self.checksum = crc32fast::Hasher::new();
        Ok(())
    }

    fn skip_contents(&mut self) -> Result<(), LayerError> {
        while self.left > 0 {
            let len = self.data(self.left)?.len();
            self.consume(len);
        }
        let checksum = std::mem::take(&mut self.checksum).finalize();
        self.fingerprint.update(checksum.to_le_bytes());
        let mut padding = [0; BLOCK];
        let len = std::mem::take(&mut self.padding) as usize;
        self.fill(&mut padding[..len])
    }

    /// A block, or `None` where the stream ends before it.
    fn block(&mut self) -> Result<Option<[u8; BLOCK]>, LayerError> {
        if self.available()? == 0 {
            return Ok(None);
        }
        let mut block = [0; BLOCK];
        self.fill(&mut block)?;
        self.fingerprint.update(block);
        Ok(Some(block))
    }

    fn fill(&mut self, mut bytes: &mut [u8]) -> Result<(), LayerError> {
        while !bytes.is_empty() {
            let len = self.available()?.min(bytes.len());
            if len == 0 {
                return Err(self.truncated());
            }
            let (filled, rest) = bytes.split_at_mut(len);
            filled.copy_from_slice(&self.source.buffer()[..len]);
            self.advance(len);
            bytes = rest;
        }
        Ok(())
    }

    /// Bytes that stand in the buffer, read if there were none; 0 at the stream's end.
    fn available(&mut self) -> Result<usize, LayerError> {
        loop {
            match self.source.fill_buf() {
                Ok(buffer) if !buffer.is_empty() && self.offset >= self.limit => {
                    return Err(LayerError::StreamTooLong { limit: self.limit });
                }
                Ok(buffer) => return Ok(buffer.len()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(LayerError::Read(error)),
            }
        }
    }

    fn advance(&mut self, len: usize) {
        self.source.consume(len);
        self.offset += len as u64;
    }

    fn truncated(&self) -> LayerError {
        LayerError::Truncated { at: self.offset, entry: self.label.clone() }
    }

    fn refuse(&self, reason: Refusal) -> LayerError {
        LayerError::Refused { entry: self.label.clone(), reason }
    }
}

fn until_zero(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(end) = bytes.iter().position(|byte| *byte == 0) {
        bytes.truncate(end);
    }
    bytes
}
