//! What a client of an older API means by a create (moby `postContainersCreate`): fields that its version did not have are taken as
//! unset, combinations that it did not check are put right, and later rules are applied to later clients only.

use super::Version;
use crate::error::{ApiError, Result};
use crate::query::quoted;
use crate::wire::config::Config;
use crate::wire::host::HostConfig;
use crate::wire::network::NetworkingConfig;

/// Changes a create into what its client means by it.
///
/// # Errors
/// Something that the client's version does not allow, in dockerd's words.
pub(crate) fn as_meant(
    config: &mut Config,
    host: &mut HostConfig,
    networking: &mut NetworkingConfig,
    version: Version,
) -> Result<()> {
    if version.before(25) {
        // The client removed the container itself.
        host.auto_remove = false;
    }
    if version.before(40) {
        host.kernel_memory_tcp = 0;
        if host.ipc_mode.is_empty() {
            host.ipc_mode = "shareable".into();
        }
    }
    if version.before(42) {
        host.console_size = Vec::new();
    } else {
        host.kernel_memory = 0;
    }
    mounts(host, version)?;
    if version.before(43) {
        host.annotations.clear();
    }
    if version.before(44) {
        if let Some(check) = &mut config.healthcheck {
            check.start_interval = 0;
        }
        if networking.endpoints.len() > 1 {
            let names: Vec<&str> = networking.endpoints.keys().map(String::as_str).collect();
            return Err(ApiError::invalid(format!(
                "Container cannot be created with multiple network endpoints: {}",
                names.join(", ")
            )));
        }
        if config.mac_address.is_empty() {
            // A field that the client's version did not know.
            for endpoint in networking.endpoints.values_mut().flatten() {
                endpoint.mac_address.clear();
            }
        }
    }
    if version.before(48) {
        for endpoint in networking.endpoints.values_mut().flatten() {
            endpoint.gateway_priority = 0;
        }
    }
    Ok(())
}

fn mounts(host: &mut HostConfig, version: Version) -> Result<()> {
    for mount in &mut host.mounts {
        let kind = mount.kind.clone();
        if version.before(42) {
            if kind != "volume" {
                mount.volume_options = None;
            }
            if kind != "tmpfs" {
                mount.tmpfs_options = None;
            }
        }
        let misplaced = [
            ("VolumeOptions", "volume", mount.volume_options.is_some()),
            ("BindOptions", "bind", mount.bind_options.is_some()),
            ("TmpfsOptions", "tmpfs", mount.tmpfs_options.is_some()),
        ];
        for (options, belongs_to, given) in misplaced {
            if version.since(42) && given && kind != belongs_to {
                return Err(ApiError::invalid(format!(
                    "{options} must not be specified on mount type {}",
                    quoted(&kind)
                )));
            }
        }
        if version.before(44) && mount.bind_options.as_ref().is_some_and(|o| o.read_only_force_recursive) {
            return Err(ApiError::invalid("BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer"));
        }
        if version.before(45) && mount.volume_options.as_ref().is_some_and(|o| !o.subpath.is_empty()) {
            return Err(ApiError::invalid("VolumeOptions.Subpath needs API v1.45 or newer"));
        }
        if version.before(48) && kind == "image" {
            return Err(ApiError::invalid("Mount type \"Image\" needs API v1.48 or newer"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::negotiate;
    use crate::wire::create::CreateRequest;

    fn meant(body: &str, version: &str) -> Result<(Config, HostConfig)> {
        let request: CreateRequest = serde_json::from_str(body).unwrap();
        let mut config = request.config.unwrap_or_default();
        let mut host = request.host.unwrap_or_default();
        let mut networking = request.networking.unwrap_or_default();
        as_meant(&mut config, &mut host, &mut networking, negotiate(Some(version))?)?;
        Ok((config, host))
    }

    #[test]
    fn fields_from_the_future_of_a_client_are_unset() {
        let body = r#"{"Healthcheck":{"StartInterval":5},"HostConfig":{"AutoRemove":true,"ConsoleSize":[1,2],"Annotations":{"a":"b"}}}"#;
        let (config, host) = meant(body, "1.24").unwrap();
        assert!(!host.auto_remove && host.console_size.is_empty() && host.annotations.is_empty());
        assert_eq!(config.healthcheck.unwrap().start_interval, 0);
        assert_eq!(host.ipc_mode, "shareable");
        let (config, host) = meant(body, "1.44").unwrap();
        assert!(host.auto_remove && host.console_size == [1, 2] && host.annotations.len() == 1);
        assert_eq!(config.healthcheck.unwrap().start_interval, 5);
        assert_eq!(host.ipc_mode, "");
    }

    #[test]
    fn rules_of_versions_are_told_in_dockers_words() {
        for (body, version, words) in [
            (
                r#"{"NetworkingConfig":{"EndpointsConfig":{"a":{},"b":null}}}"#,
                "1.43",
                "Container cannot be created with multiple network endpoints: a, b",
            ),
            (
                r#"{"HostConfig":{"Mounts":[{"Type":"bind","TmpfsOptions":{}}]}}"#,
                "1.42",
                "TmpfsOptions must not be specified on mount type \"bind\"",
            ),
            (
                r#"{"HostConfig":{"Mounts":[{"Type":"volume","VolumeOptions":{"Subpath":"a"}}]}}"#,
                "1.44",
                "VolumeOptions.Subpath needs API v1.45 or newer",
            ),
            (
                r#"{"HostConfig":{"Mounts":[{"Type":"image"}]}}"#,
                "1.47",
                "Mount type \"Image\" needs API v1.48 or newer",
            ),
        ] {
            assert_eq!(meant(body, version).unwrap_err().message, words);
        }
        assert!(meant(r#"{"HostConfig":{"Mounts":[{"Type":"bind","TmpfsOptions":{}}]}}"#, "1.41").is_ok());
    }
}
