//! The client of the Distribution v2 protocol: where to ask, how to be let in, manifests and blobs.
//!
//! Called by pull, push and by the engine's `auth` verb. Every byte from a registry is hostile: documents are bounded, digests
//! are verified, credentials go only where the registry's own challenge sends them.

mod body;
mod challenge;
mod distribution;
mod error;
mod fetch;
mod login;
mod manifest;
mod outgoing;
mod search;
mod session;
mod settings;
mod token;
mod transport;
mod upload;

use std::sync::Arc;

pub use distribution::Distribution;
pub use error::{RegistryError, WireError};
pub(crate) use fetch::{BlobError, Fetched, Retry};
pub use login::LoggedIn;
pub(crate) use manifest::{
    DOCKER_LIST, DOCKER_MANIFEST, ImageManifest, IndexEntry, Manifest, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, verify,
};
pub(crate) use outgoing::Source;
pub use search::FoundRepository;
pub(crate) use session::Session;
pub(crate) use settings::{Endpoint, Settings};
pub use token::Credentials;
pub(crate) use transport::Transport;
pub(crate) use upload::Begun;

use crate::content::StoreOptions;

/// What a store knows about registries.
pub(crate) struct Registry {
    pub(crate) settings: Settings,
    pub(crate) transport: Arc<Transport>,
}

impl Registry {
    /// Parses the options.
    pub(crate) fn new(options: &StoreOptions) -> Result<Self, RegistryError> {
        Ok(Self { settings: Settings::parse(options)?, transport: Arc::new(Transport::new(options)) })
    }
}
