//! The kernel's command line, and why each word is on it.

use vch_hypervisor::Accel;

/// What every guest's kernel is told.
const ALWAYS: &[&str] = &[
    // The console is for diagnostics; a chatty boot over an emulated serial port takes seconds longer.
    "console=ttyS0",
    "quiet",
    // A panic resets the machine, and that ends it.
    "panic=-1",
    // To a watchdog, a machine that was paused, or saved and cloned, has hung.
    "nowatchdog",
    // A huge page is zeroed whole at its first touch: 2 MiB of a clone's own memory where a few KiB were wanted. The
    // host maps the memory file in small pages, so they would not be faster to walk either.
    "transparent_hugepage=madvise",
    // Of Debian's list only what an unprivileged process can use. AppArmor and TOMOYO have no policy to load in a guest,
    // and their hooks took a sixth of the time of small system calls.
    "lsm=landlock",
    // Controllers belong to the unified hierarchy that the agent limits containers with; a privileged container that
    // mounted an old one would take them away.
    "cgroup_no_v1=all",
];

/// What else a kernel under software emulation is told.
const EMULATED: &[&str] = &[
    // The emulated processor does not speculate, and page-table isolation empties the emulator's translation cache at
    // every system call: without it 200,000 system calls take 0.28 s, not 2.7 s, and fork and exec half the time.
    "mitigations=off",
    // The check that the timer works panics when the host is so busy that ticks come late. A KVM guest skips it by itself.
    "no_timer_check",
    // On a busy host ticks come late at boot too, one boot in three then distrusts the counter for good, and every clone
    // of that template reads its clock through an emulated port. The emulator's counter is the host's: the kernel's own
    // second measurement is right to 10 ppm.
    "tsc=reliable",
];

/// The command line for a guest that `accel` runs. Under KVM the kernel decides on mitigations: what a guest's processes
/// could learn of each other is their own business, but theirs to decide.
pub fn command_line(accel: Accel) -> String {
    let more: &[&str] = match accel {
        Accel::Kvm => &[],
        Accel::Tcg => EMULATED,
    };
    [ALWAYS, more].concat().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mitigations_are_off_only_where_nothing_speculates() {
        assert!(command_line(Accel::Tcg).contains("mitigations=off"));
        assert!(!command_line(Accel::Kvm).contains("mitigations"));
        for accel in [Accel::Kvm, Accel::Tcg] {
            assert!(command_line(accel).starts_with("console=ttyS0 quiet panic=-1 "));
        }
    }
}
