//! The client of the Distribution v2 protocol: where to ask, how to be let in, manifests and blobs.
//!
//! Called by pull and by the engine's `auth` verb. Every byte from a registry is hostile: documents are bounded, digests
//! are verified, credentials go only where the registry's own challenge sends them.

mod error;
mod settings;

pub use error::{RegistryError, WireError};
pub(crate) use settings::Settings;

use crate::content::StoreOptions;

/// What a store knows about registries.
pub(crate) struct Registry {
    pub(crate) settings: Settings,
}

impl Registry {
    /// Parses the options.
    pub(crate) fn new(options: &StoreOptions) -> Result<Self, RegistryError> {
        Ok(Self {
            settings: Settings::parse(options)?,
        })
    }
}
