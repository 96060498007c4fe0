//! A container's record as the one message that makes the agent start it: Docker's defaults filled in.
//!
//! Defaults are those of moby's `oci/defaults.go`, `daemon/oci_linux.go` and `daemon/container_operations_unix.go`.

use super::joining::scope;
use super::process_spec;
use super::record::Record;
use super::spec::{HostSpec, Resources};
use super::tenant::{image_lun, scratch_lun};
use crate::error::Result;
use vch_sandbox::proto::{Container, Device, Disk, File, Limits, Mount, MountKind, Namespaces, Rootfs, Scope};

/// What a run is given beside the record.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    /// Layers on its image disk.
    pub(crate) layers: u32,
    /// Its slot in the machine.
    pub(crate) slot: u16,
    /// Whose host name, `hosts` and `resolv.conf` it has: its own record, or that of the container whose network it joins.
    pub(crate) names: &'a Record,
}

/// Docker's default size of `/dev/shm`.
const SHM: u64 = 64 << 20;

/// Paths that Docker hides (moby `oci/defaults.go`).
pub const MASKED_PATHS: &[&str] = &[
    "/proc/asound",
    "/proc/acpi",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
];

/// Paths that Docker makes read-only.
pub const READONLY_PATHS: &[&str] = &["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// The container's host name: as asked, else its short ID; the machine's own under `--uts host`.
pub(crate) fn hostname(record: &Record) -> String {
    match record.spec.hostname.as_str() {
        "" => record.id.chars().take(12).collect(),
        name => name.to_owned(),
    }
}

/// The message. `host_resolv_conf` is the host's resolver configuration.
pub(crate) fn of(record: &Record, place: &Place<'_>, host_resolv_conf: &str) -> Result<Container> {
    let Place { layers, slot, names } = *place;
    let spec = &record.spec;
    let host = &spec.host;
    let paths = |asked: &Option<Vec<String>>, default: &[&str]| match asked {
        _ if host.privileged => Vec::new(),
        Some(paths) => paths.clone(),
        None => default.iter().map(|p| (*p).to_owned()).collect(),
    };
    Ok(Container {
        id: record.id.clone(),
        rootfs: Rootfs {
            image: (layers > 0).then_some(Disk::ScsiLun(image_lun(slot))),
            layers,
            scratch: Disk::ScsiLun(scratch_lun(slot)),
            read_only: host.readonly_rootfs,
        },
        hostname: hostname(names),
        domainname: names.spec.domainname.clone(),
        files: files(names, host_resolv_conf),
        mounts: mounts(host),
        shm_size: if host.shm_size == 0 { SHM } else { host.shm_size },
        sysctls: sysctls(host),
        masked_paths: paths(&host.masked_paths, MASKED_PATHS),
        readonly_paths: paths(&host.readonly_paths, READONLY_PATHS),
        devices: host
            .devices
            .iter()
            .map(|d| Device {
                source: d.path_on_host.clone(),
                target: d.path_in_container.clone(),
                access: d.cgroup_permissions.clone(),
            })
            .collect(),
        privileged: host.privileged,
        namespaces: Namespaces {
            pid: scope(&host.pid_mode),
            ipc: scope(&host.ipc_mode),
            uts: host.uts_mode != "host",
            network: scope(&host.network_mode),
            cgroup: host.cgroupns_mode != "host" && !(host.cgroupns_mode.is_empty() && host.privileged),
        },
        limits: limits(&host.resources),
        // As dockerd: the machine and another container have an init already.
        init: host.init.unwrap_or(false) && scope(&host.pid_mode) == Scope::Own,
        process: process_spec::first(record)?,
    })
}

fn mounts(host: &HostSpec) -> Vec<Mount> {
    let short = host.tmpfs.iter().map(|(target, options)| {
        let given = options.split(',').filter(|o| !o.is_empty());
        let options: Vec<String> = ["noexec", "nosuid", "nodev"].into_iter().chain(given).map(str::to_owned).collect();
        let read_only = options.iter().rev().find_map(|o| match o.as_str() {
            "ro" => Some(true),
            "rw" => Some(false),
            _ => None,
        });
        Mount { target: target.clone(), kind: MountKind::Tmpfs { options }, read_only: read_only.unwrap_or(false) }
    });
    let long = host.tmpfs_mounts.iter().map(|mount| {
        let mut options: Vec<String> = ["noexec", "nosuid", "nodev"].map(str::to_owned).into();
        if mount.size > 0 {
            options.push(format!("size={}", mount.size));
        }
        options.push(format!("mode={:o}", if mount.mode == 0 { 0o1777 } else { mount.mode }));
        Mount { target: mount.target.clone(), kind: MountKind::Tmpfs { options }, read_only: mount.read_only }
    });
    let mut all: Vec<Mount> = short.chain(long).collect();
    // Outer mounts first, or they would hide the inner ones.
    all.sort_by_key(|mount| mount.target.matches('/').count());
    all
}

/// What was asked for, and the two that Docker sets itself in a network namespace of the container's own.
fn sysctls(host: &HostSpec) -> Vec<(String, String)> {
    let mut all: Vec<_> = host.sysctls.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    if scope(&host.network_mode) == Scope::Own {
        for (key, value) in
            [("net.ipv4.ip_unprivileged_port_start", "0"), ("net.ipv4.ping_group_range", "0 2147483647")]
        {
            if !host.sysctls.contains_key(key) {
                all.push((key.into(), value.into()));
            }
        }
    }
    all
}

/// Limits as cgroup v2 has them.
pub(crate) fn limits(resources: &Resources) -> Limits {
    let positive = |value: i64| u64::try_from(value).ok().filter(|v| *v > 0);
    let memory = positive(resources.memory);
    let quota = match positive(resources.nano_cpus) {
        // Docker turns --cpus into a quota for each period of 100 ms.
        Some(nano) => Some((nano / 10_000, 100_000)),
        None => positive(resources.cpu_quota).map(|quota| (quota, positive(resources.cpu_period).unwrap_or(100_000))),
    };
    Limits {
        memory,
        memory_reservation: positive(resources.memory_reservation),
        swap: match resources.memory_swap {
            -1 => None,
            0 => memory,
            both => positive(both).map(|both| both.saturating_sub(memory.unwrap_or(0))),
        },
        cpu_quota: quota.map(|q| q.0),
        cpu_period: quota.map(|q| q.1).or(positive(resources.cpu_period)),
        // As runc turns cgroup v1 shares (2..262144) into v2 weights (1..10000).
        cpu_weight: positive(resources.cpu_shares).map(|s| 1 + ((s.clamp(2, 262_144) - 2) * 9999) / 262_142),
        cpuset_cpus: Some(resources.cpuset_cpus.clone()).filter(|s| !s.is_empty()),
        cpuset_mems: Some(resources.cpuset_mems.clone()).filter(|s| !s.is_empty()),
        pids: resources.pids_limit.and_then(positive),
    }
}

fn files(record: &Record, host_resolv_conf: &str) -> Vec<File> {
    let file = |path: &str, content: String| File { path: path.into(), content: content.into_bytes(), mode: 0o644 };
    vec![
        file("/etc/hostname", format!("{}\n", hostname(record))),
        file("/etc/hosts", hosts(record)),
        file("/etc/resolv.conf", resolv_conf(&record.spec.host, host_resolv_conf)),
    ]
}

/// As Docker writes it, without an address of the container's own: it has none yet.
fn hosts(record: &Record) -> String {
    let mut text = String::from(
        "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\nff00::\tip6-mcastprefix\n\
         ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n",
    );
    for extra in &record.spec.host.extra_hosts {
        if let Some((name, address)) = extra.split_once([':', '=']) {
            text.push_str(&format!("{address}\t{name}\n"));
        }
    }
    text
}

/// The host's resolvers, those of the user's options instead; resolvers on the host's loopback cannot be reached.
fn resolv_conf(host: &HostSpec, of_host: &str) -> String {
    let mut text = String::new();
    let lines =
        |key: &'static str| of_host.lines().filter_map(move |line| line.trim().strip_prefix(key)).map(str::trim);
    let mut add = |key: &str, values: Vec<String>| values.iter().for_each(|v| text.push_str(&format!("{key} {v}\n")));
    let servers = match host.dns.as_slice() {
        [] => lines("nameserver ").filter(|s| !s.starts_with("127.") && *s != "::1").map(str::to_owned).collect(),
        given => given.to_vec(),
    };
    add("nameserver", servers);
    let or_host = |given: &[String], key: &'static str| match given {
        [] => lines(key).next_back().map(str::to_owned).into_iter().collect::<Vec<_>>(),
        [dot] if dot == "." => Vec::new(),
        given => vec![given.join(" ")],
    };
    add("search", or_host(&host.dns_search, "search "));
    add("options", or_host(&host.dns_options, "options "));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpus_become_a_quota_and_swap_is_what_is_beyond_memory() {
        let limits = limits(&Resources {
            nano_cpus: 1_500_000_000,
            memory: 64 << 20,
            memory_swap: 96 << 20,
            cpu_shares: 1024,
            pids_limit: Some(-1),
            ..Default::default()
        });
        assert_eq!((limits.cpu_quota, limits.cpu_period), (Some(150_000), Some(100_000)));
        assert_eq!(limits.swap, Some(32 << 20));
        assert_eq!(limits.cpu_weight, Some(39));
        assert_eq!(limits.pids, None);
    }

    #[test]
    fn resolvers_on_the_hosts_loopback_are_left_out() {
        let text = resolv_conf(
            &HostSpec::default(),
            "nameserver 127.0.0.53\nnameserver 192.0.2.1\nsearch a b\noptions edns0\n",
        );
        assert_eq!(text, "nameserver 192.0.2.1\nsearch a b\noptions edns0\n");
        let host = HostSpec { dns: vec!["192.0.2.9".into()], dns_search: vec![".".into()], ..Default::default() };
        assert_eq!(resolv_conf(&host, "search x\n"), "nameserver 192.0.2.9\n");
    }

    #[test]
    fn outer_tmpfs_mounts_come_first() {
        let mut host = HostSpec::default();
        host.tmpfs.insert("/a/b".into(), "size=1m,ro".into());
        host.tmpfs_mounts.push(super::super::spec::TmpfsMount { target: "/a".into(), ..Default::default() });
        let mounts = mounts(&host);
        assert_eq!(mounts.iter().map(|m| m.target.as_str()).collect::<Vec<_>>(), ["/a", "/a/b"]);
        assert!(mounts[1].read_only);
    }
}
