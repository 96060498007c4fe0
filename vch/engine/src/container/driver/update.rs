//! The owner's verb `update`: limits and restart policy, of a running container at once, of any for its next starts.
//!
//! After moby's `container/container_unix.go` `UpdateContainer` and `daemon/update.go`.

use super::Driver;
use crate::container::run_message;
use crate::container::spec::{HostSpec, Resources};
use crate::container::state::Status;
use crate::error::{Error, Result};
use crate::requests::Update;
use std::sync::Arc;

impl Driver {
    pub(super) async fn on_update(&mut self, update: Update) -> Result<()> {
        let before = self.record();
        let id = before.id.clone();
        let cannot =
            |error: Error| Error { message: format!("Cannot update container {id}: {}", error.message), ..error };
        if matches!(before.state.status, Status::Removing | Status::Dead) {
            let words = "container is marked for removal and cannot be \"update\"";
            return Err(cannot(Error::system(words)));
        }
        let mut spec = (*before.spec).clone();
        merge(&mut spec.host, &update).map_err(cannot)?;
        let (limits, spec) = (run_message::limits(&spec.host.resources), Arc::new(spec));
        self.change(|record| record.spec = Arc::clone(&spec)).await.map_err(cannot)?;
        let limited = spec.host.resources != before.spec.host.resources;
        if let (true, Some(live)) = (limited, self.live()) {
            let container = id.clone();
            let set = live.awake(move |sandbox| async move { sandbox.limit(&container, limits).await });
            if let Err(error) = set.await {
                self.change(|record| record.spec = Arc::clone(&before.spec)).await?;
                return Err(cannot(Error::chain("set the limits", &error)));
            }
        }
        self.tell("update", []);
        Ok(())
    }
}

/// Takes over what the update sets.
///
/// # Errors
/// What does not go with what is set already, in dockerd's words.
fn merge(host: &mut HostSpec, update: &Update) -> Result<()> {
    let (new, old) = (&update.resources, &mut host.resources);
    for (new, old, words) in [
        (new.nano_cpus, old.cpu_period, "Nano CPUs cannot be updated as CPU Period has already been set"),
        (new.nano_cpus, old.cpu_quota, "Nano CPUs cannot be updated as CPU Quota has already been set"),
        (new.cpu_period, old.nano_cpus, "CPU Period cannot be updated as NanoCPUs has already been set"),
        (new.cpu_quota, old.nano_cpus, "CPU Quota cannot be updated as NanoCPUs has already been set"),
    ] {
        if new > 0 && old > 0 {
            return Err(Error::conflict(format!("Conflicting options: {words}")));
        }
    }
    if new.memory != 0 && new.memory > old.memory_swap && new.memory_swap == 0 {
        return Err(Error::conflict(
            "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
        ));
    }
    let set = |old: &mut i64, new: i64| {
        if new != 0 {
            *old = new;
        }
    };
    set(&mut old.memory, new.memory);
    set(&mut old.memory_swap, new.memory_swap);
    set(&mut old.memory_reservation, new.memory_reservation);
    set(&mut old.nano_cpus, new.nano_cpus);
    set(&mut old.cpu_shares, new.cpu_shares);
    set(&mut old.cpu_period, new.cpu_period);
    set(&mut old.cpu_quota, new.cpu_quota);
    for (old, new) in [(&mut old.cpuset_cpus, &new.cpuset_cpus), (&mut old.cpuset_mems, &new.cpuset_mems)] {
        if !new.is_empty() {
            old.clone_from(new);
        }
    }
    if new.pids_limit.is_some() {
        old.pids_limit = new.pids_limit;
    }
    whole(old)?;
    let Some(policy) = &update.restart else { return Ok(()) };
    if host.auto_remove && policy.name != "no" {
        let words = "Restart policy cannot be updated because AutoRemove is enabled for the container";
        return Err(Error::conflict(words));
    }
    host.restart = policy.clone();
    Ok(())
}

/// What runc refuses of limits that were set one after another (its `ConvertMemorySwapToCgroupV2Value`).
fn whole(resources: &Resources) -> Result<()> {
    match (resources.memory, resources.memory_swap) {
        (0, 1..) => Err(Error::system("unable to set swap limit without memory limit")),
        (memory, swap) if swap > 0 && swap < memory => {
            Err(Error::system("memory+swap limit should be >= memory limit"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::spec::RestartPolicy;
    use crate::error::Kind;

    fn merged(old: Resources, new: Resources) -> Result<Resources> {
        let mut host = HostSpec { resources: old, ..Default::default() };
        merge(&mut host, &Update { resources: new, restart: None }).map(|()| host.resources)
    }

    #[test]
    fn what_is_not_given_stays() {
        let old = Resources { memory: 64 << 20, memory_swap: 128 << 20, pids_limit: Some(7), ..Default::default() };
        let new = merged(old.clone(), Resources { cpu_shares: 512, memory: 32 << 20, ..Default::default() }).unwrap();
        assert_eq!(new, Resources { memory: 32 << 20, cpu_shares: 512, ..old.clone() });
        assert_eq!(merged(old, Resources { pids_limit: Some(0), ..Default::default() }).unwrap().pids_limit, Some(0));
    }

    #[test]
    fn what_does_not_go_together_is_refused_in_dockerds_words() {
        let cpus = Resources { nano_cpus: 500_000_000, ..Default::default() };
        let quota = Resources { cpu_quota: 50_000, ..Default::default() };
        let words = "Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set";
        let error = merged(cpus.clone(), quota.clone()).unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (Kind::Conflict, words));
        assert!(merged(quota, cpus).is_err());
        let memory = |memory, memory_swap| Resources { memory, memory_swap, ..Default::default() };
        let error = merged(memory(0, 0), memory(64 << 20, 0)).unwrap_err();
        assert!(error.message.starts_with("Memory limit should be smaller than already set memoryswap"));
        assert!(merged(memory(64 << 20, 128 << 20), memory(0, 32 << 20)).is_err());
        assert!(merged(memory(64 << 20, 64 << 20), memory(128 << 20, -1)).is_ok());
    }

    #[test]
    fn a_container_that_removes_itself_gets_no_restart_policy() {
        let mut host = HostSpec { auto_remove: true, ..Default::default() };
        let policy = |name: &str| Update {
            restart: Some(RestartPolicy { name: name.into(), maximum_retry_count: 0 }),
            ..Default::default()
        };
        assert_eq!(merge(&mut host, &policy("always")).unwrap_err().kind, Kind::Conflict);
        merge(&mut host, &policy("no")).unwrap();
    }
}
