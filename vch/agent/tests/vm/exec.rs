//! Exec into a running container.

use crate::field;
use crate::machine::Machine;
use crate::wanted::{container, process, shell, with_stdin};
use vch_agent_proto::{ExitStatus, FailureClass, Reply, Request, Stdio};

#[test]
fn exec_enters_every_namespace_as_any_user() {
    let mut machine = Machine::ready();
    let disks = machine.disks();
    let wanted = container(&disks, process(&["sleep", "1000"]));
    let id = wanted.id.clone();
    let first = machine.host.run(wanted).unwrap();

    let mut inside = shell(
        "cat /proc/1/comm; hostname; pwd; echo $HOME $X; id -u; cat /proc/self/cgroup; cat /etc/below; cat /proc/self/status; for n in /proc/self/ns/*; do readlink $n; done",
    );
    inside.user = "app".into();
    inside.cwd = "/home/app".into();
    inside.env.push("X=y".into());
    let running = machine.host.exec(&id, inside).unwrap();
    let text = machine.host.wait(running).ok();
    assert!(text.starts_with("sleep\nbox\n/home/app\n/home/app y\n1000\n0::/\nseen\n"), "{text}");
    assert_eq!(field(&text, "CapEff"), "0000000000000000");
    let running = machine
        .host
        .exec(&id, shell("for n in /proc/1/ns/*; do readlink $n; done; grep CapEff /proc/self/status"))
        .unwrap();
    let root = machine.host.wait(running).ok();
    assert_eq!(field(&root, "CapEff"), "00000000a80425fb");
    for line in text.lines().filter(|line| line.contains(":[")) {
        assert!(root.contains(line), "{line} is the container's: {root}");
    }

    for (program, class, words) in [
        ("nosuch", FailureClass::ExecutableNotFound, r#"exec: "nosuch": executable file not found in $PATH"#),
        ("/etc/passwd", FailureClass::ExecutableRefused, r#"exec: "/etc/passwd": permission denied"#),
    ] {
        let failed = machine.host.exec(&id, process(&[program])).unwrap_err();
        assert_eq!((failed.class, failed.message.as_str()), (class, words));
    }
    let mut lost = shell("true");
    lost.cwd = "/nosuch".into();
    let failed = machine.host.exec(&id, lost).unwrap_err();
    assert_eq!(failed.class, FailureClass::WorkingDirectory);
    assert_eq!(failed.message, r#"chdir to cwd ("/nosuch") set in config.json failed: no such file or directory"#);
    assert_eq!(machine.host.exec("nosuch", shell("true")).unwrap_err().class, FailureClass::NotFound);

    let cat = with_stdin(process(&["cat"]));
    let stdin = cat.number * 10 + 1;
    let running = machine.host.exec(&id, cat).unwrap();
    machine.host.write(stdin, b"through");
    machine.host.end_input(stdin);
    assert_eq!(machine.host.wait(running).ok(), "through");

    let mut terminal = shell("tty; exit 5");
    let output = terminal.number * 10 + 2;
    terminal.stdio = Stdio::Terminal { input: None, output, size: None };
    let running = machine.host.exec(&id, terminal).unwrap();
    assert_eq!(machine.host.exited(running).0, ExitStatus::Code(5));
    machine.host.until("the terminal's end", |host| host.streams[&output].ended.then_some(()));
    assert_eq!(machine.host.streams[&output].bytes, b"/dev/pts/0\r\n");

    // Many at once, without waiting for each other's answers.
    let many: Vec<_> = (0..5).map(|n| shell(&format!("echo {n}; exit {n}"))).collect();
    for process in &many {
        machine.host.open_streams(process);
        machine.host.begin(&Request::Exec { container: id.clone(), process: Box::new(process.clone()) });
    }
    for (code, process) in (0u8..).zip(&many) {
        let ended = machine.host.wait(crate::host::Running { number: process.number });
        assert_eq!((ended.status, ended.stdout), (ExitStatus::Code(code), format!("{code}\n")));
    }

    // With the first process everything ends.
    let lasting = machine.host.exec(&id, shell("trap '' TERM; sleep 1000")).unwrap();
    assert_eq!(machine.host.request(&Request::Signal { process: first.number, signal: 15 }), Ok(Reply::Done));
    assert_eq!(machine.host.request(&Request::Signal { process: first.number, signal: 9 }), Ok(Reply::Done));
    assert_eq!(machine.host.exited(first).0, ExitStatus::Signal(9), "SIGTERM does not reach an init without a handler");
    assert_eq!(machine.host.exited(lasting).0, ExitStatus::Signal(9));
    machine.host.released(&id);
    assert_eq!(machine.host.exec(&id, shell("true")).unwrap_err().class, FailureClass::NotFound);
}

#[test]
fn exec_finds_a_place_where_the_container_has_nested_its_cgroup() {
    let mut machine = Machine::ready();
    let disks = machine.disks();
    let script = "cd /sys/fs/cgroup && mkdir inner && echo 1 > inner/cgroup.procs && echo +pids > cgroup.subtree_control && echo nested; \
                  exec sleep 1000";
    let mut wanted = container(&disks, shell(script));
    wanted.privileged = true;
    wanted.masked_paths.clear();
    wanted.readonly_paths.clear();
    wanted.process.capabilities = (0..=40).collect();
    let (id, output) = (wanted.id.clone(), wanted.process.number * 10 + 2);
    let first = machine.host.run(wanted).unwrap();
    machine.host.until("nested", |host| (!host.streams[&output].bytes.is_empty()).then_some(()));
    let running = machine.host.exec(&id, shell("cat /proc/self/cgroup")).unwrap();
    assert_eq!(machine.host.wait(running).ok(), "0::/inner\n");
    assert_eq!(machine.host.request(&Request::Signal { process: first.number, signal: 9 }), Ok(Reply::Done));
    machine.host.released(&id);
}
