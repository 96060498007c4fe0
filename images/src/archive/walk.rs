//! The entries of an outer tar, one after another: names and sizes from PAX and GNU headers, all of them bounded.
//!
//! Called by load. Only what archives of images hold is known here: files, directories and links. Layer tars, with all
//! that may be in them, are read by the layer room.

use std::io::{self, Read};

use tar::{EntryType, Header};

use super::ArchiveError;

const BLOCK: u64 = 512;
/// Longest name or link target, in bytes.
const MAX_NAME: u64 = 16 * 1024;
/// Longest PAX header, in bytes.
const MAX_PAX: u64 = 1024 * 1024;

/// What an entry is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
    /// A link to another entry, by the name written: relative to the entry's directory for a symbolic one.
    Symlink(String),
    Hardlink(String),
}

/// An entry's header.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) kind: Kind,
}

/// Walks a tar stream.
pub(super) struct Walk<R> {
    reader: R,
    /// Bytes of the current entry not yet read, with its padding.
    left: u64,
    padding: u64,
}

/// What headers before an entry said about it.
#[derive(Default)]
struct Extended {
    name: Option<String>,
    link: Option<String>,
    size: Option<u64>,
}

impl<R: Read> Walk<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, left: 0, padding: 0 }
    }

    /// The next entry; its content is read through [`Walk::content`].
    pub(super) fn next(&mut self) -> Result<Option<Entry>, ArchiveError> {
        let mut extended = Extended::default();
        loop {
            self.skip_rest()?;
            let Some(header) = self.header()? else { return Ok(None) };
            let size = header.entry_size().map_err(ArchiveError::Read)?;
            let kind = header.entry_type();
            let own_size = matches!(
                kind,
                EntryType::XHeader | EntryType::XGlobalHeader | EntryType::GNULongName | EntryType::GNULongLink
            );
            let size = if own_size { size } else { extended.size.unwrap_or(size) };
            self.left = size;
            self.padding = (BLOCK - size % BLOCK) % BLOCK;
            match kind {
                EntryType::XHeader => self.pax(&mut extended)?,
                EntryType::XGlobalHeader => {}
                EntryType::GNULongName => extended.name = Some(self.text(MAX_NAME)?),
                EntryType::GNULongLink => extended.link = Some(self.text(MAX_NAME)?),
                _ => return self.entry(&header, extended, size).map(Some),
            }
        }
    }

    /// The content of the current entry, as much as was not read yet.
    pub(super) fn content(&mut self) -> Content<'_, R> {
        Content(self)
    }

    fn entry(&mut self, header: &Header, extended: Extended, size: u64) -> Result<Entry, ArchiveError> {
        let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let name = extended.name.unwrap_or_else(|| lossy(&header.path_bytes()));
        let link = || extended.link.or_else(|| header.link_name_bytes().map(|b| lossy(&b))).unwrap_or_default();
        let kind = match header.entry_type() {
            EntryType::Regular | EntryType::Continuous => Kind::File,
            EntryType::Directory => Kind::Directory,
            EntryType::Symlink => Kind::Symlink(link()),
            EntryType::Link => Kind::Hardlink(link()),
            _ => return Err(ArchiveError::BadEntry(name)),
        };
        if kind != Kind::File && size != 0 {
            // Some writers give links the size of their target, without content.
            self.left = 0;
            self.padding = 0;
        }
        // A directory by an old convention: a file whose name ends in a slash.
        let kind = if kind == Kind::File && name.ends_with('/') { Kind::Directory } else { kind };
        Ok(Entry { name, kind })
    }

    /// The next header block; `None` at the end of the archive.
    fn header(&mut self) -> Result<Option<Header>, ArchiveError> {
        let mut header = Header::new_old();
        let block = header.as_mut_bytes();
        let mut filled = 0;
        while filled < block.len() {
            match self.reader.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(ArchiveError::Read(io::ErrorKind::UnexpectedEof.into())),
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(ArchiveError::Read(error)),
            }
        }
        if block.iter().all(|b| *b == 0) {
            return Ok(None);
        }
        let sum: u32 =
            block.iter().enumerate().map(|(i, b)| if (148..156).contains(&i) { 32 } else { u32::from(*b) }).sum();
        if header.cksum().ok() != Some(sum) {
            return Err(ArchiveError::Read(io::Error::new(io::ErrorKind::InvalidData, "not a tar archive")));
        }
        Ok(Some(header))
    }

    /// The rest of the current entry as a text.
    fn text(&mut self, limit: u64) -> Result<String, ArchiveError> {
        let bytes = self.bytes(limit)?;
        let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
        Ok(String::from_utf8_lossy(&bytes[..end]).into_owned())
    }

    fn bytes(&mut self, limit: u64) -> Result<Vec<u8>, ArchiveError> {
        if self.left > limit {
            return Err(ArchiveError::TooLarge("a header is larger than any name needs"));
        }
        let mut bytes = Vec::new();
        self.content().read_to_end(&mut bytes).map_err(ArchiveError::Read)?;
        Ok(bytes)
    }

    fn pax(&mut self, extended: &mut Extended) -> Result<(), ArchiveError> {
        let bytes = self.bytes(MAX_PAX)?;
        for record in tar::PaxExtensions::new(&bytes) {
            let record = record.map_err(ArchiveError::Read)?;
            let value = || String::from_utf8_lossy(record.value_bytes()).into_owned();
            match record.key_bytes() {
                b"path" => extended.name = Some(value()),
                b"linkpath" => extended.link = Some(value()),
                b"size" => {
                    let bad = || ArchiveError::Read(io::Error::new(io::ErrorKind::InvalidData, "size is not a number"));
                    extended.size = Some(value().parse().map_err(|_| bad())?);
                }
                key if key.starts_with(b"GNU.sparse.") => {
                    return Err(ArchiveError::BadEntry("a sparse file".to_owned()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn skip_rest(&mut self) -> Result<(), ArchiveError> {
        let rest = self.left + self.padding;
        let skipped = io::copy(&mut self.reader.by_ref().take(rest), &mut io::sink()).map_err(ArchiveError::Read)?;
        // Writers may leave out the padding of the very last entry, never its content.
        if skipped < self.left {
            return Err(ArchiveError::Read(io::ErrorKind::UnexpectedEof.into()));
        }
        (self.left, self.padding) = (0, 0);
        Ok(())
    }
}

/// The content of an entry; an archive that ends within it is an error.
pub(super) struct Content<'w, R>(&'w mut Walk<R>);

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let walk = &mut *self.0;
        let want = buffer.len().min(usize::try_from(walk.left).unwrap_or(usize::MAX));
        if want == 0 {
            return Ok(0);
        }
        let n = walk.reader.read(&mut buffer[..want])?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        walk.left -= n as u64;
        Ok(n)
    }
}
