//! From the wire to the engine's own types: every field of a create is honoured, known to mean nothing here, or refused by name.
//!
//! What is invalid is told in dockerd's words (400); what is valid and not done is refused by the table in `fields` (501).

mod auth;
mod config;
mod host;
mod mounts;
mod network;
mod options;
mod resources;
mod update;

pub(crate) use auth::{credentials, registry_auth};
pub(crate) use config::exec;
pub(crate) use update::update;

use crate::error::{ApiError, Result};
use crate::fields;
use crate::version::{self, Version};
use crate::wire::create::CreateRequest;
use crate::wire::image::Platform;
use vch_engine::container::spec::ContainerSpec;

/// The body of a commit: what its image is made from, none where it says nothing of it.
///
/// # Errors
/// 400 in dockerd's words.
pub(crate) fn commit(request: Option<CreateRequest>) -> Result<Option<ContainerSpec>> {
    request.and_then(|request| request.config).map(|config| config::config(&config)).transpose()
}

/// A create as the engine understands it, and what its client should know.
///
/// # Errors
/// 400 where dockerd would say so too, 501 for what vch does not do.
pub(crate) fn container(request: CreateRequest, version: Version) -> Result<(ContainerSpec, Vec<String>)> {
    let Some(mut config) = request.config else {
        return Err(ApiError::invalid("config cannot be empty in order to create a container"));
    };
    let mut host = request.host.unwrap_or_default();
    let mut networking = request.networking.unwrap_or_default();
    if matches!(host.network_mode.as_str(), "" | "default") {
        host.network_mode = "bridge".into();
        if let Some(endpoint) = networking.endpoints.remove("default") {
            networking.endpoints.insert("bridge".into(), endpoint);
        }
    }
    network::validate_mode(&config, &host)?;
    version::as_meant(&mut config, &mut host, &mut networking, version)?;
    let mut warnings = Vec::new();
    let mut spec = config::config(&config)?;
    spec.host = host::host(&host, &mut warnings)?;
    network::validate_endpoints(&host.network_mode, &networking)?;
    fields::refuse(&config, &host)?;
    Ok((spec, warnings))
}

/// A terminal's size, where both numbers are given and fit.
pub(crate) fn console_size(size: Option<Vec<u64>>) -> Option<[u16; 2]> {
    match size.as_deref() {
        Some(&[rows, columns]) => Some([u16::try_from(rows).ok()?, u16::try_from(columns).ok()?]),
        _ => None,
    }
}

/// A platform as image calls take it since API 1.48: a JSON object.
///
/// # Errors
/// Bad JSON, or no OS and architecture: 400 in dockerd's words.
pub(crate) fn platform_object(text: &str) -> Result<Platform> {
    let platform: Platform =
        serde_json::from_str(text).map_err(|error| ApiError::invalid(format!("failed to parse platform: {error}")))?;
    if platform.os.is_empty() || platform.architecture.is_empty() {
        let optional =
            !platform.variant.is_empty() || !platform.os_version.is_empty() || !platform.os_features.is_empty();
        return Err(ApiError::invalid(if optional && platform.os.is_empty() && platform.architecture.is_empty() {
            "optional platform fields provided, but OS and Architecture are missing"
        } else {
            "both OS and Architecture must be provided"
        }));
    }
    Ok(platform)
}

/// Text without what it says twice, `.` and `..`, as Go's `path.Clean` for absolute paths.
fn clean_path(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests;
