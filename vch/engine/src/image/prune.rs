//! `image prune`.

use super::view::Removed;
use crate::engine::Engine;
use crate::error::{Kind, Result};
use crate::filters::Filters;
use crate::timestamp::Timestamp;
use crate::verbs::prune::until;
use std::collections::HashSet;
use vch_images::image::RemoveOptions;

impl Engine {
    /// Removes dangling images, or (`dangling=false`) every image that no container uses.
    ///
    /// # Errors
    /// A filter that does not exist or has a bad value.
    pub async fn prune_images(&self, filters: &Filters) -> Result<(Vec<Removed>, u64)> {
        filters.only(&["dangling", "label", "label!", "until"])?;
        let only_dangling = filters.boolean("dangling")?.unwrap_or(true);
        let until = until(filters)?;
        let used: HashSet<String> = self.index().all().iter().map(|c| c.record().image_id.clone()).collect();
        let (mut removed, mut freed) = (Vec::new(), 0);
        for stored in self.images_store().list() {
            let config = &stored.image.config;
            let label = |key: &str| config.config.labels.get(key).map(String::as_str);
            let made = config
                .created_at()
                .and_then(|t| i64::try_from(t.unix_timestamp_nanos()).ok())
                .map_or(Timestamp::ZERO, Timestamp);
            let excluded = filters.has("label!") && filters.labels("label!", label);
            let wanted = if only_dangling {
                stored.is_dangling()
            } else {
                !stored.has_children || stored.references.iter().any(|r| r.tag().is_some())
            };
            let id = stored.image.id.to_string();
            if !wanted
                || used.contains(&id)
                || excluded
                || !filters.labels("label", label)
                || until.is_some_and(|u| made > u)
            {
                continue;
            }
            let mut names: Vec<String> = stored.references.iter().map(|r| r.familiar()).collect();
            if names.is_empty() {
                names.push(id);
            }
            for name in names {
                match self.take_image_away(&name, RemoveOptions { force: false, prune_parents: true }).await {
                    Ok((more, bytes)) => {
                        removed.extend(more);
                        freed += bytes;
                    }
                    // Its last tag took its digests along, or someone began to use it meanwhile.
                    Err(error) if matches!(error.kind, Kind::NotFound | Kind::Conflict) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok((removed, freed))
    }
}
