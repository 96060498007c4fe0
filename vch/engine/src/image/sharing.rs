//! Which layers are shared by several images, and what they take (moby `daemon/images/service.go`, `getLayerRefs`).
//!
//! A layer counts by its chain: the same content on top of another base is another layer to Docker. Images that only stand
//! between others and have no name are not counted, as in dockerd.

use crate::engine::Engine;
use std::collections::HashMap;
use vch_images::Image;
use vch_images::digest::Digest;
use vch_images::image::chain_ids;

/// All layers of all images.
pub(super) struct Sharing {
    /// By chain ID: how many images have it, and its bytes.
    layers: HashMap<Digest, (usize, u64)>,
}

impl Sharing {
    pub(super) fn of(engine: &Engine) -> Self {
        let mut layers = HashMap::new();
        for stored in engine.images_store().list() {
            if stored.references.is_empty() && stored.has_children {
                continue;
            }
            let image = &stored.image;
            for (chain, diff_id) in chain_ids(image.diff_ids()).into_iter().zip(image.diff_ids()) {
                let (users, size) = layers.entry(chain).or_insert((0, 0));
                *users += 1;
                *size = engine.images_store().layer_size(diff_id);
            }
        }
        Self { layers }
    }

    /// Bytes of an image that other images have too.
    pub(super) fn shared(&self, image: &Image) -> u64 {
        let chains = chain_ids(image.diff_ids());
        chains
            .iter()
            .filter_map(|chain| self.layers.get(chain))
            .filter(|(users, _)| *users > 1)
            .map(|(_, size)| size)
            .sum()
    }

    /// Bytes of all layers, each once.
    pub(super) fn total(&self) -> u64 {
        self.layers.values().map(|(_, size)| size).sum()
    }
}
