//! One header block of 512 bytes.
//!
//! Called by [`super::Archive`]. Source: POSIX `ustar`, GNU tar's `tar.h`, and what Go's `archive/tar` makes of them.

use super::super::error::Refusal;
use super::BLOCK;
use super::number::field;
use super::pax::Pax;
use super::sparse::GnuMap;

/// What a header block says, extended headers not considered until [`Header::amend`].
pub(super) struct Header {
    pub(super) name: Vec<u8>,
    pub(super) link: Vec<u8>,
    /// The type flag.
    pub(super) kind: u8,
    pub(super) mode: i64,
    pub(super) uid: i64,
    pub(super) gid: i64,
    /// Bytes in the archive.
    pub(super) size: i64,
    pub(super) mtime: (i64, u32),
    pub(super) major: i64,
    pub(super) minor: i64,
    /// Of an old GNU sparse file: its map's beginning and its size with holes.
    pub(super) sparse: GnuMap,
    pub(super) real_size: i64,
}

impl Header {
    /// Reads `block`.
    ///
    /// # Errors
    /// The checksum does not match, or a number is malformed.
    pub(super) fn parse(block: &[u8; BLOCK]) -> Result<Self, Refusal> {
        check_sum(block)?;
        let gnu = block[257..265] == *b"ustar  \0";
        let ustar = block[257..263] == *b"ustar\0";
        let star = ustar && block[508..512] == *b"tar\0";
        let mut name = text(&block[..100]).to_vec();
        if ustar {
            let prefix = text(if star { &block[345..476] } else { &block[345..500] });
            if !prefix.is_empty() {
                name = [prefix, b"/", &name].concat();
            }
        }
        let kind = block[156];
        let device = |range: std::ops::Range<usize>| if gnu || ustar { field(&block[range]) } else { Ok(0) };
        Ok(Self {
            name,
            link: text(&block[157..257]).to_vec(),
            kind,
            mode: field(&block[100..108])?,
            uid: field(&block[108..116])?,
            gid: field(&block[116..124])?,
            size: field(&block[124..136])?,
            mtime: (field(&block[136..148])?, 0),
            major: device(329..337)?,
            minor: device(337..345)?,
            sparse: GnuMap::of_header(block),
            real_size: match kind {
                b'S' if !gnu => return Err(Refusal::Sparse("the header is not in GNU's format")),
                b'S' => field(&block[483..495])?,
                _ => 0,
            },
        })
    }

    /// Applies extended headers: a GNU long name overrides a PAX one, which overrides the block's.
    pub(super) fn amend(&mut self, pax: &Pax, long_name: Option<Vec<u8>>, long_link: Option<Vec<u8>>) {
        if let Some(name) = long_name.or_else(|| pax.path.clone()) {
            self.name = name;
        }
        if let Some(link) = long_link.or_else(|| pax.link.clone()) {
            self.link = link;
        }
        self.size = pax.size.unwrap_or(self.size);
        self.uid = pax.uid.unwrap_or(self.uid);
        self.gid = pax.gid.unwrap_or(self.gid);
        self.mtime = pax.mtime.unwrap_or(self.mtime);
    }
}

/// The sum of all bytes, the checksum's own taken as blanks. Some old tars added signed bytes.
fn check_sum(block: &[u8; BLOCK]) -> Result<(), Refusal> {
    let mut summed = *block;
    summed[148..156].fill(b' ');
    let unsigned: i64 = summed.iter().map(|byte| i64::from(*byte)).sum();
    let signed: i64 = summed.iter().map(|byte| i64::from(*byte as i8)).sum();
    let stored = field(&block[148..156])?;
    if stored == unsigned || stored == signed { Ok(()) } else { Err(Refusal::Header("its checksum does not match")) }
}

/// A text field ends at its first zero byte.
fn text(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}
