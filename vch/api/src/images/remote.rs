//! What registries have: `GET /distribution/{name}/json` and `GET /images/search`.

use crate::call::Call;
use crate::decode;
use crate::error::{ApiError, Result};
use crate::reply::{self, Response};
use crate::wire::distribution::{Descriptor, DistributionInspect, Platform, SearchResult};
use vch_engine::image::view::Search;

pub(crate) async fn distribution(call: Call) -> Result<Response> {
    let credentials = decode::registry_auth(call.headers());
    let found = call.api.engine.distribution(&call.name, credentials).await?;
    let platforms: Vec<Platform> =
        found.platforms.into_iter().map(|(os, architecture, variant)| Platform { architecture, os, variant }).collect();
    Ok(reply::ok(&DistributionInspect {
        descriptor: Descriptor { media_type: found.media_type, digest: found.digest, size: found.size },
        platforms: (!platforms.is_empty()).then_some(platforms),
    }))
}

pub(crate) async fn search(call: Call) -> Result<Response> {
    let limit = call
        .query
        .integer("limit")
        .map_err(|error| ApiError::invalid(format!("invalid limit specified: {}", error.message)))?;
    let request = Search {
        term: call.query.get("term").to_owned(),
        limit: limit.unwrap_or(0),
        filters: call.query.filters()?,
        credentials: decode::registry_auth(call.headers()),
    };
    let found = call.api.engine.search(request).await?;
    let results: Vec<SearchResult> = found
        .into_iter()
        .map(|one| SearchResult {
            star_count: one.stars,
            is_official: one.official,
            name: one.name,
            is_automated: false,
            description: one.description,
        })
        .collect();
    Ok(reply::ok(&results))
}
