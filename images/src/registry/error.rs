//! Failures of registries and of the way to them, in dockerd's words where it has any.
//!
//! The texts are those of moby's `distribution/` and of distribution's client, and reach users unchanged.

use std::fmt;

use crate::digest::Digest;
use crate::error::Class;
use crate::image::ConfigError;
use crate::platform::Platform;

/// One entry of a registry's error body (`{"errors":[{"code":…,"message":…}]}`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireError {
    /// The code, `MANIFEST_UNKNOWN`.
    pub code: String,
    /// The registry's words.
    pub message: String,
    /// The HTTP status it came with.
    pub status: u16,
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.to_lowercase().replace('_', " "), self.message)
    }
}

/// What can go wrong with a registry.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// No such tag or manifest; the familiar reference.
    #[error("manifest for {reference} not found: {cause}")]
    ManifestUnknown {
        /// What was asked for.
        reference: String,
        /// The registry's words.
        cause: WireError,
    },
    /// No access, or no such repository: registries do not say which.
    #[error("pull access denied for {name}, repository does not exist or may require 'docker login': {cause}")]
    Denied {
        /// The familiar name.
        name: String,
        /// The registry's words.
        cause: WireError,
    },
    /// No such repository.
    #[error("repository {name} not found: {cause}")]
    NameUnknown {
        /// The familiar name.
        name: String,
        /// The registry's words.
        cause: WireError,
    },
    /// Any other failure a registry put in words.
    #[error("{0}")]
    Wire(WireError),
    /// A status without words: `500 Internal Server Error`.
    #[error("received unexpected HTTP status: {status} {reason}")]
    Status {
        /// The status.
        status: u16,
        /// Its name.
        reason: String,
    },
    /// An error body that is not in the registry's format.
    #[error("error parsing HTTP {status} response body: {body:?}")]
    Unparsable {
        /// The status.
        status: u16,
        /// The beginning of the body.
        body: String,
    },
    /// The registry wants a user and password, and none was given.
    #[error("{method} \"{url}\": no basic auth credentials")]
    NoCredentials {
        /// `Get` or `Head`.
        method: &'static str,
        /// What was asked.
        url: String,
    },
    /// A search term with a scheme; dockerd's words.
    #[error("invalid repository name: repository name ({0}) should not have a scheme")]
    SearchTerm(String),
    /// The index refused; dockerd's words.
    #[error("Unexpected status code {0}")]
    SearchStatus(u16),
    /// A registry that cannot be searched.
    #[error("registry {0} has neither an index to search (/v1/search) nor a catalogue (/v2/_catalog)")]
    NoSearch(String),
    /// The same where something was to be pushed: dockerd says it without the address.
    #[error("no basic auth credentials")]
    NoPushCredentials,
    /// A registry that does not say where an upload goes, or names a place it must not go to.
    #[error("invalid upload location in the registry's answer")]
    UploadLocation,
    /// The connection failed, stood still, or broke off.
    #[error("{method} \"{url}\": {words}")]
    Transport {
        /// `Get` or `Post`.
        method: &'static str,
        /// What was asked.
        url: String,
        /// Why it failed.
        words: String,
    },
    /// The token server refused or answered nonsense.
    #[error("{method} \"{url}\": {words}")]
    Token {
        /// `Get` or `Post`.
        method: &'static str,
        /// What was asked.
        url: String,
        /// Its words.
        words: String,
        /// The status it answered; 0 for an answer that made no sense.
        status: u16,
    },
    /// A login was refused.
    #[error("login attempt to {url} failed with status: {status} {reason}")]
    Login {
        /// What was asked.
        url: String,
        /// The status.
        status: u16,
        /// Its name.
        reason: String,
    },
    /// A manifest whose bytes are not what its digest says.
    #[error("manifest verification failed for digest {0}")]
    ManifestDigest(Digest),
    /// A configuration whose bytes are not what its digest says.
    #[error("error pulling image configuration: image config verification failed for digest {0}")]
    ConfigDigest(Digest),
    /// A layer whose bytes are not what its digest says.
    #[error("filesystem layer verification failed for digest {0}")]
    LayerDigest(Digest),
    /// Number or diff IDs of the layers are not what the configuration says.
    #[error("layers from manifest don't match image configuration")]
    LayerMismatch,
    /// A configuration that cannot be used.
    #[error("error pulling image configuration")]
    Config(#[source] ConfigError),
    /// A manifest that is not one.
    #[error("invalid manifest")]
    Manifest(#[source] serde_json::Error),
    /// A manifest that says something that cannot be.
    #[error("invalid manifest: {0}")]
    ManifestContent(&'static str),
    /// An index without an entry for the platform.
    #[error("no matching manifest for {0} in the manifest list entries")]
    NoPlatform(Platform),
    /// A schema 1 manifest; the canonical reference.
    #[error(
        "[DEPRECATION NOTICE] Docker Image Format v1 and Docker Image manifest version 2, schema 1 support is disabled by \
         default and will be removed in an upcoming release. Suggest the author of {0} to upgrade the image to the OCI \
         Format or Docker Image manifest v2, schema 2. More information at \
         https://docs.docker.com/go/deprecated-image-specs/"
    )]
    Schema1(String),
    /// Something that is no image: a plugin, a chart, an attestation.
    #[error("Encountered remote \"{media_type}\"({class}) when fetching")]
    NotAnImage {
        /// Its configuration's media type.
        media_type: String,
        /// Docker's word for it.
        class: &'static str,
    },
    /// A media type that is not known.
    #[error("unsupported media type {0:?}")]
    MediaType(String),
    /// A layer that may not be distributed, to be fetched from elsewhere.
    #[error("layer {0} is a foreign layer, to be fetched from outside the registry: such images are not supported")]
    ForeignLayer(Digest),
    /// A document larger than any honest one.
    #[error("{what} is larger than {limit} bytes")]
    TooLarge {
        /// Which.
        what: &'static str,
        /// The bound.
        limit: u64,
    },
    /// `--insecure-registry` or `--registry-mirror` with a value that cannot be.
    #[error("invalid {option} {value:?}: {why}")]
    Option {
        /// The flag.
        option: &'static str,
        /// Its value.
        value: String,
        /// What is wrong.
        why: &'static str,
    },
    /// A certificate under the certificate directory that cannot be used.
    #[error("registry certificate {path}: {words}")]
    Certificate {
        /// The file.
        path: String,
        /// Why.
        words: String,
    },
}

impl RegistryError {
    /// The class of this failure.
    pub fn class(&self) -> Class {
        match self {
            Self::ManifestUnknown { .. } | Self::Denied { .. } | Self::NameUnknown { .. } | Self::NoPlatform(_) => {
                Class::NotFound
            }
            Self::Wire(error) if error.code == "DENIED" => Class::Forbidden,
            Self::Wire(error) => match error.status {
                401 => Class::Unauthorized,
                404 => Class::NotFound,
                _ => Class::Unavailable,
            },
            Self::NoCredentials { .. } | Self::NoPushCredentials | Self::Login { status: 401 | 403, .. } => {
                Class::Unauthorized
            }
            Self::Token { status: 400..=499, .. } => Class::Unauthorized,
            Self::Transport { .. } | Self::Status { .. } | Self::Unparsable { .. } | Self::Token { .. } => {
                Class::Unavailable
            }
            Self::Login { .. } | Self::UploadLocation => Class::Unavailable,
            Self::SearchStatus(_) => Class::System,
            Self::NoSearch(_)
            | Self::Schema1(_)
            | Self::NotAnImage { .. }
            | Self::MediaType(_)
            | Self::ForeignLayer(_) => Class::Unsupported,
            Self::Certificate { .. } => Class::System,
            _ => Class::Invalid,
        }
    }

    /// Whether the same request may well succeed a moment later.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Transport { .. } => true,
            Self::Status { status, .. } | Self::Unparsable { status, .. } | Self::Token { status, .. } => {
                *status >= 500 || matches!(*status, 408 | 429)
            }
            Self::Wire(error) => error.status >= 500 || matches!(error.status, 408 | 429),
            _ => false,
        }
    }
}
