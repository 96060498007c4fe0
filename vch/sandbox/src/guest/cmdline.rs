//! The kernel's command line.

use vch_hypervisor::Accel;

/// What every guest's kernel is told.
const ALWAYS: &[&str] = &[
    "console=ttyS0",
    "quiet",
    // A panic resets the machine, and that ends it.
    "panic=-1",
];

/// The command line for a guest that `accel` runs.
pub fn command_line(accel: Accel) -> String {
    let _ = accel;
    ALWAYS.join(" ")
}
