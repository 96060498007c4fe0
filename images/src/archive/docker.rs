//! docker-archive: `manifest.json` names configurations, tags and layers (moby `image/tarexport`).
//!
//! Called by load. Written so by `docker save` since 1.10, and by skopeo, buildah, kaniko, bazel and nix.

use serde::Deserialize;

use super::load::Described;
use super::spool::Spool;
use crate::content::Shared;
use crate::error::ImageError;
use crate::image::tag::check_tag;
use crate::reference::{Reference, ReferenceError};

pub(super) const MANIFEST: &str = "manifest.json";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

/// The images that the manifest names, in its order.
pub(super) fn describe(shared: &Shared, spool: &Spool) -> Result<Vec<Described>, ImageError> {
    let items: Vec<Item> = spool.json(shared, MANIFEST)?;
    let describe = |item: Item| {
        let references =
            item.repo_tags.unwrap_or_default().iter().map(|tag| reference(tag)).collect::<Result<_, _>>()?;
        Ok(Described { config: item.config, layers: item.layers.unwrap_or_default(), references, manifest: None })
    };
    items.into_iter().map(describe).collect()
}

fn reference(tag: &str) -> Result<Reference, ImageError> {
    let reference = Reference::parse(tag)?;
    check_tag(&reference)?;
    if reference.tag().is_none() {
        return Err(ReferenceError::Tag.into());
    }
    Ok(reference)
}
