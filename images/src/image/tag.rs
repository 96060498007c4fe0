//! `docker tag`: a reference is pointed at an image.

use std::sync::Arc;

use time::OffsetDateTime;

use super::{Image, ImageId};
use crate::Store;
use crate::content::Change;
use crate::error::ImageError;
use crate::reference::Reference;

impl Store {
    /// Points a reference at an image, taking it from the image that had it; `latest` where it has no tag.
    ///
    /// # Errors
    /// [`ImageError::TagWithDigest`], [`ImageError::AmbiguousTag`], [`ImageError::NoSuchImage`], a failed write.
    pub async fn tag(&self, image: &ImageId, target: &Reference) -> Result<(), ImageError> {
        check_tag(target)?;
        let (id, target) = (image.clone(), target.stored());
        self.blocking(move |shared| {
            shared.index.commit(|state| {
                let image = state.images.get(&id).ok_or_else(|| ImageError::NoSuchImage(id.to_string()))?;
                let tagged = Image { last_tagged: Some(OffsetDateTime::now_utc()), ..Image::clone(image) };
                Ok((
                    vec![
                        Change::Image(id.clone(), Some(Arc::new(tagged))),
                        Change::Reference(target, Some(id.clone())),
                    ],
                    (),
                ))
            })
        })
        .await
    }
}

/// Refuses what may not be a tag.
pub(crate) fn check_tag(target: &Reference) -> Result<(), ImageError> {
    if target.digest().is_some() {
        return Err(ImageError::TagWithDigest);
    }
    if target.familiar_name() == "sha256" {
        return Err(ImageError::AmbiguousTag);
    }
    Ok(())
}
