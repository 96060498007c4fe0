//! `search`, filtered as moby's `registry/search.go` does.

use super::pull::login;
use super::view::{FoundView, Search};
use crate::engine::Engine;
use crate::error::{Error, Result};

/// How many are found where nothing is said.
const LIMIT: i64 = 25;

impl Engine {
    /// Searches a registry for repositories.
    ///
    /// # Errors
    /// A limit or filter that is out of range; a registry that cannot be searched; its refusal.
    pub async fn search(&self, request: Search) -> Result<Vec<FoundView>> {
        let filters = &request.filters;
        filters.only(&["is-automated", "is-official", "stars"])?;
        // Nothing is any more.
        if filters.boolean("is-automated")? == Some(true) {
            return Ok(Vec::new());
        }
        let official = filters.boolean("is-official")?;
        let mut stars = 0;
        for text in filters.values("stars") {
            let number: i64 = text.parse().map_err(|_| {
                Error::invalid(format!(
                    "invalid filter 'stars={text}': strconv.Atoi: parsing \"{text}\": invalid syntax"
                ))
            })?;
            stars = stars.max(number);
        }
        let limit = if request.limit == 0 { LIMIT } else { request.limit };
        let Some(limit) = usize::try_from(limit).ok().filter(|limit| (1..=100).contains(limit)) else {
            return Err(Error::invalid(format!("limit {limit} is outside the range of [1, 100]")));
        };
        let credentials = request.credentials.map(login);
        let found = self.images_store().search(&request.term, limit, credentials.as_ref()).await?;
        let fits = |one: &vch_images::registry::FoundRepository| {
            official.is_none_or(|wanted| one.is_official == wanted)
                && (!filters.has("stars") || one.star_count >= stars)
        };
        let view = |one: vch_images::registry::FoundRepository| FoundView {
            name: one.name,
            description: one.description,
            stars: one.star_count,
            official: one.is_official,
        };
        Ok(found.into_iter().filter(fits).map(view).collect())
    }
}
