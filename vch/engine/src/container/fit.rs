//! Whether a machine can give what a container asks for: CPUs and memory, in dockerd's words (moby
//! `daemon/daemon_unix.go` `verifyPlatformContainerResources`, for which the machine's CPUs are the host's).

use super::spec::Resources;
use crate::error::{Error, Result};

/// Checks the limits against a machine of `cpus` CPUs and `memory` bytes; what the user should know comes back.
///
/// # Errors
/// More CPUs than the machine has, or CPUs and memory nodes that it does not have.
pub(crate) fn check(resources: &Resources, cpus: u32, memory: u64) -> Result<Vec<String>> {
    if resources.nano_cpus > i64::from(cpus) * 1_000_000_000 {
        return Err(Error::invalid(format!(
            "range of CPUs is from 0.01 to {cpus}.00, as there are only {cpus} CPUs available"
        )));
    }
    within("CPUs", &resources.cpuset_cpus, cpus)?;
    within("memory nodes", &resources.cpuset_mems, 1)?;
    let mut warnings = Vec::new();
    let mib = |bytes: u64| bytes >> 20;
    match u64::try_from(resources.memory) {
        Ok(limit) if limit > memory => warnings.push(format!(
            "The memory limit of {} MiB is above the machine's {} MiB, which hold; see --vm-memory of the daemon.",
            mib(limit),
            mib(memory)
        )),
        _ => {}
    }
    if resources.oom_kill_disable == Some(true) {
        // As dockerd on a host with cgroup v2.
        warnings.push("OomKillDisable is not supported with cgroup v2. OomKillDisable discarded.".to_owned());
    }
    Ok(warnings)
}

/// Whether a list such as `0-2,4` names only numbers below `count`.
fn within(what: &str, list: &str, count: u32) -> Result<()> {
    let lower = what.trim_end_matches('s').replace(' ', "");
    let bad = || Error::invalid(format!("Invalid value {list} for cpuset {}", lower.to_lowercase()));
    for range in list.split(',').filter(|range| !range.is_empty()) {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let number = |text: &str| text.trim().parse::<u32>().map_err(|_| bad());
        if number(first)? > number(last)? {
            return Err(bad());
        }
        if number(last)? >= count {
            let all = if count == 1 { "0".to_owned() } else { format!("0-{}", count - 1) };
            return Err(Error::invalid(format!(
                "Requested {what} are not available - requested {list}, available: {all}"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(change: impl FnOnce(&mut Resources)) -> String {
        let mut resources = Resources::default();
        change(&mut resources);
        check(&resources, 2, 1 << 30).unwrap_err().message
    }

    #[test]
    fn what_the_machine_does_not_have_is_refused_in_dockers_words() {
        let words = "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available";
        assert_eq!(refusal(|r| r.nano_cpus = 2_500_000_000), words);
        let words = "Requested CPUs are not available - requested 0-2, available: 0-1";
        assert_eq!(refusal(|r| r.cpuset_cpus = "0-2".into()), words);
        let words = "Requested memory nodes are not available - requested 1, available: 0";
        assert_eq!(refusal(|r| r.cpuset_mems = "1".into()), words);
        for bad in ["x", "1-0", "-1"] {
            assert!(refusal(|r| r.cpuset_cpus = bad.into()).starts_with("Invalid value"), "{bad}");
        }
    }

    #[test]
    fn what_holds_otherwise_is_a_warning() {
        let resources =
            Resources { memory: 2 << 30, oom_kill_disable: Some(true), nano_cpus: 2_000_000_000, ..Default::default() };
        assert_eq!(check(&resources, 2, 1 << 30).unwrap().len(), 2);
        assert!(check(&Resources { cpuset_cpus: "0,1".into(), ..Default::default() }, 2, 1 << 30).unwrap().is_empty());
    }
}
