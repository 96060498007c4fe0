//! Networks: a container has a loopback interface, and is told so where it asks for more.

use crate::error::{ApiError, Result};
use crate::wire::config::Config;
use crate::wire::host::HostConfig;
use crate::wire::network::{EndpointSettings, NetworkingConfig};

/// Why nothing beyond loopback is given.
const LOOPBACK: &str = "containers have a loopback interface only";

/// The network mode and what contradicts it (moby `runconfig/hostconfig_unix.go`).
///
/// # Errors
/// 400 in dockerd's words, 501 for modes that need a network.
pub(super) fn validate_mode(config: &Config, host: &HostConfig) -> Result<()> {
    let mode = host.network_mode.as_str();
    let has_links = host.links.as_ref().is_some_and(|links| !links.is_empty());
    let conflict = |words: &str| Err(ApiError::invalid(format!("conflicting options: {words}")));
    if let Some(other) = mode.strip_prefix("container:").or_else(|| (mode == "container").then_some("")) {
        let has = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| !list.is_empty());
        match () {
            () if other.is_empty() => {
                return Err(ApiError::invalid("invalid network mode: invalid container format container:<name|id>"));
            }
            () if !config.hostname.is_empty() => return conflict("hostname and the network mode"),
            () if has_links => {
                return conflict(
                    "container type network can't be used with links. This would result in undefined behavior",
                );
            }
            () if !host.dns.is_empty() => return conflict("dns and the network mode"),
            () if has(&host.extra_hosts) => return conflict("custom host-to-IP mapping and the network mode"),
            () if !host.port_bindings.is_empty() || host.publish_all_ports => {
                return conflict("port publishing and the container type network mode");
            }
            () if !config.exposed_ports.is_empty() => {
                return conflict("port exposing and the container type network mode");
            }
            () => {}
        }
        return Ok(());
    }
    if host.uts_mode == "host" && !config.hostname.is_empty() {
        return conflict("hostname and the UTS mode");
    }
    match mode {
        "host" if has_links => {
            conflict("host type networking can't be used with links. This would result in undefined behavior")
        }
        "bridge" | "none" | "host" => Ok(()),
        _ => Err(ApiError::not_implemented(format!("HostConfig.NetworkMode \"{mode}\" is not supported: {LOOPBACK}"))),
    }
}

/// Endpoints: only an empty one on the container's own network means nothing.
///
/// # Errors
/// 400 in dockerd's words for what it only allows on networks made by users, 501 for the rest.
pub(super) fn validate_endpoints(mode: &str, networking: &NetworkingConfig) -> Result<()> {
    for (name, endpoint) in &networking.endpoints {
        if name != mode {
            return Err(ApiError::not_implemented(format!(
                "NetworkingConfig.EndpointsConfig \"{name}\" is not supported: {LOOPBACK}"
            )));
        }
        if let Some(endpoint) = endpoint {
            validate_endpoint(endpoint)?;
        }
    }
    Ok(())
}

fn validate_endpoint(endpoint: &EndpointSettings) -> Result<()> {
    let has = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| !list.is_empty());
    if endpoint.ipam.as_ref().is_some_and(|a| !a.ipv4.is_empty() || !a.ipv6.is_empty() || !a.link_local.is_empty()) {
        return Err(ApiError::invalid("user specified IP address is supported on user defined networks only"));
    }
    if has(&endpoint.aliases) {
        return Err(ApiError::invalid(
            "network-scoped alias is supported only for containers in user defined networks",
        ));
    }
    let refused = [
        ("Links", has(&endpoint.links)),
        ("MacAddress", !endpoint.mac_address.is_empty()),
        ("DriverOpts", endpoint.driver_opts.as_ref().is_some_and(|options| !options.is_empty())),
    ];
    match refused.into_iter().find(|(_, asked)| *asked) {
        Some((field, _)) => {
            Err(ApiError::not_implemented(format!("EndpointSettings.{field} is not supported: {LOOPBACK}")))
        }
        None => Ok(()),
    }
}
