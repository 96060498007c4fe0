//! What can go wrong in this crate, as one enum for callers, and the class of each failure.
//!
//! The engine maps a [`Class`] to a status; it never looks at texts. Where Docker has words of its own for a failure,
//! `Display` gives exactly those words, since they reach the client unchanged.

use crate::archive::ArchiveError;
use crate::content::ContentError;
use crate::digest::DigestError;
use crate::reference::ReferenceError;
use crate::registry::RegistryError;

/// What kind of failure it is, as far as a client is concerned (moby `errdefs`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The caller's input is wrong; asking again will not help.
    Invalid,
    /// Credentials are missing or refused.
    Unauthorized,
    /// Known to the registry, and not allowed to.
    Forbidden,
    /// There is no such image, manifest or repository.
    NotFound,
    /// The state of the store forbids it (image in use, several tags).
    Conflict,
    /// The other side cannot be reached or is broken just now.
    Unavailable,
    /// Known, and refused on purpose (schema 1 manifests, foreign layers).
    Unsupported,
    /// The work was dropped half way.
    Cancelled,
    /// This host failed: disk, index, memory.
    System,
}

/// Any failure of the image store.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A reference that does not parse.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// A digest that does not parse.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// No image by this name or identifier; the text is the familiar form with its default tag.
    #[error("No such image: {0}")]
    NoSuchImage(String),
    /// No such name, where only names are looked at (save); dockerd's words.
    #[error("reference does not exist")]
    NoSuchReference,
    /// An image cannot be removed, or a reference cannot be dropped; Docker's words.
    #[error("conflict: {0}")]
    Conflict(String),
    /// A tag that names a digest.
    #[error("refusing to create a tag with a digest reference")]
    TagWithDigest,
    /// A tag whose name is a digest algorithm, so that `sha256:x` would mean two things.
    #[error("refusing to create an ambiguous tag using digest algorithm as name")]
    AmbiguousTag,
    /// Nothing of this name is here to be pushed; the familiar name, dockerd's words.
    #[error("An image does not exist locally with the tag: {0}")]
    NothingToPush(String),
    /// No such tag to be pushed; the familiar reference, dockerd's words.
    #[error("tag does not exist: {0}")]
    NoSuchTag(String),
    /// Only digests of this name are here; the familiar name, dockerd's words.
    #[error("no tags to push for {0}")]
    NoTags(String),
    /// A push of a name with a digest; dockerd's words.
    #[error("cannot push a digest reference")]
    PushByDigest,
    /// An image that is here for another platform than the one asked for; dockerd's words.
    #[error(
        "image with reference {reference} was found but its platform ({own}) does not match the specified platform ({asked})"
    )]
    WrongPlatform {
        /// What was asked for.
        reference: String,
        /// The platform it is for.
        own: String,
        /// The platform it was to be for.
        asked: String,
    },
    /// The history of an image speaks of more layers than it has.
    #[error("too many non-empty layers in History section")]
    HistoryTooLong,
    /// A list or prune filter with a value that means nothing.
    #[error("invalid filter '{name}={value}'")]
    BadFilter {
        /// The filter's name.
        name: String,
        /// The value given.
        value: String,
    },
    /// A platform that is not `os/arch[/variant]`.
    #[error("\"{0}\": unknown operating system or architecture: invalid argument")]
    BadPlatform(String),
    /// The store on disk.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The registry, or the way to it.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// An archive that was loaded, imported or saved.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A layer that could not become a disk.
    #[error("failed to register layer: {0}")]
    Layer(String),
    /// The task was dropped or the runtime is shutting down.
    #[error("context canceled")]
    Cancelled,
    /// The same failure, reported to another waiter on shared work.
    #[error(transparent)]
    Shared(std::sync::Arc<ImageError>),
}

impl ImageError {
    /// The class of this failure.
    pub fn class(&self) -> Class {
        match self {
            Self::Reference(_) | Self::Digest(_) | Self::TagWithDigest | Self::AmbiguousTag => Class::Invalid,
            Self::BadFilter { .. } | Self::BadPlatform(_) | Self::Layer(_) => Class::Invalid,
            Self::NoSuchImage(_) | Self::NoSuchReference | Self::NothingToPush(_) => Class::NotFound,
            Self::NoSuchTag(_) | Self::NoTags(_) | Self::WrongPlatform { .. } => Class::NotFound,
            Self::PushByDigest => Class::Invalid,
            Self::Conflict(_) => Class::Conflict,
            Self::HistoryTooLong => Class::System,
            Self::Content(error) => error.class(),
            Self::Registry(error) => error.class(),
            Self::Archive(error) => error.class(),
            Self::Cancelled => Class::Cancelled,
            Self::Shared(error) => error.class(),
        }
    }

    /// The whole story in one line, sources included: what a client or a log shows.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            text.push_str(": ");
            text.push_str(&error.to_string());
            source = error.source();
        }
        text
    }
}

impl From<tokio::task::JoinError> for ImageError {
    fn from(error: tokio::task::JoinError) -> Self {
        if error.is_panic() {
            return Self::Content(ContentError::Panicked);
        }
        Self::Cancelled
    }
}
