//! The index in memory: an immutable snapshot that readers take without waiting, replaced whole by each commit.
//!
//! Read by every verb; made by `index.rs`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::prepare::disk_name;
use super::record::{ImageRecord, LayerRecord, LeaseRecord};
use crate::digest::Digest;
use crate::image::{Descriptor, Image, ImageId};
use crate::reference::Reference;

/// All that the index says.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// Images whose configuration could be read.
    pub(crate) images: BTreeMap<ImageId, Arc<Image>>,
    /// Images whose configuration blob is missing or damaged: not shown, but their files are kept until a pull mends them.
    pub(crate) broken: BTreeMap<ImageId, ImageRecord>,
    /// References in their stored form.
    pub(crate) references: BTreeMap<Reference, ImageId>,
    /// Layers by diff ID.
    pub(crate) layers: HashMap<Digest, LayerRecord>,
    /// Leases by owner.
    pub(crate) leases: BTreeMap<String, LeaseRecord>,
}

/// What gc must keep.
#[derive(Debug, Default)]
pub(crate) struct Roots {
    pub(crate) blobs: HashSet<Digest>,
    pub(crate) layers: HashSet<Digest>,
    pub(crate) disks: HashSet<Digest>,
}

impl State {
    /// The references to an image, sorted by their text.
    pub(crate) fn references_of(&self, id: &ImageId) -> Vec<Reference> {
        let mut found: Vec<_> =
            self.references.iter().filter(|(_, image)| *image == id).map(|(r, _)| r.clone()).collect();
        found.sort_by_cached_key(ToString::to_string);
        found
    }

    /// The size of layers, as Docker tells it.
    pub(crate) fn size_of<'a>(&self, diff_ids: impl Iterator<Item = &'a Digest>) -> u64 {
        diff_ids.filter_map(|diff_id| self.layers.get(diff_id)).map(|layer| layer.content_size).sum()
    }

    /// The blob that a layer came in with some image.
    pub(crate) fn blob_of(&self, diff_id: &Digest) -> Option<&Descriptor> {
        let mut layers = self.images.values().flat_map(|image| &image.layers);
        layers.find(|layer| layer.diff_id == *diff_id).map(|layer| &layer.blob)
    }

    /// The diff IDs of an image that is here or leased.
    pub(crate) fn diff_ids_of(&self, id: &ImageId) -> Option<Vec<Digest>> {
        if let Some(image) = self.images.get(id) {
            return Some(image.diff_ids().cloned().collect());
        }
        self.leases.values().find_map(|lease| lease.images.get(id).cloned())
    }

    /// Everything that images and leases refer to.
    pub(crate) fn roots(&self) -> Roots {
        let mut roots = Roots::default();
        let images = self.images.values().map(|image| (&image.id, &image.manifest, &image.index, &image.layers));
        let broken = self.broken.iter().map(|(id, record)| (id, &record.manifest, &record.index, &record.layers));
        for (id, manifest, index, layers) in images.chain(broken) {
            roots.blobs.insert(id.digest().clone());
            roots.blobs.extend([manifest, index].into_iter().flatten().map(|descriptor| descriptor.digest.clone()));
            roots.blobs.extend(layers.iter().map(|layer| layer.blob.digest.clone()));
            roots.keep_chain(layers.iter().map(|layer| &layer.diff_id));
        }
        for diff_ids in self.leases.values().flat_map(|lease| lease.images.values()) {
            roots.keep_chain(diff_ids.iter());
        }
        roots
    }
}

impl Roots {
    fn keep_chain<'a>(&mut self, diff_ids: impl Iterator<Item = &'a Digest> + Clone) {
        self.disks.insert(disk_name(diff_ids.clone()));
        self.layers.extend(diff_ids.cloned());
    }
}
