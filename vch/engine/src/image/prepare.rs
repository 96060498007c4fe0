//! Images as containers use them: found by name, held by a lease, laid out as one disk.

use super::inspect::defaults;
use super::view::ImageDefaults;
use crate::engine::Engine;
use crate::error::{Error, Result};
use std::path::PathBuf;
use vch_images::{Image, ImageId, Platform};

/// What `create` needs of an image.
#[derive(Debug, Clone)]
pub(crate) struct ForContainer {
    /// `sha256:…`.
    pub(crate) id: String,
    /// `os/arch[/variant]`.
    pub(crate) platform: String,
    /// What it says of its containers.
    pub(crate) defaults: ImageDefaults,
}

/// What `start` needs of an image.
#[derive(Debug, Clone)]
pub(crate) struct ImageDisk {
    /// The disk; none for an image without files.
    pub(crate) image: Option<PathBuf>,
    /// Partitions on it.
    pub(crate) layers: u32,
}

impl Engine {
    /// The image for a new container.
    ///
    /// # Errors
    /// No such image; another platform than the one asked for, or than the machine runs.
    pub(crate) fn image_for_container(&self, name: &str, platform: Option<&str>) -> Result<ForContainer> {
        let image = self.images_store().resolve(name)?;
        let own = image.config.platform();
        if let Some(asked) = platform.filter(|p| !p.is_empty()) {
            let asked: Platform = asked.parse().map_err(Error::from)?;
            if asked.rank(&own).is_none() {
                return Err(Error::not_found(format!(
                    "image with reference {name} was found but its platform ({own}) does not match the specified \
                     platform ({asked})"
                )));
            }
        }
        if Platform::default().rank(&own).is_none() {
            return Err(Error::invalid(format!(
                "image {name} is for {own}, and the machines here run {}: pull it for that platform",
                Platform::default()
            )));
        }
        let defaults = defaults(&image.config.config);
        Ok(ForContainer { id: image.id.to_string(), platform: own.to_string(), defaults })
    }

    /// Keeps an image's layers as long as the container is there.
    pub(crate) async fn hold_image(&self, container: &str, image: &str) -> Result<()> {
        Ok(self.images_store().lease(container, &parse_id(image)?).await?)
    }

    /// Lets go of what the container held.
    pub(crate) async fn release_image(&self, container: &str) {
        if let Err(error) = self.images_store().release(container).await {
            tracing::warn!(%container, error = %error.chain(), "the container's hold on its image stays until the next start");
        }
    }

    /// The image's disk, made if need be.
    pub(crate) async fn prepare_image(&self, image: &str) -> Result<ImageDisk> {
        let prepared = self.images_store().prepare(&parse_id(image)?).await?;
        let layers = u32::try_from(prepared.layers).unwrap_or(u32::MAX);
        Ok(ImageDisk { image: (layers > 0).then_some(prepared.vmdk), layers })
    }

    /// The image as a list of containers shows it: as the user named it, or its ID where that name means another by now.
    pub(crate) fn shown_image(&self, name: &str, id: &str) -> String {
        match self.images_store().resolve(name) {
            Ok(image) if image.id.to_string() == id => name.to_owned(),
            _ => id.to_owned(),
        }
    }

    /// IDs of an image and of all that were built on it here.
    pub(crate) fn image_and_children(&self, name: &str) -> Vec<String> {
        let Ok(image) = self.images_store().resolve(name) else { return Vec::new() };
        let all = self.images_store().list();
        let mut found = vec![image.id.clone()];
        let mut next = 0;
        while let Some(parent) = found.get(next).cloned() {
            next += 1;
            found.extend(all.iter().filter(|i| i.image.parent.as_ref() == Some(&parent)).map(|i| i.image.id.clone()));
        }
        // An image built without a recorded parent still has its layers below its own.
        let below: Vec<_> = image.diff_ids().collect();
        let on_top = |other: &Image| {
            !below.is_empty() && other.diff_ids().zip(&below).filter(|(a, b)| a == *b).count() == below.len()
        };
        found.extend(all.iter().filter(|i| on_top(&i.image)).map(|i| i.image.id.clone()));
        found.into_iter().map(|id| id.to_string()).collect()
    }

    /// Bytes of an image's layers.
    pub(crate) fn image_size(&self, id: &str) -> i64 {
        let image = parse_id(id).ok().and_then(|id| self.images_store().get(&id));
        image.map_or(0, |image| i64::try_from(image.size).unwrap_or(i64::MAX))
    }

    /// Digest of the image's manifest, where it came with one.
    pub(crate) fn manifest_of(&self, id: &str) -> Option<String> {
        let image = self.images_store().get(&parse_id(id).ok()?)?;
        image.manifest.as_ref().map(|m| m.digest.to_string())
    }
}

/// An image's ID from its text.
pub(crate) fn parse_id(text: &str) -> Result<ImageId> {
    text.parse().map_err(|_| Error::not_found(format!("No such image: {text}")))
}
