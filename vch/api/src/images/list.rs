//! Images seen: list, inspect, history; and named: tag.

use crate::call::Call;
use crate::decode;
use crate::encode;
use crate::error::{ApiError, Result};
use crate::reply::{self, Response};
use http::StatusCode;

pub(crate) async fn list(call: Call) -> Result<Response> {
    let query = &call.query;
    let mut filters = query.filters()?;
    // A parameter of its own until API 1.41.
    if let Some(name) = query.text("filter").filter(|_| call.version.before(41)) {
        filters.0.entry("reference".into()).or_default().insert(name);
    }
    let shared_size = query.boolean("shared-size") && call.version.since(42);
    let images = call.api.engine.images(query.boolean("all"), shared_size, &filters).await?;
    let listed: Vec<_> = images.iter().map(|image| encode::image_summary(image, call.version)).collect();
    Ok(reply::ok(&listed))
}

pub(crate) async fn inspect(call: Call) -> Result<Response> {
    let platform = call.query.text("platform").filter(|_| call.version.since(49));
    if platform.is_some() && call.version.since(48) && call.query.boolean("manifests") {
        return Err(ApiError::invalid("conflicting options: manifests and platform options cannot both be set"));
    }
    let image = call.api.engine.inspect_image(&call.name).await?;
    if let Some(wanted) = platform {
        of_platform(&call.name, &image, &wanted)?;
    }
    Ok(reply::ok(&encode::image(&image, call.version)))
}

pub(crate) async fn history(call: Call) -> Result<Response> {
    if let Some(wanted) = call.query.text("platform").filter(|_| call.version.since(48)) {
        of_platform(&call.name, &call.api.engine.inspect_image(&call.name).await?, &wanted)?;
    }
    let history = call.api.engine.history(&call.name).await?;
    Ok(reply::ok(&history.into_iter().map(encode::history_item).collect::<Vec<_>>()))
}

/// Refuses an image that is not of the platform that was asked for (moby `daemon/images/image.go`).
fn of_platform(name: &str, image: &vch_engine::image::view::ImageView, wanted: &str) -> Result<()> {
    let wanted = decode::platform_object(wanted)?;
    let same = image.os == wanted.os
        && image.architecture == wanted.architecture
        && (wanted.variant.is_empty() || image.variant == wanted.variant);
    if same {
        return Ok(());
    }
    Err(vch_engine::Error::not_found(format!(
        "image with reference {name} was found but its platform ({}/{}) does not match the specified platform ({}/{})",
        image.os, image.architecture, wanted.os, wanted.architecture
    ))
    .into())
}

pub(crate) async fn tag(call: Call) -> Result<Response> {
    let (repository, tag) = (call.query.get("repo"), call.query.get("tag"));
    if repository == "sha256" {
        return Err(ApiError::invalid("refusing to create an ambiguous tag using digest algorithm as name"));
    }
    call.api.engine.tag(&call.name, repository, tag).await?;
    Ok(reply::empty(StatusCode::CREATED))
}
