//! PID 1 of the guest: boots the machine, then serves the host on the agent port until the machine ends.
//!
//! ```text
//! boot ── mounts, modules, port            identity ── Personalize: entropy, clock, names, MAC
//!   └─ agent ── the event loop: one thread, one epoll, no timers but a health check's
//!        ├─ connection ── frames, byte streams with credit
//!        ├─ container ─── cgroup, fork, root file system, mounts, devices, program (the child's side)
//!        ├─ health ────── when a container's next probe is due, what becomes of one
//!        ├─ files ─────── work on a container's files, in a child of its own
//!        └─ disks ─────── LUNs found before a container, given back after it
//! ```
//! The same program is a container's `docker-init` where `--init` asks for one (see [`init`]).
//!
//! Invariant: requests from the host are trusted, every byte from a container is hostile. A panic ends the machine.

mod agent;
mod boot;
mod connection;
mod container;
mod disks;
mod failure;
mod files;
mod health;
mod identity;
mod init;
mod sys;

fn main() {
    if init::is_wanted() {
        init::run();
    }
    if rustix::process::getpid() != rustix::process::Pid::INIT {
        failure::report("this program is the init of vch's guests; it is of no use elsewhere");
        return;
    }
    let end = match boot::boot() {
        Ok(machine) => agent::Agent::new(machine).and_then(agent::Agent::serve),
        Err(error) => Err(error),
    };
    if let Err(failure) = end {
        failure::report(&format!("the agent cannot go on: {failure}"));
    }
    // PID 1 must not return; without an agent the machine is of no use, so it goes.
    boot::power_off();
}
