//! `docker rmi`, with Docker's rules and words (moby `daemon/images/image_delete.go`).
//!
//! By name: the name goes, and the image with its last name. By identifier: the image goes, if its names are of one
//! repository. A container's use is a hard conflict when it runs and a soft one (which force overrides) when it does not.
//! Files go last, by garbage collection; those a lease keeps stay.

use std::collections::HashSet;

use super::{Image, ImageId, chain_ids};
use crate::Store;
use crate::content::{Change, State};
use crate::digest::Digest;
use crate::error::ImageError;
use crate::reference::Reference;

/// How to remove.
#[derive(Clone, Copy, Debug)]
pub struct RemoveOptions {
    /// Overrides soft conflicts.
    pub force: bool,
    /// Also removes parents that are left without a name (`noprune=0`).
    pub prune_parents: bool,
}

impl Default for RemoveOptions {
    fn default() -> Self {
        Self { force: false, prune_parents: true }
    }
}

/// Which containers use an image; the caller knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Identifier of a running container.
    pub running: Option<String>,
    /// Identifier of a container that does not run.
    pub stopped: Option<String>,
}

/// One thing that was removed, in Docker's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// A familiar reference, and the image it pointed to (for the `untag` event).
    Untagged(String, ImageId),
    /// An image (for the `delete` event).
    Image(ImageId),
    /// A layer with all below it, by chain ID.
    Layer(Digest),
}

/// All that was removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoveOutcome {
    /// What, in Docker's order.
    pub removals: Vec<Removal>,
    /// Bytes of the layers that went, as Docker counts them (`SpaceReclaimed`).
    pub freed: u64,
}

impl Store {
    /// Removes a name, or an image. `usage` is asked for each image concerned, under the index's lock: it must not
    /// wait for anything.
    ///
    /// # Errors
    /// [`ImageError::Conflict`] in Docker's words; as [`Store::resolve`]; a failed write.
    pub async fn remove(
        &self,
        name: &str,
        options: RemoveOptions,
        usage: impl Fn(&ImageId) -> Usage + Send + 'static,
    ) -> Result<RemoveOutcome, ImageError> {
        let name = name.to_owned();
        self.blocking(move |shared| {
            let (removals, freed) = shared.index.commit(|state| {
                let (changes, removals) = (Vec::new(), Vec::new());
                let mut plan = Plan { state: state.clone(), changes, removals, freed: 0, usage: &usage };
                plan.remove(&name, options)?;
                Ok::<_, ImageError>((plan.changes, (plan.removals, plan.freed)))
            })?;
            shared.collect_garbage()?;
            Ok(RemoveOutcome { removals, freed })
        })
        .await
    }
}

/// A removal being worked out on a copy of the state.
struct Plan<'a> {
    state: State,
    changes: Vec<Change>,
    removals: Vec<Removal>,
    freed: u64,
    usage: &'a dyn Fn(&ImageId) -> Usage,
}

/// Why an image stays.
struct Conflict {
    words: String,
    used: bool,
}

impl Plan<'_> {
    fn remove(&mut self, name: &str, options: RemoveOptions) -> Result<(), ImageError> {
        let image = super::resolve::resolve(&self.state, name)?;
        let references = self.state.references_of(&image.id);
        let by_id = image.id.has_prefix(name);
        if !by_id {
            let usage = (self.usage)(&image.id);
            if let (false, true, Some(container)) =
                (options.force, is_single(&references), usage.running.or(usage.stopped))
            {
                return Err(ImageError::Conflict(format!(
                    "unable to remove repository reference \"{name}\" (must force) - container {} is using its \
                     referenced image {}",
                    short(&container),
                    image.id.short()
                )));
            }
            let reference = Reference::parse(name)?.stored();
            self.untag(reference.clone());
            if reference.digest().is_none() {
                self.untag_orphaned_digests(&image.id, &reference);
            }
            if !self.state.references_of(&image.id).is_empty() {
                return Ok(());
            }
        } else if is_single(&references) {
            // Names of one repository count as one: they are no conflict here.
            if let Some(conflict) = self.conflict(&image, options.force, false) {
                return Err(ImageError::Conflict(conflict.words));
            }
            for reference in references {
                self.untag(reference);
            }
        }
        self.delete(&image, options, !by_id)
    }

    /// Drops digest references of a repository that has no tag on the image any more.
    fn untag_orphaned_digests(&mut self, id: &ImageId, gone: &Reference) {
        let left = self.state.references_of(id);
        let same = |r: &&Reference| r.name() == gone.name();
        if left.iter().filter(same).all(|r| r.digest().is_some()) {
            for reference in left.iter().filter(same) {
                self.untag(reference.clone());
            }
        }
    }

    fn untag(&mut self, reference: Reference) {
        if let Some(id) = self.state.references.remove(&reference) {
            self.removals.push(Removal::Untagged(reference.familiar(), id));
            self.changes.push(Change::Reference(reference, None));
        }
    }

    fn delete(&mut self, image: &Image, options: RemoveOptions, quiet: bool) -> Result<(), ImageError> {
        if let Some(conflict) = self.conflict(image, options.force, true) {
            let dangling = self.state.references_of(&image.id).is_empty() && !self.has_children(&image.id);
            if quiet && (!dangling || conflict.used) {
                return Ok(());
            }
            return Err(ImageError::Conflict(conflict.words));
        }
        for reference in self.state.references_of(&image.id) {
            self.untag(reference);
        }
        self.state.images.remove(&image.id);
        self.changes.push(Change::Image(image.id.clone(), None));
        self.removals.push(Removal::Image(image.id.clone()));
        let gone = self.unshared_layers(image);
        let top_down: Vec<&Digest> = image.diff_ids().collect();
        self.freed += self.state.size_of(top_down.into_iter().rev().take(gone.len()));
        self.removals.extend(gone.into_iter().map(Removal::Layer));
        let parent = image.parent.as_ref().filter(|_| options.prune_parents);
        match parent.and_then(|parent| self.state.images.get(parent)).cloned() {
            Some(parent) => self.delete(&parent, RemoveOptions { force: false, ..options }, true),
            None => Ok(()),
        }
    }

    /// The chains of an image that no other image or lease has, from the top down.
    fn unshared_layers(&self, image: &Image) -> Vec<Digest> {
        let images = self.state.images.values().flat_map(|other| chain_ids(other.diff_ids()));
        let leased = self.state.leases.values().flat_map(|lease| lease.images.values());
        let kept: HashSet<Digest> = images.chain(leased.flat_map(|diff_ids| chain_ids(diff_ids.iter()))).collect();
        chain_ids(image.diff_ids()).into_iter().rev().take_while(|chain| !kept.contains(chain)).collect()
    }

    fn has_children(&self, id: &ImageId) -> bool {
        self.state.images.values().any(|other| other.parent.as_ref() == Some(id))
    }

    /// The first reason for an image to stay.
    fn conflict(&self, image: &Image, force: bool, names_count: bool) -> Option<Conflict> {
        let words = |how: &str, why: String| format!("unable to delete {} ({how}) - {why}", image.id.short());
        let hard = |why: String, used| Some(Conflict { words: words("cannot be forced", why), used });
        let soft = |why: String, used| Some(Conflict { words: words("must be forced", why), used });
        if self.has_children(&image.id) {
            return hard("image has dependent child images".to_owned(), false);
        }
        let usage = (self.usage)(&image.id);
        if let Some(container) = usage.running {
            return hard(format!("image is being used by running container {}", short(&container)), true);
        }
        if force {
            return None;
        }
        if names_count && !self.state.references_of(&image.id).is_empty() {
            return soft("image is referenced in multiple repositories".to_owned(), false);
        }
        let container = usage.stopped?;
        soft(format!("image is being used by stopped container {}", short(&container)), true)
    }
}

/// Whether all names belong to one tag: one reference, or one tag with the digests of its repository.
fn is_single(references: &[Reference]) -> bool {
    if references.len() <= 1 {
        return true;
    }
    let digests: HashSet<String> = references.iter().filter(|r| r.digest().is_some()).map(Reference::name).collect();
    let mut tags = references.iter().filter(|r| r.digest().is_none());
    let (Some(single), None) = (tags.next().or(references.first()), tags.next()) else {
        return false;
    };
    digests.len() == 1 && digests.contains(&single.name())
}

fn short(container: &str) -> &str {
    container.get(..12).unwrap_or(container)
}
