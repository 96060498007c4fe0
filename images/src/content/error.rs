//! Failures of the store on disk.

use std::io;
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::error::Class;
use crate::image::ConfigError;

/// What can go wrong with files and index of the store.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// A file operation failed.
    #[error("{what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Another process has this root open.
    #[error("the image store at {} is in use by another process: stop it or choose another root", .0.display())]
    InUse(PathBuf),
    /// The index file cannot be read or written.
    #[error("image index")]
    Index(#[source] Box<redb::Error>),
    /// A record that this version cannot read.
    #[error("image index record {key} is of version {version}, made by a later version of this program")]
    RecordVersion {
        /// The record's key.
        key: String,
        /// Its version.
        version: u32,
    },
    /// A record that is damaged.
    #[error("image index record {key} is damaged")]
    Record {
        /// The record's key.
        key: String,
        /// How.
        source: serde_json::Error,
    },
    /// A blob whose bytes are not what its name says.
    #[error("blob {0} is damaged on disk: remove the image and pull it again")]
    Corrupt(Digest),
    /// A blob that should be there.
    #[error("blob {0} is missing from the store: pull the image again")]
    Missing(Digest),
    /// A configuration in the store that cannot be used.
    #[error("image configuration {0}")]
    Config(Digest, #[source] ConfigError),
    /// A layer that is in no layer disk, though its image is known.
    #[error("layer {0} is missing from the store: pull the image again")]
    NoLayer(Digest),
    /// The image disk could not be written.
    #[error("image disk {}: {words}", path.display())]
    Disk {
        /// Where.
        path: PathBuf,
        /// Why.
        words: String,
    },
    /// A worker thread panicked: a bug here.
    #[error("a worker of the image store panicked; see the log")]
    Panicked,
}

impl ContentError {
    /// The class of this failure.
    pub fn class(&self) -> Class {
        match self {
            Self::Config(..) => Class::Invalid,
            _ => Class::System,
        }
    }

    /// Wraps a failed file operation; for `map_err`.
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}

/// redb has an error type per operation; all of them fold into its general one.
macro_rules! from_redb {
    ($($error:ty),*) => {$(
        impl From<$error> for ContentError {
            fn from(error: $error) -> Self {
                Self::Index(Box::new(error.into()))
            }
        }
    )*};
}
from_redb!(redb::TransactionError, redb::TableError, redb::StorageError, redb::CommitError, redb::DatabaseError);
