//! A machine's life: identity, containers side by side, restarts, a host that goes and comes, the end.

use crate::host::identity;
use crate::machine::Machine;
use crate::run;
use crate::wanted::{container, process, shell};
use vch_agent_proto::{Event, ExitStatus, FailureClass, Reply, Request, VERSION};

#[test]
fn nothing_runs_before_the_machine_has_an_identity() {
    let mut machine = Machine::boot();
    let hello = machine.host.hello();
    assert_eq!((hello.version, hello.personalized), (VERSION, false));
    assert!(hello.kernel.starts_with("6."), "{}", hello.kernel);
    let disks = machine.disks();
    let refused = machine.host.run(container(&disks, shell("true"))).unwrap_err();
    assert_eq!(refused.class, FailureClass::Sequence);

    // A part that cannot be applied leaves the machine without an identity, even one that it had.
    machine.host.personalize(2);
    let mut poor = identity(1);
    poor.entropy.truncate(16);
    assert!(machine.host.request(&Request::Personalize(poor)).is_err());
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
    assert_eq!(machine.host.run(container(&disks, shell("true"))).unwrap_err().class, FailureClass::Sequence);
    let other = machine.host.request(&Request::Hello { version: VERSION + 1 }).unwrap_err();
    assert_eq!(other.class, FailureClass::Sequence);
}

#[test]
fn containers_side_by_side_restarts_and_the_end() {
    let mut machine = Machine::ready();
    let ended = run(&mut machine, |_| {}, "echo out; echo err >&2; exit 7");
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("out\n", "err\n"));
    assert_eq!((ended.status, ended.oom_killed), (ExitStatus::Code(7), false));

    let (one, two) = (machine.disks(), machine.disks());
    let first = container(&one, shell("echo one > /mine; while [ ! -e /go ]; do sleep 0.1; done; ls /"));
    let second = container(&two, process(&["sleep", "1000"]));
    let (first_id, second_id) = (first.id.clone(), second.id.clone());
    let again = container(&one, shell("cat /mine /go; ls -a / | grep -c dockerenv"));
    let first = machine.host.run(first).unwrap();
    let second = machine.host.run(second).unwrap();
    let other = machine.host.exec(&second_id, shell("ls /mine; touch /go; echo $?")).unwrap();
    assert_eq!(machine.host.wait(other).stdout, "0\n");
    assert!(
        !machine
            .host
            .events
            .iter()
            .any(|event| matches!(event, Event::Exited { process, .. } if *process == first.number))
    );
    let other = machine.host.exec(&first_id, shell("echo went > /go; rm /.dockerenv")).unwrap();
    machine.host.wait(other).ok();
    let listing = machine.host.wait(first).ok();
    assert!(listing.contains("mine\n") && listing.contains("go\n"), "{listing}");
    machine.host.released(&first_id);
    assert_eq!(machine.host.request(&Request::Anonymize).unwrap_err().class, FailureClass::Sequence);

    // A restart finds what was written, and what was removed stays so.
    let id = again.id.clone();
    let running = machine.host.run(again).unwrap();
    assert_eq!(machine.host.wait(running).stdout, "one\nwent\n0\n");
    machine.host.released(&id);

    // The host goes and comes; the container that runs is still there and can be spoken to.
    machine.reconnect();
    assert!(machine.host.hello().personalized);
    let running = machine.host.exec(&second_id, shell("echo still here")).unwrap();
    assert_eq!(machine.host.wait(running).ok(), "still here\n");

    assert_eq!(machine.host.request(&Request::Shutdown), Ok(Reply::Done));
    assert_eq!(machine.host.exited(second).0, ExitStatus::Signal(9));
    machine.host.released(&second_id);
}
