//! User, groups, capabilities and limits of a starting process, in runc's order (init_linux.go, finalizeNamespace).

use super::user::User;
use crate::failure::{Explain, Failure, FailureClass, failure};
use crate::sys::limits;
use rustix::fs::{Gid, Uid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, remove_capability_from_bounding_set, set_capabilities, set_keep_capabilities,
    set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};
use vch_agent_proto::Process;

/// Resource limits.
///
/// # Errors
/// The kernel refuses one.
pub(crate) fn limit(process: &Process) -> Result<(), Failure> {
    for limit in &process.rlimits {
        limits::set(limit.resource, limit.soft, limit.hard)
            .explain(FailureClass::Setting, |why| format!("error setting rlimit type {}: {why}", limit.resource))?;
    }
    Ok(())
}

/// The first half: everything that needs what the second takes away. Drops the bounding set, keeping the rest.
///
/// # Errors
/// The kernel refuses.
pub(crate) fn bound(process: &Process) -> Result<CapabilitySet, Failure> {
    if process.no_new_privileges {
        set_no_new_privs(true).explain(FailureClass::Setting, |why| format!("prctl(SET_NO_NEW_PRIVS): {why}"))?;
    }
    let kept = set(&process.capabilities)?;
    let last = last_capability();
    for number in 0..=last {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        if !kept.contains(capability) {
            remove_capability_from_bounding_set(capability)
                .explain(FailureClass::Setting, |why| format!("unable to apply bounding set: {why}"))?;
        }
    }
    // What the kernel does not have cannot be granted; runc leaves it out as well.
    Ok(kept & CapabilitySet::from_bits_retain(u64::MAX >> (63 - last)))
}

/// The second half: becomes the user, who has the capabilities if it is root, and none else.
///
/// # Errors
/// The kernel refuses.
pub(crate) fn become_user(user: &User, kept: CapabilitySet) -> Result<(), Failure> {
    let explain = |what: &'static str| move |why: &str| format!("{what}: {why}");
    let groups: Vec<Gid> = user.groups.iter().map(|&group| Gid::from_raw(group)).collect();
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    set_keep_capabilities(true).explain(FailureClass::Setting, explain("unable to set keep caps"))?;
    set_thread_groups(&groups).explain(FailureClass::Setting, explain("setgroups"))?;
    set_thread_res_gid(gid, gid, gid).explain(FailureClass::Setting, explain("setgid"))?;
    set_thread_res_uid(uid, uid, uid).explain(FailureClass::Setting, explain("setuid"))?;
    set_keep_capabilities(false).explain(FailureClass::Setting, explain("unable to clear keep caps"))?;
    let own = if user.uid == 0 { kept } else { CapabilitySet::empty() };
    set_capabilities(None, CapabilitySets { effective: own, permitted: own, inheritable: CapabilitySet::empty() })
        .explain(FailureClass::Setting, explain("unable to apply caps"))
}

fn set(numbers: &[u8]) -> Result<CapabilitySet, Failure> {
    numbers.iter().try_fold(CapabilitySet::empty(), |set, &number| match number {
        0..64 => Ok(set | CapabilitySet::from_bits_retain(1 << number)),
        _ => Err(failure(FailureClass::Setting, format!("unknown capability {number}"))),
    })
}

/// The last capability that this kernel has, found once before the machine's `/proc` goes out of sight.
fn last_capability() -> u32 {
    (0..64)
        .rev()
        .find(|&number| {
            rustix::thread::capability_is_in_bounding_set(CapabilitySet::from_bits_retain(1 << number)).is_ok()
        })
        .unwrap_or(40)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capability_numbers_become_bits_and_unknown_ones_are_refused() {
        assert_eq!(set(&[0, 7, 40]).unwrap().bits(), 1 | 1 << 7 | 1 << 40);
        assert!(set(&[64]).is_err());
    }

    #[test]
    fn the_kernel_has_capabilities_at_least_up_to_checkpoint_restore() {
        assert!((37..64).contains(&last_capability()));
    }
}
