//! A container's networks (moby `api/types/network/endpoint.go`, `api/types/container/network_settings.go`).

use super::{is_default, object};
use crate::wire::host::PortBinding;
use serde::Serialize;
use std::collections::BTreeMap;

object! {
    /// Networks asked for at create.
    NetworkingConfig {
        "EndpointsConfig" endpoints: BTreeMap<String, Option<EndpointSettings>>,
    }
}

object! {
    /// One network of a container: what was asked for, and what came of it.
    EndpointSettings {
        "IPAMConfig" ipam: Option<EndpointAddresses>,
        "Links" links: Option<Vec<String>>,
        "Aliases" aliases: Option<Vec<String>>,
        "MacAddress" mac_address: String,
        "DriverOpts" driver_opts: Option<BTreeMap<String, String>>,
        "GwPriority" gateway_priority: i64,
        "NetworkID" network_id: String,
        "EndpointID" endpoint_id: String,
        "Gateway" gateway: String,
        "IPAddress" address: String,
        "IPPrefixLen" prefix_length: i64,
        "IPv6Gateway" ipv6_gateway: String,
        "GlobalIPv6Address" ipv6_address: String,
        "GlobalIPv6PrefixLen" ipv6_prefix_length: i64,
        "DNSNames" dns_names: Option<Vec<String>>,
    }
}

object! {
    /// Addresses asked for.
    EndpointAddresses {
        #[serde(skip_serializing_if = "is_default")]
        "IPv4Address" ipv4: String,
        #[serde(skip_serializing_if = "is_default")]
        "IPv6Address" ipv6: String,
        #[serde(skip_serializing_if = "is_default")]
        "LinkLocalIPs" link_local: Vec<String>,
    }
}

/// `NetworkSettings` of an inspected container.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct NetworkSettings {
    pub(crate) bridge: String,
    #[serde(rename = "SandboxID")]
    pub(crate) sandbox_id: String,
    pub(crate) sandbox_key: String,
    pub(crate) ports: BTreeMap<String, Option<Vec<PortBinding>>>,
    pub(crate) hairpin_mode: bool,
    #[serde(rename = "LinkLocalIPv6Address")]
    pub(crate) link_local_ipv6_address: String,
    #[serde(rename = "LinkLocalIPv6PrefixLen")]
    pub(crate) link_local_ipv6_prefix_length: i64,
    #[serde(rename = "SecondaryIPAddresses")]
    pub(crate) secondary_addresses: Option<Vec<String>>,
    #[serde(rename = "SecondaryIPv6Addresses")]
    pub(crate) secondary_ipv6_addresses: Option<Vec<String>>,
    #[serde(rename = "EndpointID")]
    pub(crate) endpoint_id: String,
    pub(crate) gateway: String,
    #[serde(rename = "GlobalIPv6Address")]
    pub(crate) ipv6_address: String,
    #[serde(rename = "GlobalIPv6PrefixLen")]
    pub(crate) ipv6_prefix_length: i64,
    #[serde(rename = "IPAddress")]
    pub(crate) address: String,
    #[serde(rename = "IPPrefixLen")]
    pub(crate) prefix_length: i64,
    #[serde(rename = "IPv6Gateway")]
    pub(crate) ipv6_gateway: String,
    pub(crate) mac_address: String,
    pub(crate) networks: BTreeMap<String, EndpointSettings>,
}
