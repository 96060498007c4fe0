//! Leases: an owner (a container) keeps the layers of an image, across restarts and even when the image is removed.
//!
//! Called by the engine at create and remove, and by its reconciliation at start-up. Durable when the call returns.

use super::record::LeaseRecord;
use super::{Change, ContentError, Store};
use crate::error::ImageError;
use crate::image::ImageId;

/// One lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Who holds it, in the engine's words.
    pub owner: String,
    /// The images held.
    pub images: Vec<ImageId>,
}

impl Store {
    /// Gives an owner a hold on an image's layers. Asking twice is asking once.
    ///
    /// # Errors
    /// [`ImageError::NoSuchImage`] when the image is gone by now; a failed write.
    pub async fn lease(&self, owner: &str, image: &ImageId) -> Result<(), ImageError> {
        let (owner, image) = (owner.to_owned(), image.clone());
        self.blocking(move |shared| {
            shared.index.commit(|state| {
                let diff_ids = state.diff_ids_of(&image).ok_or_else(|| ImageError::NoSuchImage(image.to_string()))?;
                let mut lease = state.leases.get(&owner).cloned().unwrap_or_default();
                if lease.images.insert(image, diff_ids).is_some() {
                    return Ok((Vec::new(), ()));
                }
                Ok((vec![Change::Lease(owner, Some(lease))], ()))
            })
        })
        .await
    }

    /// Ends all that an owner holds, and collects what nobody else keeps. An unknown owner is no error.
    ///
    /// # Errors
    /// A failed write.
    pub async fn release(&self, owner: &str) -> Result<(), ImageError> {
        let owner = owner.to_owned();
        self.blocking(move |shared| {
            let freed = shared.index.commit(|state| {
                let Some(lease) = state.leases.get(&owner) else {
                    return Ok((Vec::new(), false));
                };
                // Only a lease on a removed image may free anything.
                let freed = lease.images.keys().any(|image| !state.images.contains_key(image));
                Ok::<_, ContentError>((vec![Change::Lease(owner, None)], freed))
            })?;
            if freed {
                shared.collect_garbage()?;
            }
            Ok(())
        })
        .await
    }

    /// All leases, by owner.
    pub fn leases(&self) -> Vec<Lease> {
        let lease = |(owner, record): (&String, &LeaseRecord)| Lease {
            owner: owner.clone(),
            images: record.images.keys().cloned().collect(),
        };
        self.state().leases.iter().map(lease).collect()
    }
}
