//! Health checks: probes by the agent itself.

use crate::host::Running;
use crate::machine::Machine;
use crate::wanted::{container, process, shell};
use vch_agent_proto::{
    Event, ExitStatus, FailureClass, HealthCheck, MAX_PROBE_OUTPUT, Probe, ProbeOutcome, Process, Reply, Request,
};

const MILLISECOND: u64 = 1_000_000;

/// A check of short intervals.
fn check(process: Process) -> HealthCheck {
    HealthCheck {
        process,
        interval: 20 * MILLISECOND,
        timeout: 60_000 * MILLISECOND,
        start_period: 0,
        start_interval: MILLISECOND,
        starting: true,
    }
}

/// A machine with a container that runs on, and its process.
fn with_container() -> (Machine, String, Running) {
    let mut machine = Machine::ready();
    let disks = machine.disks();
    let wanted = container(&disks, process(&["sleep", "1000"]));
    let id = wanted.id.clone();
    let first = machine.host.run(wanted).unwrap();
    (machine, id, first)
}

fn arm(machine: &mut Machine, id: &str, check: HealthCheck) -> u32 {
    let number = check.process.number;
    let request = Request::Health { container: id.to_owned(), check: Box::new(check) };
    assert_eq!(machine.host.request(&request), Ok(Reply::Done));
    number
}

fn probes(machine: &Machine, number: u32) -> Vec<Probe> {
    let of = |event: &Event| match event {
        Event::Probe { check, probe } if *check == number => Some(probe.clone()),
        _ => None,
    };
    machine.host.events.iter().filter_map(of).collect()
}

/// The first `count` probes' ends, each after its begin.
fn ends(machine: &mut Machine, number: u32, count: usize) -> Vec<(ProbeOutcome, String, bool)> {
    machine.host.until("probes", |host| {
        let ended =
            |event: &Event| matches!(event, Event::Probe { check, probe: Probe::Ended { .. } } if *check == number);
        (host.events.iter().filter(|event| ended(event)).count() >= count).then_some(())
    });
    let all = probes(machine, number);
    let pairs = all.chunks_exact(2).take(count).map(|pair| {
        assert_eq!(pair[0], Probe::Begun);
        match pair[1].clone() {
            Probe::Ended { outcome, output, truncated } => (outcome, String::from_utf8(output).unwrap(), truncated),
            Probe::Begun => panic!("two probes at once"),
        }
    });
    pairs.collect()
}

fn exited(code: u8) -> ProbeOutcome {
    ProbeOutcome::Exited(ExitStatus::Code(code))
}

#[test]
fn probes_run_in_the_container_until_the_check_ends() {
    let (mut machine, id, first) = with_container();
    let mut probe = shell("n=$(cat /n 2>/dev/null); echo x$n > /n; echo out $n; echo err >&2; id -u; pwd; exit ${#n}");
    probe.user = "app".into();
    probe.cwd = "/tmp".into();
    let running = machine.host.exec(&id, shell("touch /n; chmod 666 /n")).unwrap();
    machine.host.wait(running).ok();
    let number = arm(&mut machine, &id, check(probe));
    let seen = ends(&mut machine, number, 3);
    assert_eq!(seen[0], (exited(0), "out\nerr\n1000\n/tmp\n".into(), false));
    assert_eq!(seen[1], (exited(1), "out x\nerr\n1000\n/tmp\n".into(), false));
    assert_eq!(seen[2].0, exited(2));

    // Another check takes its place; what the first one would tell further is not told.
    let other = arm(&mut machine, &id, check(shell("exit 7")));
    assert_eq!(ends(&mut machine, other, 2)[1].0, exited(7));
    assert_eq!(machine.host.request(&Request::EndHealth { check: number }), Ok(Reply::Done), "ended already");
    assert_eq!(machine.host.request(&Request::EndHealth { check: other }), Ok(Reply::Done));
    let told = probes(&machine, other).len();
    let running = machine.host.exec(&id, shell("sleep 1")).unwrap();
    machine.host.wait(running).ok();
    assert_eq!(probes(&machine, other).len(), told, "nothing after its end");

    let long = arm(&mut machine, &id, check(shell("sleep 1000")));
    machine.host.until("a probe under way", |host| {
        host.events.contains(&Event::Probe { check: long, probe: Probe::Begun }).then_some(())
    });
    assert_eq!(machine.host.request(&Request::Signal { process: first.number, signal: 9 }), Ok(Reply::Done));
    machine.host.exited(first);
    machine.host.released(&id);
    // The kernel ends who is in a process namespace before its first process, so this may or may not be told first.
    match &probes(&machine, long)[..] {
        [Probe::Begun] => {}
        [Probe::Begun, Probe::Ended { outcome: ProbeOutcome::Exited(ExitStatus::Signal(9)), .. }] => {}
        [Probe::Begun, Probe::Ended { outcome: ProbeOutcome::Failed(_), .. }] => {}
        told => panic!("{told:?}: it went with its container"),
    }
    let late = Request::Health { container: id, check: Box::new(check(shell("true"))) };
    assert_eq!(machine.host.request(&late).unwrap_err().class, FailureClass::NotFound);
}

#[test]
fn a_probe_that_takes_too_long_is_killed_with_its_children() {
    let (mut machine, id, _) = with_container();
    let script = "echo so far; (sleep 4321 & sleep 4321 & wait) & timeout 4000 sleep 4321";
    let wanted = HealthCheck { timeout: 1000 * MILLISECOND, ..check(shell(script)) };
    let number = arm(&mut machine, &id, wanted);
    for (outcome, output, _) in ends(&mut machine, number, 2) {
        assert_eq!(outcome, ProbeOutcome::TimedOut(ExitStatus::Signal(9)));
        assert_eq!(output, "so far\n");
    }
    assert_eq!(machine.host.request(&Request::EndHealth { check: number }), Ok(Reply::Done));
    // One that was under way just now has been killed as well.
    let count = "until [ $(ps | grep -c '[s]leep 4321') = 0 ]; do sleep 0.1; done; ps | grep -c '[s]leep 1000'";
    let running = machine.host.exec(&id, shell(count)).unwrap();
    assert_eq!(machine.host.wait(running).ok(), "1\n");
}

#[test]
fn output_and_failures_are_bounded_and_told() {
    let (mut machine, id, _) = with_container();
    let number = arm(&mut machine, &id, check(shell("head -c 3000000 /dev/zero | tr '\\0' x")));
    let (outcome, output, truncated) = ends(&mut machine, number, 1).remove(0);
    assert_eq!((outcome, output.len(), truncated), (exited(0), MAX_PROBE_OUTPUT, true));

    let number = arm(&mut machine, &id, check(process(&["nosuch"])));
    let failed = ends(&mut machine, number, 2);
    for (outcome, output, _) in failed {
        let ProbeOutcome::Failed(failure) = outcome else { panic!("{outcome:?}") };
        assert_eq!(failure.message, r#"exec: "nosuch": executable file not found in $PATH"#);
        assert_eq!(output, "");
    }
    let number = arm(&mut machine, &id, check(process(&[])));
    assert!(
        matches!(&ends(&mut machine, number, 1)[0].0, ProbeOutcome::Failed(f) if f.message.contains("No exec command"))
    );

    // Something left behind that holds the output open does not hold up the check.
    let number = arm(&mut machine, &id, check(shell("setsid sleep 1000 & echo left")));
    assert_eq!(ends(&mut machine, number, 1)[0], (exited(0), "left\n".into(), false));

    // Short intervals hold only within the start period, and until a probe has succeeded.
    let rest = HealthCheck { interval: 3_600_000 * MILLISECOND, start_period: u64::MAX, ..check(shell("exit 1")) };
    let number = arm(&mut machine, &id, rest.clone());
    assert_eq!(ends(&mut machine, number, 3)[2].0, exited(1));
    let number = arm(&mut machine, &id, HealthCheck { process: shell("true"), ..rest });
    ends(&mut machine, number, 1);
    let running = machine.host.exec(&id, shell("sleep 1")).unwrap();
    machine.host.wait(running).ok();
    assert_eq!(probes(&machine, number).len(), 2, "the next one comes after the interval");
}
