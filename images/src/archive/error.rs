//! Failures of archives, in dockerd's words where it has any.

use crate::digest::Digest;
use crate::error::Class;
use crate::image::ConfigError;

/// What can be wrong with an archive.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Not a tar stream, or one that breaks off.
    #[error("archive")]
    Read(#[source] std::io::Error),
    /// An archive that could not be written.
    #[error("writing the archive")]
    Write(#[source] std::io::Error),
    /// Neither `manifest.json` nor an OCI layout in it.
    #[error("archive holds no image: neither manifest.json nor index.json in it")]
    NoImage,
    /// A document in it that does not parse.
    #[error("archive: {name}")]
    Json {
        /// Which.
        name: String,
        /// Why.
        source: serde_json::Error,
    },
    /// A configuration in it that cannot be used.
    #[error("archive: {name}")]
    Config {
        /// Which.
        name: String,
        /// Why.
        source: ConfigError,
    },
    /// An image of an operating system that no guest here runs; dockerd's words.
    #[error("cannot load {0} image on linux")]
    OperatingSystem(String),
    /// A file that another names is not in it.
    #[error("archive: {0} is missing")]
    Missing(String),
    /// A link that leads outside, or in circles.
    #[error("archive: {0} is a link that leads nowhere")]
    BadLink(String),
    /// An entry that has no business in an archive of images.
    #[error("archive: {0} is neither a file, a directory nor a link")]
    BadEntry(String),
    /// More entries or larger documents than any honest archive has.
    #[error("archive: {0}")]
    TooLarge(&'static str),
    /// A layer that is not the one the configuration names; dockerd's words.
    #[error("invalid diffID for layer {number}: expected \"{expected}\", got \"{got}\"")]
    DiffId {
        /// Which layer, from 0.
        number: usize,
        /// By the configuration.
        expected: Digest,
        /// By its bytes.
        got: Digest,
    },
    /// Another number of layers than the configuration names; dockerd's words.
    #[error("invalid manifest, layers length mismatch: expected {expected}, got {got}")]
    LayerCount {
        /// By the configuration.
        expected: usize,
        /// By the manifest.
        got: usize,
    },
    /// A blob of a layout whose bytes are not what its name says.
    #[error("archive: {0} does not have the digest it is named by")]
    Digest(String),
    /// An image of a layout for another platform, or none for this one.
    #[error("archive holds no image for {0}")]
    NoPlatform(crate::platform::Platform),
    /// An image to be saved is not for the platform asked for; dockerd's words.
    #[error("no suitable export target found for platform {0}")]
    NotForPlatform(crate::platform::Platform),
}

impl ArchiveError {
    /// The class of this failure.
    pub fn class(&self) -> Class {
        match self {
            Self::Write(_) => Class::System,
            Self::NotForPlatform(_) => Class::NotFound,
            _ => Class::Invalid,
        }
    }
}
