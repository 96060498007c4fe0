//! Options with a syntax of their own: capabilities, ulimits, security, logging, storage, ports, hosts.

use crate::error::{ApiError, Result};
use crate::query::quoted;
use crate::wire::Words;
use crate::wire::host::{LogConfig as WireLog, PortBinding, Ulimit as WireUlimit};
use std::collections::BTreeMap;
use std::net::IpAddr;
use vch_engine::container::spec::{LogConfig, Ulimit};

/// Capabilities of Linux 5.9 and later (linux/capability.h), without `CAP_`.
#[rustfmt::skip]
const CAPABILITIES: &[&str] = &[
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
    "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
    "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
    "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
    "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
    "CHECKPOINT_RESTORE",
];

/// Capabilities in capital letters with `CAP_`, or `ALL` (moby `oci/caps`).
///
/// # Errors
/// An unknown one: 400 in dockerd's words.
pub(super) fn capabilities(field: &str, wanted: Option<&Words>) -> Result<Vec<String>> {
    let normal = wanted.iter().flat_map(|words| &words.0).map(|word| {
        let upper = word.to_uppercase();
        let name = upper.strip_prefix("CAP_").unwrap_or(&upper);
        match name {
            _ if upper == "ALL" => Ok(upper),
            _ if CAPABILITIES.contains(&name) => Ok(format!("CAP_{name}")),
            _ => Err(ApiError::invalid(format!(
                "invalid {field}: unknown capability: {}",
                quoted(&format!("CAP_{name}"))
            ))),
        }
    });
    normal.collect()
}

/// Kinds of limits (go-units `ulimit.go`).
#[rustfmt::skip]
const ULIMITS: &[&str] = &[
    "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio",
    "rttime", "sigpending", "stack",
];

/// Resource limits.
///
/// # Errors
/// An unknown kind, or a soft limit above the hard one: 400 in go-units' words.
pub(super) fn ulimits(wanted: &[WireUlimit]) -> Result<Vec<Ulimit>> {
    let limits = wanted.iter().map(|limit| {
        let (soft, hard) = (limit.soft, limit.hard);
        if !ULIMITS.contains(&limit.name.as_str()) {
            return Err(ApiError::invalid(format!("invalid ulimit type: {}", limit.name)));
        }
        if hard != -1 && (soft == -1 || soft > hard) {
            return Err(ApiError::invalid(format!(
                "ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}"
            )));
        }
        if soft < -1 || hard < -1 {
            return Err(ApiError::invalid(format!("invalid ulimit {}: {soft}:{hard}", limit.name)));
        }
        Ok(Ulimit { name: limit.name.clone(), soft, hard })
    });
    limits.collect()
}

/// `--security-opt` (moby `parseSecurityOpt`). Labels mean nothing without SELinux, which the guest does not have; profiles are
/// refused, since none is applied.
///
/// # Errors
/// Bad syntax: 400 in dockerd's words; a profile: 501.
pub(super) fn security(wanted: &[String]) -> Result<Vec<String>> {
    for option in wanted {
        if matches!(option.as_str(), "no-new-privileges" | "disable") {
            continue;
        }
        let Some((key, value)) = option.split_once('=').or_else(|| option.split_once(':')) else {
            if option == "writable-cgroups" {
                return Err(refused(option));
            }
            return Err(ApiError::invalid(format!("invalid --security-opt 1: {}", quoted(option))));
        };
        let boolean = match value {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
            _ => None,
        };
        match (key, value, boolean) {
            ("label", ..) | ("apparmor" | "seccomp", "unconfined", _) => {}
            ("no-new-privileges", _, Some(_)) | ("writable-cgroups", _, Some(false)) => {}
            ("apparmor" | "seccomp", ..) | ("writable-cgroups", _, Some(true)) => return Err(refused(key)),
            _ => return Err(ApiError::invalid(format!("invalid --security-opt 2: {}", quoted(option)))),
        }
    }
    Ok(wanted.to_vec())
}

fn refused(option: &str) -> ApiError {
    ApiError::not_implemented(format!(
        "HostConfig.SecurityOpt \"{option}\" is not supported: a container's border is its machine, and no profile is applied inside"
    ))
}

/// Logging, which the engine checks once its default is filled in.
pub(super) fn log(wanted: &WireLog) -> LogConfig {
    LogConfig { driver: wanted.driver.clone(), options: wanted.options.clone() }
}

/// `--storage-opt size=…`, whose value the engine reads.
///
/// # Errors
/// Another option: 501.
pub(super) fn storage(wanted: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
    match wanted.keys().find(|option| *option != "size") {
        Some(other) => {
            Err(ApiError::not_implemented(format!("HostConfig.StorageOpt \"{other}\" is not supported: only size is")))
        }
        None => Ok(wanted.clone()),
    }
}

/// Ports to publish are refused elsewhere; bad ones are bad first.
///
/// # Errors
/// 400 in dockerd's words.
pub(super) fn ports(bindings: &BTreeMap<String, Option<Vec<PortBinding>>>) -> Result<()> {
    let bad = |port: &str| ApiError::invalid(format!("invalid port specification: {}", quoted(port)));
    for (port, bindings) in bindings {
        let number = port.split_once('/').map_or(port.as_str(), |(number, _)| number);
        if number.parse::<u16>().is_err() {
            return Err(bad(number));
        }
        for binding in bindings.iter().flatten() {
            let range = binding.host_port.split_once('/').map_or(binding.host_port.as_str(), |(range, _)| range);
            if !range.is_empty() && !range.split('-').all(|end| end.parse::<u16>().is_ok()) {
                return Err(bad(&binding.host_port));
            }
        }
    }
    Ok(())
}

/// Name servers.
///
/// # Errors
/// One that is no address: 400.
pub(super) fn nameservers(wanted: &[String]) -> Result<Vec<String>> {
    match wanted.iter().find(|server| server.parse::<IpAddr>().is_err()) {
        Some(bad) => Err(ApiError::invalid(format!("bad nameserver address: {}", quoted(bad)))),
        None => Ok(wanted.to_vec()),
    }
}

/// `--add-host` (moby `opts.ValidateExtraHost`).
///
/// # Errors
/// 400 in dockerd's words; `host-gateway`, which needs a network: 501.
pub(super) fn extra_hosts(wanted: &[String]) -> Result<Vec<String>> {
    for entry in wanted {
        match entry.split_once(':') {
            Some(("", _)) | None => {
                return Err(ApiError::invalid(format!("bad format for add-host: {}", quoted(entry))));
            }
            Some((_, "host-gateway")) => {
                return Err(ApiError::not_implemented(
                    "HostConfig.ExtraHosts \"host-gateway\" is not supported: containers have a loopback interface only",
                ));
            }
            Some((_, address)) if address.parse::<IpAddr>().is_err() => {
                return Err(ApiError::invalid(format!("invalid IP address in add-host: {}", quoted(address))));
            }
            Some(_) => {}
        }
    }
    Ok(wanted.to_vec())
}
