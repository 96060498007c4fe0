//! An image enters the index: the one step that makes it visible, after all its files are in place.
//!
//! Called by pull, load and import, which hold pins on everything the image names until this returns.

use std::sync::Arc;

use time::OffsetDateTime;

use super::{Change, ContentError, Shared};
use crate::error::ImageError;
use crate::image::{Descriptor, Image, ImageConfig, ImageId, ImageLayer};
use crate::reference::Reference;

/// An image whose blobs and layers are all in the store.
#[derive(Debug)]
pub(crate) struct NewImage {
    pub(crate) id: ImageId,
    pub(crate) config: ImageConfig,
    pub(crate) parent: Option<ImageId>,
    pub(crate) manifest: Option<Descriptor>,
    pub(crate) index: Option<Descriptor>,
    pub(crate) layers: Vec<ImageLayer>,
}

/// What became of an image and its references.
#[derive(Debug)]
pub(crate) struct Put {
    pub(crate) image: Arc<Image>,
    /// For each reference given, in order: the image it pointed to before.
    pub(crate) before: Vec<Option<ImageId>>,
}

impl Shared {
    /// Puts an image and points references at it, in one commit.
    ///
    /// An image known already keeps the blobs it has, unless this one came by another manifest: what was pulled last is
    /// what a push gives back.
    pub(crate) fn put_image(&self, new: NewImage, references: &[Reference]) -> Result<Put, ImageError> {
        let references: Vec<Reference> = references.iter().map(Reference::stored).collect();
        self.index.commit(|state| {
            for layer in &new.layers {
                if !state.layers.contains_key(&layer.diff_id) {
                    return Err(ContentError::NoLayer(layer.diff_id.clone()).into());
                }
            }
            let known = state.images.get(&new.id);
            let before: Vec<_> = references.iter().map(|reference| state.references.get(reference).cloned()).collect();
            let moved =
                before.iter().zip(&references).any(|(old, r)| r.tag().is_some() && old.as_ref() != Some(&new.id));
            let mut image = match known {
                Some(known) if new.manifest.is_none() || known.manifest == new.manifest => Image::clone(known),
                _ => Image {
                    id: new.id.clone(),
                    parent: new.parent.or_else(|| known.and_then(|known| known.parent.clone())),
                    manifest: new.manifest,
                    index: None,
                    size: state.size_of(new.layers.iter().map(|layer| &layer.diff_id)),
                    layers: new.layers,
                    last_tagged: known.and_then(|known| known.last_tagged),
                    config: Arc::new(new.config),
                },
            };
            image.index = new.index.or(image.index);
            if moved {
                image.last_tagged = Some(OffsetDateTime::now_utc());
            }
            let image = Arc::new(image);
            let mut changes = vec![Change::Image(new.id.clone(), Some(image.clone()))];
            changes.extend(references.into_iter().map(|reference| Change::Reference(reference, Some(new.id.clone()))));
            Ok((changes, Put { image, before }))
        })
    }
}
