//! What `docker image inspect` and `docker images` show, as data.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Image, ImageId};
use crate::Store;
use crate::error::ImageError;
use crate::reference::Reference;

/// An image with its names.
#[derive(Clone, Debug)]
pub struct ImageInspect {
    /// The image.
    pub image: Arc<Image>,
    /// Familiar names with tags, sorted.
    pub repo_tags: Vec<String>,
    /// Familiar names with digests, sorted.
    pub repo_digests: Vec<String>,
}

/// A line of the list of images.
#[derive(Clone, Debug)]
pub struct ImageSummary {
    /// The image.
    pub image: Arc<Image>,
    /// Its references, sorted by their text.
    pub references: Vec<Reference>,
    /// Whether another image was built from this one here; such an image without a tag is intermediate.
    pub has_children: bool,
}

impl ImageSummary {
    /// No tag points here and nothing was built on it: what `docker image prune` takes.
    pub fn is_dangling(&self) -> bool {
        !self.has_children && self.references.iter().all(|reference| reference.tag().is_none())
    }

    /// Familiar names with tags, sorted.
    pub fn repo_tags(&self) -> Vec<String> {
        familiar(&self.references, false)
    }

    /// Familiar names with digests, sorted.
    pub fn repo_digests(&self) -> Vec<String> {
        familiar(&self.references, true)
    }
}

impl Store {
    /// An image with its names.
    ///
    /// # Errors
    /// As [`Store::resolve`].
    pub fn inspect(&self, name: &str) -> Result<ImageInspect, ImageError> {
        let state = self.state();
        let image = super::resolve::resolve(&state, name)?;
        let references = state.references_of(&image.id);
        Ok(ImageInspect { image, repo_tags: familiar(&references, false), repo_digests: familiar(&references, true) })
    }

    /// All images, by identifier; the caller filters and sorts.
    pub fn list(&self) -> Vec<ImageSummary> {
        let state = self.state();
        let mut references: HashMap<&ImageId, Vec<Reference>> = HashMap::new();
        for (reference, id) in &state.references {
            references.entry(id).or_default().push(reference.clone());
        }
        let parents: std::collections::HashSet<&ImageId> =
            state.images.values().filter_map(|image| image.parent.as_ref()).collect();
        let summary = |image: &Arc<Image>| {
            let mut references = references.remove(&image.id).unwrap_or_default();
            references.sort_by_cached_key(ToString::to_string);
            ImageSummary { image: image.clone(), references, has_children: parents.contains(&image.id) }
        };
        state.images.values().map(summary).collect()
    }
}

fn familiar(references: &[Reference], digests: bool) -> Vec<String> {
    references.iter().filter(|r| r.digest().is_some() == digests).map(Reference::familiar).collect()
}
