//! `HostConfig` (moby `validateHostConfig`, `verifyPlatformContainerSettings`, `adaptContainerSettings`).

use super::{console_size, mounts, options, resources};
use crate::error::{ApiError, Result};
use crate::wire::host::{HostConfig, RestartPolicy as WirePolicy};
use vch_engine::container::spec::{DeviceMapping, HostSpec, RestartPolicy};

/// `/dev/shm` where nobody asked for a size, in bytes.
const SHM_SIZE: u64 = 64 << 20;

/// What a container asks of its host, with dockerd's defaults filled in.
///
/// # Errors
/// 400 in dockerd's words, 501 for valid values that vch does not do.
pub(super) fn host(host: &HostConfig, warnings: &mut Vec<String>) -> Result<HostSpec> {
    let restart = restart(&host.restart_policy)?;
    if host.auto_remove && restart.name != "no" {
        return Err(ApiError::invalid("can't create 'AutoRemove' container with restart policy"));
    }
    if !matches!(host.isolation.to_lowercase().as_str(), "" | "default") {
        return Err(ApiError::invalid(format!(
            "invalid isolation ({}): linux only supports 'default'",
            host.isolation
        )));
    }
    if host.annotations.contains_key("") {
        return Err(ApiError::invalid("invalid Annotations: the empty string is not permitted as an annotation key"));
    }
    options::ports(&host.port_bindings)?;
    let resources = resources::resources(host, warnings)?;
    modes(host)?;
    Ok(HostSpec {
        auto_remove: host.auto_remove,
        restart,
        log: options::log(&host.log_config),
        network_mode: host.network_mode.clone(),
        pid_mode: host.pid_mode.clone(),
        ipc_mode: or(&host.ipc_mode, "private"),
        uts_mode: host.uts_mode.clone(),
        cgroupns_mode: or(&host.cgroupns_mode, "private"),
        cap_add: options::capabilities("CapAdd", host.cap_add.as_ref())?,
        cap_drop: options::capabilities("CapDrop", host.cap_drop.as_ref())?,
        privileged: host.privileged,
        readonly_rootfs: host.readonly_rootfs,
        init: host.init,
        tmpfs: mounts::tmpfs(&host.tmpfs)?,
        tmpfs_mounts: mounts::mounts(&host.mounts)?,
        shm_size: shm_size(host.shm_size)?,
        ulimits: options::ulimits(&host.ulimits)?,
        sysctls: host.sysctls.clone(),
        security_opt: options::security(host.security_opt.as_deref().unwrap_or_default())?,
        group_add: host.group_add.clone().unwrap_or_default(),
        devices: devices(host)?,
        dns: options::nameservers(&host.dns)?,
        dns_options: host.dns_options.clone(),
        dns_search: host.dns_search.clone(),
        extra_hosts: options::extra_hosts(host.extra_hosts.as_deref().unwrap_or_default())?,
        masked_paths: host.masked_paths.clone(),
        readonly_paths: host.readonly_paths.clone(),
        oom_score_adj: oom_score(host.oom_score_adj)?,
        resources,
        storage_opt: options::storage(&host.storage_opt)?,
        runtime: or(&host.runtime, "runc"),
        isolation: host.isolation.clone(),
        container_id_file: host.container_id_file.clone(),
        console_size: console_size(Some(host.console_size.clone())).unwrap_or_default(),
        annotations: host.annotations.clone(),
    })
}

fn or(text: &str, default: &str) -> String {
    if text.is_empty() { default.into() } else { text.into() }
}

/// A restart policy; none is `no`.
///
/// # Errors
/// 400 in dockerd's words.
pub(super) fn restart(policy: &WirePolicy) -> Result<RestartPolicy> {
    let name = or(&policy.name, "no");
    let count = policy.maximum_retry_count;
    match name.as_str() {
        "no" | "always" | "unless-stopped" if count != 0 => Err(ApiError::invalid(format!(
            "invalid restart policy: maximum retry count can only be used with 'on-failure'{}",
            if count < 0 { " and cannot be negative" } else { "" }
        ))),
        "on-failure" if count < 0 => {
            Err(ApiError::invalid("invalid restart policy: maximum retry count cannot be negative"))
        }
        "no" | "always" | "unless-stopped" | "on-failure" => Ok(RestartPolicy { name, maximum_retry_count: count }),
        _ => Err(ApiError::invalid(format!(
            "invalid restart policy: unknown policy '{name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
        ))),
    }
}

/// Namespaces: the container's own, the machine's (`host`), or another container's.
fn modes(host: &HostConfig) -> Result<()> {
    let modes: [(&str, &str, &[&str]); 4] = [
        ("IPC", &host.ipc_mode, &["", "none", "private", "host", "shareable"]),
        ("PID", &host.pid_mode, &["", "host"]),
        ("UTS", &host.uts_mode, &["", "host"]),
        ("USER", &host.userns_mode, &["", "host"]),
    ];
    for (namespace, mode, known) in modes {
        let joins = mode.strip_prefix("container:").filter(|_| matches!(namespace, "IPC" | "PID"));
        if joins.is_some_and(|name| !name.is_empty() || namespace == "IPC") {
            continue;
        }
        if !known.contains(&mode) {
            return Err(ApiError::invalid(format!("invalid {namespace} mode: {mode}")));
        }
    }
    if !matches!(host.cgroupns_mode.as_str(), "" | "private" | "host") {
        return Err(ApiError::invalid(format!("invalid cgroup namespace mode: {}", host.cgroupns_mode)));
    }
    // dockerd's own names for its default runtime.
    if !matches!(host.runtime.as_str(), "" | "runc" | "io.containerd.runc.v2") {
        return Err(ApiError::invalid(format!("unknown or invalid runtime name: {}", host.runtime)));
    }
    Ok(())
}

fn shm_size(bytes: i64) -> Result<u64> {
    match u64::try_from(bytes) {
        Ok(0) => Ok(SHM_SIZE),
        Ok(bytes) => Ok(bytes),
        Err(_) => Err(ApiError::invalid("SHM size can not be less than 0")),
    }
}

fn oom_score(score: i64) -> Result<i32> {
    match i32::try_from(score) {
        Ok(score @ -1000..=1000) => Ok(score),
        _ => Err(ApiError::invalid(format!("Invalid value {score}, range for oom score adj is [-1000, 1000]"))),
    }
}

fn devices(host: &HostConfig) -> Result<Vec<DeviceMapping>> {
    let mapped = host.devices.iter().map(|device| {
        let permissions = or(&device.cgroup_permissions, "rwm");
        if !permissions.chars().all(|c| "rwm".contains(c)) {
            return Err(ApiError::invalid(format!("invalid device mode: {permissions}")));
        }
        for path in [&device.path_on_host, &device.path_in_container] {
            if !path.is_empty() && !path.starts_with('/') {
                return Err(ApiError::invalid(format!("{path} is not an absolute path")));
            }
        }
        Ok(DeviceMapping {
            path_on_host: device.path_on_host.clone(),
            path_in_container: or(&device.path_in_container, &device.path_on_host),
            cgroup_permissions: permissions,
        })
    });
    mapped.collect()
}
