//! Why a layer was not built.
//!
//! Made by all of `layer`, read by callers, who print the chain: an entry's refusal is the source of its error.

use std::io;
use std::path::PathBuf;

use crate::erofs::XattrError;

/// Why [`super::build`] failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayerError {
    /// The stream that the tar is read from failed: the network, the inflater or the digest.
    #[error("cannot read the layer's tar stream")]
    Read(#[source] io::Error),
    /// The layer disk cannot be written.
    #[error("cannot write the layer disk {}", path.display())]
    Write {
        /// The disk's file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The stream ends in the middle of an entry.
    #[error("the layer's tar stream is cut short at byte {at} ({entry})")]
    Truncated {
        /// Bytes read.
        at: u64,
        /// The entry it ends in, quoted, or where there is none what was expected.
        entry: String,
    },
    /// The stream is longer than [`super::Limits::stream_bytes`].
    #[error("the layer's tar stream is longer than {limit} bytes")]
    StreamTooLong {
        /// The limit.
        limit: u64,
    },
    /// An entry cannot be unpacked.
    #[error("cannot unpack the layer's entry {entry}")]
    Refused {
        /// Its name, quoted and shortened.
        entry: String,
        /// Why.
        #[source]
        reason: Refusal,
    },
}

/// Why an entry was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The tar header or an extended header breaks the format.
    #[error("its header is malformed: {0}")]
    Header(&'static str),
    /// A sparse file whose map makes no sense.
    #[error("its sparse map is malformed: {0}")]
    Sparse(&'static str),
    /// A `..` that leads above the layer's root, in the name or in a link's target.
    #[error("its path climbs out of the layer")]
    Climbs,
    /// A file name of more than 255 bytes.
    #[error("it has a file name longer than 255 bytes")]
    NameTooLong,
    /// A path of more than 4096 bytes.
    #[error("it has a path longer than 4096 bytes")]
    PathTooLong,
    /// More directories deep than any path can be long.
    #[error("it lies too many directories deep")]
    TooDeep,
    /// A symlink's target is empty or has more than 4095 bytes.
    #[error("a symlink's target must have 1 to 4095 bytes")]
    SymlinkTarget,
    /// More than 40 symlinks on the way.
    #[error("too many symlinks lead to it, or they form a loop")]
    SymlinkLoop,
    /// Something on the way is neither a directory nor a symlink to one.
    #[error("{0} on the way to it is not a directory")]
    NotADirectory(String),
    /// The root must be a directory.
    #[error("the layer's root cannot be anything but a directory")]
    Root,
    /// A hard link to what is not in the layer, or not yet.
    #[error("it is a hard link to {0}, which is not in the layer before it")]
    MissingTarget(String),
    /// A hard link to a directory.
    #[error("it is a hard link to {0}, which is a directory")]
    LinkToDirectory(String),
    /// A whiteout of nothing, or a whiteout's name for a directory on the way.
    #[error("it misuses the name of a whiteout")]
    Whiteout,
    /// A type of entry that Docker does not unpack either.
    #[error("it is of type {0:?}, which cannot be unpacked")]
    UnknownType(char),
    /// A device number that Linux cannot hold.
    #[error("its device number is out of range")]
    Device,
    /// An owner that Linux cannot hold.
    #[error("its owner's number is out of range")]
    Owner,
    /// Larger than what is left of the stream or of the layer disk can be.
    #[error("it is too large: the layer's limit is {limit} bytes")]
    TooLarge {
        /// [`super::Limits::stream_bytes`] or [`super::Limits::disk_bytes`].
        limit: u64,
    },
    /// One entry more than allowed.
    #[error("the layer has more than {limit} entries")]
    TooManyEntries {
        /// [`super::Limits::entries`].
        limit: u64,
    },
    /// Names, links and attributes need more memory than allowed.
    #[error("the names and attributes of the layer take more than {limit} bytes")]
    TooMuchMetadata {
        /// [`super::Limits::metadata_bytes`].
        limit: u64,
    },
    /// An extended attribute that cannot be stored.
    #[error(transparent)]
    Xattr(#[from] XattrError),
}

/// A name from a tar, fit to be shown: quoted, escaped, and shortened in the middle of nowhere.
pub(super) fn quote(name: &[u8]) -> String {
    const SHOWN: usize = 200;
    let shown = String::from_utf8_lossy(&name[..name.len().min(SHOWN)]);
    let more = if name.len() > SHOWN { "…" } else { "" };
    format!("{shown:?}{more}")
}
