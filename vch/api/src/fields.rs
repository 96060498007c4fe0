//! Every field of `Config` and `HostConfig` of API 1.50 and what becomes of it: honoured, meaningless but harmless, or refused.
//!
//! One table: `decode` asks it what to refuse, the documentation is printed from it, and a test holds it against the wire structs.

use crate::error::{ApiError, Result};
use crate::wire::config::Config;
use crate::wire::host::HostConfig;

/// What becomes of a field.
enum Fate {
    /// Done; with a remark where not every value is.
    Honoured(&'static str),
    /// Taken, shown by inspect, without effect, as the reason says.
    Harmless(&'static str),
    /// Refused with this reason where it asks for something.
    Refused(&'static str, fn(&Config, &HostConfig) -> bool),
}

struct Field {
    object: &'static str,
    name: &'static str,
    fate: Fate,
}

macro_rules! table {
    ($($object:ident { $($name:literal $fate:ident($($argument:expr),*))* })*) => {
        &[$($(Field { object: stringify!($object), name: $name, fate: table!(@ $fate $($argument),*) }),*),*]
    };
    (@ yes) => { Fate::Honoured("") };
    (@ yes $remark:expr) => { Fate::Honoured($remark) };
    (@ harmless $why:expr) => { Fate::Harmless($why) };
    (@ no $why:expr, $asked:expr) => { Fate::Refused($why, $asked) };
}

fn some(list: &Option<Vec<impl Sized>>) -> bool {
    list.as_ref().is_some_and(|list| !list.is_empty())
}

const NO_NETWORK: &str = "containers have a loopback interface only";
const NO_VOLUMES: &str = "containers have no volumes, only their own writable layer and tmpfs";
const NO_BLKIO: &str = "block I/O is not limited per container";
const NO_SUCH_CGROUP: &str = "cgroup v2 has no such limit; discarded with a warning, as by dockerd";
const WINDOWS: &str = "for Windows containers; dockerd on Linux ignores it too";

#[rustfmt::skip]
const FIELDS: &[Field] = table! {
    Config {
        "Hostname"              yes()
        "Domainname"            yes()
        "User"                  yes()
        "AttachStdin"           yes()
        "AttachStdout"          yes()
        "AttachStderr"          yes()
        "ExposedPorts"          yes("shown; nothing is published")
        "Tty"                   yes()
        "OpenStdin"             yes()
        "StdinOnce"             yes()
        "Env"                   yes()
        "Cmd"                   yes()
        "Healthcheck"           yes()
        "ArgsEscaped"           harmless(WINDOWS)
        "Image"                 yes()
        "Volumes"               no(NO_VOLUMES, |c, _| c.volumes.as_ref().is_some_and(|v| !v.is_empty()))
        "WorkingDir"            yes()
        "Entrypoint"            yes()
        "NetworkDisabled"       yes()
        "MacAddress"            no(NO_NETWORK, |c, _| !c.mac_address.is_empty())
        "OnBuild"               harmless("for builds; shown by inspect")
        "Labels"                yes()
        "StopSignal"            yes()
        "StopTimeout"           yes()
        "Shell"                 yes("of health checks in shell form; otherwise for builds")
    }
    HostConfig {
        "Binds"                 no(NO_VOLUMES, |_, h| some(&h.binds))
        "ContainerIDFile"       harmless("written by the client; shown by inspect")
        "LogConfig"             yes("json-file, local, syslog, journald and none; others are refused. Times of syslog are in UTC; a tag takes plain fields")
        "NetworkMode"           yes("default, bridge and none are loopback only, host is the machine's own network, container:X shares X's machine; others are refused")
        "PortBindings"          no(NO_NETWORK, |_, h| !h.port_bindings.is_empty())
        "RestartPolicy"         yes()
        "AutoRemove"            yes()
        "VolumeDriver"          no(NO_VOLUMES, |_, h| !matches!(h.volume_driver.as_str(), "" | "local"))
        "VolumesFrom"           no(NO_VOLUMES, |_, h| some(&h.volumes_from))
        "ConsoleSize"           yes()
        "Annotations"           harmless("for other runtimes; shown by inspect")
        "CapAdd"                yes()
        "CapDrop"               yes()
        "CgroupnsMode"          yes()
        "Dns"                   yes("written to resolv.conf")
        "DnsOptions"            yes("written to resolv.conf")
        "DnsSearch"             yes("written to resolv.conf")
        "ExtraHosts"            yes("host-gateway is refused")
        "GroupAdd"              yes()
        "IpcMode"               yes("host is the machine's own; container:X shares X's machine")
        "Cgroup"                no("each container has a machine of its own", |_, h| !h.cgroup.is_empty())
        "Links"                 no(NO_NETWORK, |_, h| some(&h.links))
        "OomScoreAdj"           yes()
        "PidMode"               yes("host is the machine's own; container:X shares X's machine")
        "Privileged"            yes("the whole machine")
        "PublishAllPorts"       no(NO_NETWORK, |_, h| h.publish_all_ports)
        "ReadonlyRootfs"        yes()
        "SecurityOpt"           yes("no-new-privileges and unconfined profiles; labels mean nothing without SELinux; other profiles are refused")
        "StorageOpt"            yes("size only")
        "Tmpfs"                 yes()
        "UTSMode"               yes("host is the machine's own")
        "UsernsMode"            harmless("host is what every container has: root in the guest is no root outside its machine")
        "ShmSize"               yes()
        "Sysctls"               yes()
        "Runtime"               yes("runc, dockerd's name for its default; others are unknown")
        "Isolation"             yes("default only, as on every Linux")
        "CpuShares"             yes()
        "Memory"                yes()
        "NanoCpus"              yes()
        "CgroupParent"          no("a container's cgroup is inside its machine", |_, h| !h.cgroup_parent.is_empty())
        "BlkioWeight"           no(NO_BLKIO, |_, h| h.blkio_weight != 0)
        "BlkioWeightDevice"     no(NO_BLKIO, |_, h| !h.blkio_weight_device.is_empty())
        "BlkioDeviceReadBps"    no(NO_BLKIO, |_, h| !h.blkio_device_read_bps.is_empty())
        "BlkioDeviceWriteBps"   no(NO_BLKIO, |_, h| !h.blkio_device_write_bps.is_empty())
        "BlkioDeviceReadIOps"   no(NO_BLKIO, |_, h| !h.blkio_device_read_iops.is_empty())
        "BlkioDeviceWriteIOps"  no(NO_BLKIO, |_, h| !h.blkio_device_write_iops.is_empty())
        "CpuPeriod"             yes()
        "CpuQuota"              yes()
        "CpuRealtimePeriod"     no("the guest's kernel has no real-time scheduling of groups", |_, h| h.cpu_realtime_period != 0)
        "CpuRealtimeRuntime"    no("the guest's kernel has no real-time scheduling of groups", |_, h| h.cpu_realtime_runtime != 0)
        "CpusetCpus"            yes("of the machine's CPUs")
        "CpusetMems"            yes("of the machine's memory nodes")
        "Devices"               yes("of the machine's devices")
        "DeviceCgroupRules"     no("devices are given with Devices", |_, h| some(&h.device_cgroup_rules))
        "DeviceRequests"        no("machines have no devices of the host", |_, h| some(&h.device_requests))
        "KernelMemory"          harmless(NO_SUCH_CGROUP)
        "KernelMemoryTCP"       harmless(NO_SUCH_CGROUP)
        "MemoryReservation"     yes()
        "MemorySwap"            yes()
        "MemorySwappiness"      harmless(NO_SUCH_CGROUP)
        "OomKillDisable"        harmless(NO_SUCH_CGROUP)
        "PidsLimit"             yes()
        "Ulimits"               yes()
        "CpuCount"              harmless(WINDOWS)
        "CpuPercent"            harmless("for Windows containers; discarded with a warning, as by dockerd")
        "IOMaximumIOps"         no("for Windows containers", |_, h| h.io_maximum_iops != 0)
        "IOMaximumBandwidth"    no("for Windows containers", |_, h| h.io_maximum_bandwidth != 0)
        "Mounts"                yes("type tmpfs; others are refused")
        "MaskedPaths"           yes()
        "ReadonlyPaths"         yes()
        "Init"                  yes()
    }
};

/// Refuses a create that asks for what the table refuses.
///
/// # Errors
/// 501, naming the field and the reason.
pub(crate) fn refuse(config: &Config, host: &HostConfig) -> Result<()> {
    for field in FIELDS {
        if let Fate::Refused(why, asked) = &field.fate
            && asked(config, host)
        {
            return Err(ApiError::not_implemented(format!("{}.{} is not supported: {why}", field.object, field.name)));
        }
    }
    Ok(())
}

/// `docs/api-fields.md`.
pub fn markdown() -> String {
    let mut text = String::from(
        "# Fields of a create\n\n\
         Every field of `Config` and `HostConfig` of the Docker Engine API 1.50 and what becomes of it. Generated from \
         `vch/api/src/fields.rs`. Refusals are 501 and name the field; invalid values are 400 in dockerd's words. Unknown fields are \
         passed over, as by dockerd.\n\n\
         | field | | remark |\n|---|---|---|\n",
    );
    for field in FIELDS {
        let (fate, remark) = match &field.fate {
            Fate::Honoured(remark) => ("honoured", *remark),
            Fate::Harmless(why) => ("harmless", *why),
            Fate::Refused(why, _) => ("refused", *why),
        };
        text.push_str(&format!("| `{}.{}` | {fate} | {remark} |\n", field.object, field.name));
    }
    text.push_str(
        "\nOf `NetworkingConfig` only an empty endpoint on the container's own network is taken; addresses, aliases, links, \
         driver options and further networks are refused.\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_table_has_every_field_once() {
        let wire =
            Config::FIELDS.iter().map(|f| ("Config", *f)).chain(HostConfig::FIELDS.iter().map(|f| ("HostConfig", *f)));
        let wire: BTreeSet<_> = wire.collect();
        let table: BTreeSet<_> = FIELDS.iter().map(|f| (f.object, f.name)).collect();
        assert_eq!(wire, table);
        assert_eq!(table.len(), FIELDS.len(), "a field stands twice");
    }

    #[test]
    fn the_wire_has_every_field_of_the_openapi_file() {
        let known: BTreeSet<&str> = include_str!("../tests/create-fields-1.50.txt").lines().collect();
        let table: BTreeSet<String> = FIELDS.iter().map(|f| format!("{}.{}", f.object, f.name)).collect();
        let missing: Vec<_> = known.iter().filter(|f| !table.contains(**f)).collect();
        assert_eq!(missing, Vec::<&&str>::new());
    }

    #[test]
    fn the_committed_page_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api-fields.md");
        if std::env::var_os("VCH_WRITE_DOCS").is_some() {
            std::fs::write(path, markdown()).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            committed == markdown(),
            "docs/api-fields.md is out of date: run this test with VCH_WRITE_DOCS=1 and commit it"
        );
    }
}
