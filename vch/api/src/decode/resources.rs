//! Limits (moby `validateResources`, `verifyPlatformContainerResources` on cgroup v2).
//!
//! Whether CPUs and memory nodes exist is the engine's to say: they are those of the machine that will run the container.

use crate::error::{ApiError, Result};
use crate::wire::host::HostConfig;
use vch_engine::container::spec::Resources;

/// Least memory of a container in bytes.
const LEAST_MEMORY: i64 = 6 << 20;

/// Limits with dockerd's defaults; what cgroup v2 does not have is warned of, as by dockerd.
///
/// # Errors
/// 400 in dockerd's words.
pub(super) fn resources(host: &HostConfig, warnings: &mut Vec<String>) -> Result<Resources> {
    if host.memory == 0 && host.memory_swap > 0 {
        return refuse("You should always set the Memory limit when using Memoryswap limit, see usage");
    }
    let mut resources = changed(host, warnings)?;
    // Swap is as large as memory where nobody asked.
    if host.memory > 0 && host.memory_swap == 0 {
        resources.memory_swap = host.memory.saturating_mul(2);
    }
    resources.pids_limit = resources.pids_limit.filter(|limit| *limit > 0);
    Ok(resources)
}

/// Limits as they are given, for an update: 0 leaves one as it is.
///
/// # Errors
/// 400 in dockerd's words.
pub(super) fn changed(host: &HostConfig, warnings: &mut Vec<String>) -> Result<Resources> {
    realtime(host)?;
    memory(host)?;
    cpu(host)?;
    discarded(host, warnings)?;
    Ok(Resources {
        memory: host.memory,
        memory_reservation: host.memory_reservation,
        memory_swap: host.memory_swap,
        nano_cpus: host.nano_cpus,
        cpu_shares: host.cpu_shares,
        cpu_period: host.cpu_period,
        cpu_quota: host.cpu_quota,
        cpuset_cpus: host.cpuset_cpus.clone(),
        cpuset_mems: host.cpuset_mems.clone(),
        // 0 and −1 are both without end.
        pids_limit: host.pids_limit.map(|limit| limit.max(0)),
        oom_kill_disable: None,
    })
}

fn refuse<T>(words: impl Into<String>) -> Result<T> {
    Err(ApiError::invalid(words))
}

fn realtime(host: &HostConfig) -> Result<()> {
    if host.cpu_realtime_period != 0 || host.cpu_realtime_runtime != 0 {
        return refuse("kernel does not support CPU real-time scheduler");
    }
    if host.io_maximum_bandwidth != 0 {
        return refuse("invalid option: QoS maximum bandwidth configuration is not supported on linux");
    }
    if host.io_maximum_iops != 0 {
        return refuse("invalid option: QoS maximum IOPs configuration is not supported on linux");
    }
    if host.cpu_shares < 0 {
        return refuse(format!("invalid CPU shares ({}): value must be a positive integer", host.cpu_shares));
    }
    Ok(())
}

fn memory(host: &HostConfig) -> Result<()> {
    let (memory, swap, reservation) = (host.memory, host.memory_swap, host.memory_reservation);
    if memory != 0 && memory < LEAST_MEMORY {
        return refuse("Minimum memory limit allowed is 6MB");
    }
    if memory > 0 && swap > 0 && swap < memory {
        return refuse("Minimum memoryswap limit should be larger than memory limit, see usage");
    }
    if reservation > 0 && reservation < LEAST_MEMORY {
        return refuse("Minimum memory reservation allowed is 6MB");
    }
    if memory > 0 && reservation > 0 && memory < reservation {
        return refuse("Minimum memory limit can not be less than memory reservation limit, see usage");
    }
    Ok(())
}

fn cpu(host: &HostConfig) -> Result<()> {
    if host.nano_cpus > 0 && host.cpu_period > 0 {
        return refuse("Conflicting options: Nano CPUs and CPU Period cannot both be set");
    }
    if host.nano_cpus > 0 && host.cpu_quota > 0 {
        return refuse("Conflicting options: Nano CPUs and CPU Quota cannot both be set");
    }
    if host.cpu_period != 0 && !(1000..=1_000_000).contains(&host.cpu_period) {
        return refuse("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
    }
    if host.cpu_quota > 0 && host.cpu_quota < 1000 {
        return refuse("CPU cfs quota can not be less than 1ms (i.e. 1000)");
    }
    for (called, list) in [("cpus", &host.cpuset_cpus), ("mems", &host.cpuset_mems)] {
        if !is_list(list) {
            return refuse(format!("Invalid value {list} for cpuset {called}"));
        }
    }
    Ok(())
}

/// `0-2,4`, or empty.
fn is_list(text: &str) -> bool {
    let number = |part: &str| part.parse::<u16>().ok();
    text.is_empty()
        || text.split(',').all(|part| match part.split_once('-') {
            Some((first, last)) => matches!((number(first), number(last)), (Some(first), Some(last)) if first <= last),
            None => number(part).is_some(),
        })
}

/// What cgroup v2, and so the guest, has no place for; dockerd discards it with the same words.
fn discarded(host: &HostConfig, warnings: &mut Vec<String>) -> Result<()> {
    let not_mounted = "or the cgroup is not mounted.";
    match host.memory_swappiness {
        // What the CLI sends for "not given".
        None | Some(-1) => {}
        Some(0..=100) => warnings.push(format!(
            "Your kernel does not support memory swappiness capabilities {not_mounted} Memory swappiness discarded."
        )),
        Some(other) => {
            return refuse(format!("Invalid value: {other}, valid memory swappiness range is 0-100"));
        }
    }
    if host.kernel_memory > 0 || host.kernel_memory_tcp > 0 {
        warnings.push(format!(
            "Your kernel does not support kernel memory limit capabilities {not_mounted} Limitation discarded."
        ));
    }
    if host.oom_kill_disable == Some(true) {
        warnings.push("Your kernel does not support OomKillDisable. OomKillDisable discarded.".into());
    }
    if host.cpu_percent > 0 {
        warnings.push("linux does not support CPU percent. Percent discarded.".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_lists_are_checked() {
        for text in ["", "0", "0-3", "0,2-3,7"] {
            assert!(is_list(text), "{text}");
        }
        for text in ["a", "1-", "3-1", "0,,1", "-1", "0-70000"] {
            assert!(!is_list(text), "{text}");
        }
    }
}
