//! The agent in a real machine: booted under emulation, spoken to over its port, running busybox containers.
//!
//! Needs root, qemu-system-x86, kmod, erofs-utils, e2fsprogs, fdisk, busybox-static and a Debian whose kernel package can
//! be downloaded. Each test boots a machine of its own, which takes a few seconds.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails by panicking and tells why")]

mod guest;
mod host;
mod machine;
mod wanted;

use host::{Ended, identity};
use machine::Machine;
use vch_agent_proto::{Container, ExitStatus, FailureClass, Reply, Request, VERSION};
use wanted::{container, shell};

/// Runs a container to its end in a machine that is ready.
fn run(machine: &mut Machine, change: impl FnOnce(&mut Container), script: &str) -> Ended {
    let disks = machine.disks();
    let mut wanted = container(&disks, shell(script));
    change(&mut wanted);
    let id = wanted.id.clone();
    let running = machine.host.run(wanted).unwrap_or_else(|failure| panic!("{failure}"));
    let ended = machine.host.wait(running);
    machine.host.released(&id);
    machine.detach(disks.image);
    machine.detach(disks.scratch);
    ended
}

#[test]
fn nothing_runs_before_the_machine_has_an_identity() {
    let mut machine = Machine::boot();
    let hello = machine.host.hello();
    assert_eq!((hello.version, hello.personalized), (VERSION, false));
    assert!(hello.kernel.starts_with("6."), "{}", hello.kernel);
    let disks = machine.disks();
    let refused = machine.host.run(container(&disks, shell("true"))).unwrap_err();
    assert_eq!(refused.class, FailureClass::Sequence);

    // A part that cannot be applied leaves the machine without an identity.
    let mut poor = identity(1);
    poor.entropy.truncate(16);
    assert!(machine.host.request(&Request::Personalize(poor)).is_err());
    assert!(!machine.host.hello().personalized);
    assert_eq!(machine.host.run(container(&disks, shell("true"))).unwrap_err().class, FailureClass::Sequence);

    machine.host.personalize(7);
    let ended = run(&mut machine, |_| {}, "cat /etc/below; hostname; cat /proc/sys/kernel/random/boot_id; date +%s");
    let text = ended.ok();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[..3], ["seen", "box", "07070707-0707-0707-0707-070707070707"]);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!(lines[3].parse::<u64>().unwrap().abs_diff(now) <= 2, "{text}");

    assert_eq!(machine.host.request(&Request::Anonymize), Ok(Reply::Done));
    assert_eq!(machine.host.run(container(&disks, shell("true"))).unwrap_err().class, FailureClass::Sequence);

    // A template is saved without its host: what it was given before is not taken along.
    machine.host.personalize(8);
    machine.reconnect();
    assert!(!machine.host.hello().personalized);
    let other = machine.host.request(&Request::Hello { version: VERSION + 1 }).unwrap_err();
    assert_eq!(other.class, FailureClass::Sequence);
}

#[test]
fn exit_codes_and_output_arrive_whole() {
    let mut machine = Machine::ready();
    let ended = run(&mut machine, |_| {}, "echo out; echo err >&2; exit 7");
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("out\n", "err\n"));
    assert_eq!((ended.status, ended.oom_killed), (ExitStatus::Code(7), false));
    let ended = run(&mut machine, |_| {}, "kill -9 $$; sleep 5");
    assert_eq!(ended.status, ExitStatus::Code(0), "its own namespace's init cannot kill itself: {ended:?}");
}
