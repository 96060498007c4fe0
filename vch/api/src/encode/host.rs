//! `HostConfig` as inspect shows it: every field, with what dockerd shows where nobody asked for anything.

use crate::wire::Words;
use crate::wire::host::{DeviceMapping, HostConfig, LogConfig, RestartPolicy, Ulimit};
use crate::wire::mount::{Mount, TmpfsOptions};
use vch_engine::container::spec::{HostSpec, TmpfsMount};
use vch_engine::defaults::{MASKED_PATHS, READONLY_PATHS};

/// What a container asked of its host.
pub(super) fn host_config(host: &HostSpec) -> HostConfig {
    let limits = &host.resources;
    HostConfig {
        container_id_file: host.container_id_file.clone(),
        log_config: LogConfig { driver: host.log.driver.clone(), options: host.log.options.clone() },
        network_mode: host.network_mode.clone(),
        restart_policy: RestartPolicy {
            name: if host.restart.name.is_empty() { "no".into() } else { host.restart.name.clone() },
            maximum_retry_count: host.restart.maximum_retry_count,
        },
        auto_remove: host.auto_remove,
        console_size: host.console_size.map(u64::from).to_vec(),
        annotations: host.annotations.clone(),
        cap_add: unless_empty(&host.cap_add).map(Words),
        cap_drop: unless_empty(&host.cap_drop).map(Words),
        cgroupns_mode: host.cgroupns_mode.clone(),
        dns: host.dns.clone(),
        dns_options: host.dns_options.clone(),
        dns_search: host.dns_search.clone(),
        extra_hosts: unless_empty(&host.extra_hosts),
        group_add: unless_empty(&host.group_add),
        ipc_mode: host.ipc_mode.clone(),
        oom_score_adj: host.oom_score_adj.into(),
        pid_mode: host.pid_mode.clone(),
        privileged: host.privileged,
        readonly_rootfs: host.readonly_rootfs,
        security_opt: unless_empty(&host.security_opt),
        storage_opt: host.storage_opt.clone(),
        tmpfs: host.tmpfs.clone(),
        uts_mode: host.uts_mode.clone(),
        shm_size: i64::try_from(host.shm_size).unwrap_or(i64::MAX),
        sysctls: host.sysctls.clone(),
        runtime: host.runtime.clone(),
        isolation: host.isolation.clone(),
        cpu_shares: limits.cpu_shares,
        memory: limits.memory,
        nano_cpus: limits.nano_cpus,
        cpu_period: limits.cpu_period,
        cpu_quota: limits.cpu_quota,
        cpuset_cpus: limits.cpuset_cpus.clone(),
        cpuset_mems: limits.cpuset_mems.clone(),
        devices: devices(host),
        memory_reservation: limits.memory_reservation,
        memory_swap: limits.memory_swap,
        oom_kill_disable: limits.oom_kill_disable,
        pids_limit: limits.pids_limit,
        ulimits: ulimits(host),
        mounts: host.tmpfs_mounts.iter().map(mount).collect(),
        masked_paths: paths(host, host.masked_paths.as_ref(), MASKED_PATHS),
        readonly_paths: paths(host, host.readonly_paths.as_ref(), READONLY_PATHS),
        init: host.init,
        ..HostConfig::default()
    }
}

/// Lists that dockerd shows as null.
fn unless_empty(list: &[String]) -> Option<Vec<String>> {
    (!list.is_empty()).then(|| list.to_vec())
}

fn paths(host: &HostSpec, given: Option<&Vec<String>>, default: &[&str]) -> Option<Vec<String>> {
    match given {
        Some(paths) => Some(paths.clone()),
        None if host.privileged => None,
        None => Some(default.iter().map(|path| (*path).to_owned()).collect()),
    }
}

fn devices(host: &HostSpec) -> Vec<DeviceMapping> {
    let device = |d: &vch_engine::container::spec::DeviceMapping| DeviceMapping {
        path_on_host: d.path_on_host.clone(),
        path_in_container: d.path_in_container.clone(),
        cgroup_permissions: d.cgroup_permissions.clone(),
    };
    host.devices.iter().map(device).collect()
}

fn ulimits(host: &HostSpec) -> Vec<Ulimit> {
    host.ulimits.iter().map(|limit| Ulimit { name: limit.name.clone(), hard: limit.hard, soft: limit.soft }).collect()
}

fn mount(mount: &TmpfsMount) -> Mount {
    let options = TmpfsOptions {
        size_bytes: i64::try_from(mount.size).unwrap_or(i64::MAX),
        mode: mount.mode,
        options: Vec::new(),
    };
    Mount {
        kind: "tmpfs".into(),
        target: mount.target.clone(),
        read_only: mount.read_only,
        tmpfs_options: (options != TmpfsOptions::default()).then_some(options),
        ..Mount::default()
    }
}
