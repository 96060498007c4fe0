//! From what a user types to an image (moby `daemon/images/image.go`): a name first, then a prefix of an identifier.

use std::sync::Arc;

use super::{Image, ImageId};
use crate::content::State;
use crate::error::ImageError;
use crate::reference::{AnyReference, Reference};
use crate::{Store, digest::Digest};

impl Store {
    /// The image a user means by a name (`latest` where there is no tag), a name with digest, an identifier or a prefix
    /// of one that is unique.
    ///
    /// # Errors
    /// [`ImageError::NoSuchImage`]; [`ImageError::Reference`] when the text is no reference at all.
    pub fn resolve(&self, name: &str) -> Result<Arc<Image>, ImageError> {
        resolve(&self.state(), name)
    }

    /// The image with this identifier, when it is here.
    pub fn get(&self, id: &ImageId) -> Option<Arc<Image>> {
        self.state().images.get(id).cloned()
    }

    /// The image that a reference points to, when there is one; never looks at identifiers.
    pub fn lookup(&self, reference: &Reference) -> Option<Arc<Image>> {
        let state = self.state();
        state.images.get(state.references.get(&reference.stored())?).cloned()
    }

    /// The configuration blob of an image, exactly as it came.
    ///
    /// # Errors
    /// A blob that is missing or damaged.
    pub async fn raw_config(&self, id: &ImageId) -> Result<Vec<u8>, ImageError> {
        let digest: Digest = id.digest().clone();
        self.blocking(move |shared| Ok(shared.read_document(&digest)?)).await
    }
}

/// [`Store::resolve`] on one state.
pub(super) fn resolve(state: &State, name: &str) -> Result<Arc<Image>, ImageError> {
    let reference = match AnyReference::parse(name)? {
        AnyReference::Id(digest) => {
            let image = state.images.get(&ImageId::new(digest.clone()));
            return image.cloned().ok_or_else(|| ImageError::NoSuchImage(digest.to_string()));
        }
        AnyReference::Named(reference) => reference,
    };
    if let Some(image) = state.references.get(&reference.stored()).and_then(|id| state.images.get(id)) {
        return Ok(image.clone());
    }
    let mut matches = state.images.values().filter(|image| image.id.has_prefix(name));
    match (matches.next(), matches.next()) {
        (Some(image), None) => Ok(image.clone()),
        _ => Err(ImageError::NoSuchImage(reference.or_latest().familiar())),
    }
}
