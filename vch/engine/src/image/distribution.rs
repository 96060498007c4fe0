//! What a registry has under a name.

use super::pull::login;
use super::view::{Credentials, DistributionView};
use crate::engine::Engine;
use crate::error::{Error, Kind, Result};
use vch_images::reference::AnyReference;
use vch_images::{ImageError, registry::RegistryError};

impl Engine {
    /// Looks a name up at its registry.
    ///
    /// # Errors
    /// A name that is none; the registry's refusal.
    pub async fn distribution(&self, name: &str, credentials: Option<Credentials>) -> Result<DistributionView> {
        let reference = match AnyReference::parse(name).map_err(|error| Error::from(ImageError::from(error)))? {
            AnyReference::Named(reference) => reference,
            AnyReference::Id(_) => return Err(Error::system("no manifest found for full image ID")),
        };
        let credentials = credentials.map(login);
        let found = self.images_store().distribution(&reference, credentials.as_ref()).await.map_err(told)?;
        Ok(DistributionView {
            media_type: found.descriptor.media_type,
            digest: found.descriptor.digest.to_string(),
            size: found.descriptor.size,
            platforms: found.platforms.into_iter().map(|p| (p.os, p.architecture, p.variant)).collect(),
        })
    }
}

/// dockerd does not class a registry that is away, nor a login that is missing: both are 500.
fn told(error: ImageError) -> Error {
    let missing = matches!(&error, ImageError::Registry(RegistryError::NoCredentials { .. }));
    match Error::from(error) {
        Error { message, .. } if missing => Error::system(message),
        Error { kind: Kind::Unavailable, message } => Error::system(message),
        other => other,
    }
}
