//! `images`: filtered as moby's `daemon/images/images.go` does.

use super::sharing::Sharing;
use super::view::ImageSummary;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::filters::Filters;
use crate::verbs::prune;
use std::collections::HashMap;
use vch_images::Reference;
use vch_images::image::ImageSummary as Stored;

/// Filters that dockerd knows.
const FILTERS: &[&str] = &["dangling", "label", "before", "since", "reference", "until"];

impl Engine {
    /// Images, newest first. Intermediate ones only with `all`.
    ///
    /// # Errors
    /// A filter that does not exist or has a bad value; an image named by `before` or `since` that does not exist.
    pub async fn images(&self, all: bool, shared_size: bool, filters: &Filters) -> Result<Vec<ImageSummary>> {
        filters.only(FILTERS)?;
        let dangling = filters.boolean("dangling")?;
        let until = prune::until(filters)?;
        let moment = |key: &str| {
            let name = filters.values(key).next();
            name.map(|name| self.images_store().resolve(name).map(|image| created(&image.config.created_at())))
                .transpose()
        };
        let (before, since) = (moment("before")?, moment("since")?);
        let patterns: Vec<&str> = filters.values("reference").collect();
        let fits = |reference: &Reference| patterns.iter().any(|pattern| reference.matches(pattern) == Ok(true));
        let any = Reference::parse("any").map_err(vch_images::ImageError::from)?;
        if let Some(bad) = patterns.iter().find(|pattern| any.matches(pattern).is_err()) {
            return Err(Error::invalid(format!("invalid filter 'reference={bad}': syntax error in pattern")));
        }
        let mut found = self.images_store().list();
        found.retain(|stored| {
            let made = created(&stored.image.config.created_at());
            let labels = &stored.image.config.config.labels;
            let named = stored.references.iter().any(fits);
            before.is_none_or(|before| made < before)
                && since.is_none_or(|since| made > since)
                && until.is_none_or(|until| made <= until.0)
                && filters.labels("label", |key| labels.get(key).map(String::as_str))
                && (patterns.is_empty() || named)
                && match dangling {
                    Some(wanted) => stored.is_dangling() == wanted,
                    None => all || !stored.has_children || stored.references.iter().any(|r| r.tag().is_some()),
                }
        });
        if !patterns.is_empty() {
            for stored in &mut found {
                stored.references.retain(fits);
            }
        }
        found.sort_by_cached_key(|stored| std::cmp::Reverse(created(&stored.image.config.created_at())));
        let sharing = shared_size.then(|| Sharing::of(self));
        Ok(found.iter().map(|stored| summary(stored, sharing.as_ref(), -1)).collect())
    }

    /// All images but intermediate ones, newest first, with what they share and their containers; and the bytes of all layers.
    pub(crate) fn images_and_layers(&self) -> (Vec<ImageSummary>, i64) {
        let mut found = self.images_store().list();
        found.retain(|stored| !stored.has_children || stored.references.iter().any(|r| r.tag().is_some()));
        found.sort_by_cached_key(|stored| std::cmp::Reverse(created(&stored.image.config.created_at())));
        let sharing = Sharing::of(self);
        let mut users: HashMap<String, i64> = HashMap::new();
        for container in self.index().all() {
            *users.entry(container.record().image_id.clone()).or_insert(0) += 1;
        }
        let of = |stored: &Stored| users.get(&stored.image.id.to_string()).copied().unwrap_or(0);
        (found.iter().map(|stored| summary(stored, Some(&sharing), of(stored))).collect(), bytes(sharing.total()))
    }
}

fn summary(stored: &Stored, sharing: Option<&Sharing>, containers: i64) -> ImageSummary {
    let image = &stored.image;
    ImageSummary {
        id: image.id.to_string(),
        parent: image.parent.as_ref().map(ToString::to_string).unwrap_or_default(),
        repo_tags: stored.repo_tags(),
        repo_digests: stored.repo_digests(),
        created: created(&image.config.created_at()) / 1_000_000_000,
        size: bytes(image.size),
        shared_size: sharing.map_or(-1, |sharing| bytes(sharing.shared(image))),
        containers,
        labels: image.config.config.labels.clone(),
    }
}

fn bytes(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Nanoseconds since the epoch; what has no time is as old as can be.
fn created(at: &Option<time::OffsetDateTime>) -> i64 {
    at.and_then(|t| i64::try_from(t.unix_timestamp_nanos()).ok()).unwrap_or(0)
}
