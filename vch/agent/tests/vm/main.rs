//! The agent in a real machine: booted under emulation, spoken to over its port, running busybox containers.
//!
//! Needs root, qemu-system-x86, kmod, erofs-utils, e2fsprogs, fdisk, busybox-static and a Debian whose kernel package can
//! be downloaded. Each test boots a machine of its own, which takes a few seconds, and runs its containers one after
//! another in it: what one leaves behind the next would meet.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails by panicking and tells why")]

mod defaults;
mod exec;
mod failures;
mod guest;
mod health;
mod host;
mod joined;
mod life;
mod limits;
mod machine;
mod options;
mod streams;
mod users;
mod wanted;

use host::Ended;
use machine::Machine;
use vch_agent_proto::Container;
use wanted::{container, shell};

/// Runs a container to its end in a machine that is ready.
fn run(machine: &mut Machine, change: impl FnOnce(&mut Container), script: &str) -> Ended {
    let disks = machine.disks();
    let mut wanted = container(&disks, shell(script));
    change(&mut wanted);
    let id = wanted.id.clone();
    let running = machine.host.run(wanted).unwrap_or_else(|failure| panic!("{script}: {failure}"));
    let ended = machine.host.wait(running);
    machine.host.released(&id);
    machine.detach(disks.image);
    machine.detach(disks.scratch);
    ended
}

/// The value of a `Key:\tvalue` line.
fn field<'a>(text: &'a str, key: &str) -> &'a str {
    let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_else(|| panic!("no {key} in {text}"));
    line.split_once(':').unwrap().1.trim()
}
