//! A machine specification turned into a running machine.
//!
//! The sandbox room calls this one. It sees two small traits, [`Hypervisor`] and [`Machine`], and plain structs; what
//! stands behind them is QEMU ([`qemu`]) or a fake ([`fake`]), and both pass the same suite.
//!
//! ```text
//!              launch                 resume / pause
//!  MachineSpec ───────► machine ◄──────────────────────► runs / stands
//!   Boot::Kernel        runs          attach / detach      disks come and go
//!   Boot::Restore       waits for `restore`, then stands
//!                       save          device state to a file, memory stays in its own file
//!                       quit          process reaped, sockets removed; `exited` tells
//! ```
//! A machine is one process with a folder of its own, and outlives the daemon: dropping a [`Machine`] leaves it running,
//! and [`Hypervisor::adopt`] finds it again.
//!
//! Invariant: this room knows no container, no image and no agent protocol. The agent's port is a byte stream to it.

mod error;
pub mod fake;
mod machine;
mod memory;
pub mod qemu;
mod spec;
#[cfg(any(test, feature = "suite"))]
pub mod suite;
mod sys;

pub use error::HypervisorError;
pub use machine::{Cause, Exit, ExitStatus, Hypervisor, Machine};
pub use spec::{Accel, Boot, DiskFormat, DiskSpec, MAX_LUN, MachineSpec, Memory, Nic, Sharing};

/// What most functions here return.
pub type Result<T> = std::result::Result<T, HypervisorError>;
