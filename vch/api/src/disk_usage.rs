//! `GET /system/df`, and the prunes of what there is none of.

use crate::call::Call;
use crate::encode;
use crate::error::{ApiError, Result};
use crate::reply::{self, Response};
use crate::wire::disk_usage::{CachesPruned, DiskUsage, NetworksPruned, VolumesPruned};
use vch_engine::requests::DiskUsageOf;

pub(crate) async fn disk_usage(call: Call) -> Result<Response> {
    let types = if call.version.since(42) { call.query.all("type") } else { Vec::new() };
    if let Some(unknown) =
        types.iter().find(|name| !["container", "image", "volume", "build-cache"].contains(&name.as_str()))
    {
        return Err(ApiError::invalid(format!("unknown object type: {unknown}")));
    }
    let wanted = |name: &str| types.is_empty() || types.iter().any(|asked| asked == name);
    let of = DiskUsageOf { images: wanted("image"), containers: wanted("container") };
    let usage = call.api.engine.disk_usage(of).await?;
    let version = call.version;
    Ok(reply::ok(&DiskUsage {
        layers_size: usage.layers,
        images: usage.images.map(|all| all.iter().map(|image| encode::image_summary(image, version)).collect()),
        containers: usage.containers.map(|all| all.iter().map(|one| encode::summary(one, version)).collect()),
        // There are neither volumes nor a builder.
        volumes: wanted("volume").then_some([]),
        build_cache: None,
    }))
}

pub(crate) async fn prune_networks(call: Call) -> Result<Response> {
    call.query.filters()?.only(&["label", "label!", "until"])?;
    Ok(reply::ok(&NetworksPruned { networks_deleted: None }))
}

pub(crate) async fn prune_volumes(call: Call) -> Result<Response> {
    call.query.filters()?.only(&["label", "label!", "all"])?;
    Ok(reply::ok(&VolumesPruned { volumes_deleted: [], space_reclaimed: 0 }))
}

pub(crate) async fn prune_build_cache(call: Call) -> Result<Response> {
    const KNOWN: &[&str] =
        &["until", "id", "parent", "type", "description", "inuse", "shared", "private", "label", "label!"];
    call.query
        .filters()?
        .only(KNOWN)
        .map_err(|error| ApiError::invalid(format!("failed to prune build cache: {}", error.message)))?;
    Ok(reply::ok(&CachesPruned { caches_deleted: None, space_reclaimed: 0 }))
}
