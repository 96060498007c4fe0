//! `tag`.

use crate::engine::Engine;
use crate::error::{Error, Result};
use vch_images::{ImageError, Reference};

impl Engine {
    /// Gives an image another name.
    ///
    /// # Errors
    /// No such image; a bad name.
    pub async fn tag(&self, name: &str, repository: &str, tag: &str) -> Result<()> {
        let parse = |text: &str| Reference::parse(text).map_err(|e| Error::from(ImageError::from(e)));
        let mut target = parse(repository)?;
        if !tag.is_empty() {
            target = target.with_tag(tag).map_err(|e| Error::from(ImageError::from(e)))?;
        }
        let image = self.images_store().resolve(name)?;
        self.images_store().tag(&image.id, &target).await?;
        self.tell_image("tag", &image.id.to_string(), &target.or_latest().familiar());
        Ok(())
    }
}
