//! Containers that join the namespaces of another in the same machine.

use crate::host::Running;
use crate::machine::Machine;
use crate::wanted::{container, shell};
use vch_agent_proto::{Container, ExitStatus, FailureClass, Namespaces, Request, Scope};

const NAMES: &str = "for n in pid ipc net uts mnt; do readlink /proc/self/ns/$n; done";

/// A container that writes its namespaces down in shared memory and stays.
fn donor(machine: &mut Machine) -> (String, Running) {
    let disks = machine.disks();
    let script = format!("({NAMES}) > /dev/shm/names; echo ready; exec sleep 1000");
    let wanted = container(&disks, shell(&script));
    let (id, output) = (wanted.id.clone(), wanted.process.number * 10 + 2);
    let running = machine.host.run(wanted).unwrap();
    machine.host.until("ready", |host| (!host.streams[&output].bytes.is_empty()).then_some(()));
    (id, running)
}

fn guest(machine: &mut Machine, script: &str, change: impl FnOnce(&mut Namespaces)) -> Container {
    let disks = machine.disks();
    let mut wanted = container(&disks, shell(script));
    change(&mut wanted.namespaces);
    wanted
}

#[test]
fn what_is_joined_is_the_others_and_the_rest_its_own() {
    let mut machine = Machine::ready();
    let (id, first) = donor(&mut machine);
    let other = || Scope::Container(id.clone());
    let all = |of: &mut Namespaces| (of.pid, of.ipc, of.network) = (other(), other(), other());
    let script = format!(
        "({NAMES}) > /mine; cmp -s /mine /dev/shm/names && echo same; n=0; while read line; do n=$((n+1)); \
         test \"$line\" = \"$(sed -n ${{n}}p /dev/shm/names)\" && echo joined $n; done < /mine; \
         tr '\\0' ' ' < /proc/1/cmdline; echo; ls /proc/1/root/mine 2>&1; cat /proc/mounts | grep -c /dev/shm"
    );
    let wanted = guest(&mut machine, &script, all);
    let own = wanted.id.clone();
    let running = machine.host.run(wanted).unwrap();
    let ended = machine.host.wait(running);
    assert_eq!(ended.status, ExitStatus::Code(0), "{}", ended.stderr);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines[..4], ["joined 1", "joined 2", "joined 3", "sleep 1000 "], "{}", ended.stdout);
    assert_eq!(lines.last(), Some(&"1"));
    machine.host.released(&own);

    // Nothing is joined by one that did not ask.
    let wanted = guest(&mut machine, "ls /dev/shm | wc -l; ps | grep -c '[s]leep 1000'", |_| ());
    let running = machine.host.run(wanted).unwrap();
    assert_eq!(machine.host.wait(running).stdout, "0\n0\n");

    // The end of a process namespace's first process is the end of all in it; a joined network lives on.
    let pid = guest(&mut machine, "exec sleep 2000", |of| of.pid = other());
    let network = guest(&mut machine, "exec sleep 3000", |of| of.network = other());
    let lives = network.id.clone();
    let (pid, _network) = (machine.host.run(pid).unwrap(), machine.host.run(network).unwrap());
    assert_eq!(
        machine.host.request(&Request::Signal { process: first.number, signal: 9 }),
        Ok(vch_agent_proto::Reply::Done)
    );
    assert_eq!(machine.host.exited(first).0, ExitStatus::Signal(9));
    assert_eq!(machine.host.exited(pid).0, ExitStatus::Signal(9));
    machine.host.released(&id);
    let exec = machine.host.exec(&lives, shell("echo alive")).unwrap();
    assert_eq!(machine.host.wait(exec).ok(), "alive\n");

    // And one that has gone is joined by nobody.
    let late = guest(&mut machine, "true", |of| of.ipc = other());
    let refused = machine.host.run(late).unwrap_err();
    assert_eq!(refused.class, FailureClass::NotFound, "{}", refused.message);
}
