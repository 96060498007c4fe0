//! `images`: filtered as moby's `daemon/images/images.go` does.

use super::view::ImageSummary;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::filters::Filters;
use crate::verbs::prune;
use std::collections::HashMap;
use vch_images::Reference;
use vch_images::digest::Digest;
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
        let users = if shared_size { Some(self.layer_users()) } else { None };
        Ok(found.iter().map(|stored| self.summary(stored, users.as_ref())).collect())
    }

    fn summary(&self, stored: &Stored, users: Option<&HashMap<Digest, usize>>) -> ImageSummary {
        let image = &stored.image;
        let (repo_tags, repo_digests) = (stored.repo_tags(), stored.repo_digests());
        let size = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        ImageSummary {
            id: image.id.to_string(),
            parent: image.parent.as_ref().map(ToString::to_string).unwrap_or_default(),
            repo_tags,
            repo_digests,
            created: created(&image.config.created_at()) / 1_000_000_000,
            size: size(image.size),
            shared_size: users.map_or(-1, |users| {
                let shared = image.diff_ids().filter(|id| users.get(id).is_some_and(|n| *n > 1));
                shared.map(|id| size(self.images_store().layer_size(id))).sum()
            }),
            containers: -1,
            labels: image.config.config.labels.clone(),
        }
    }

    fn layer_users(&self) -> HashMap<Digest, usize> {
        let mut users = HashMap::new();
        for stored in self.images_store().list() {
            for id in stored.image.diff_ids() {
                *users.entry(id.clone()).or_insert(0) += 1;
            }
        }
        users
    }
}

/// Nanoseconds since the epoch; what has no time is as old as can be.
fn created(at: &Option<time::OffsetDateTime>) -> i64 {
    at.and_then(|t| i64::try_from(t.unix_timestamp_nanos()).ok()).unwrap_or(0)
}
