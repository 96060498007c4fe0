//! Programs that cannot be run, in runc's words, and starts that fail without leaving anything.

use crate::machine::Machine;
use crate::run;
use crate::wanted::{container, process, shell};
use vch_agent_proto::{Device, Disk, ExitStatus, FailureClass, Mount, MountKind, Reply, Request, Rlimit};

#[test]
fn what_cannot_run_is_refused_in_runcs_words() {
    let mut machine = Machine::ready();
    let disks = machine.disks();
    for (program, class, words) in [
        ("nosuch", FailureClass::ExecutableNotFound, r#"exec: "nosuch": executable file not found in $PATH"#),
        ("/nosuch", FailureClass::ExecutableNotFound, r#"exec: "/nosuch": stat /nosuch: no such file or directory"#),
        ("/etc", FailureClass::ExecutableRefused, r#"exec: "/etc": is a directory"#),
        ("/etc/passwd", FailureClass::ExecutableRefused, r#"exec: "/etc/passwd": permission denied"#),
        (
            "/etc/passwd/x",
            FailureClass::ExecutableRefused,
            r#"exec: "/etc/passwd/x": stat /etc/passwd/x: not a directory"#,
        ),
    ] {
        // The answer comes once everything is undone, so the same disks serve again; scratch and image are found anew.
        let failed = machine.host.run(container(&disks, process(&[program]))).unwrap_err();
        assert_eq!((failed.class, failed.message.as_str()), (class, words));
    }
    let mut wanted = container(&disks, shell("true"));
    wanted.process.cwd = "/etc/passwd".into();
    let failed = machine.host.run(wanted).unwrap_err();
    assert_eq!(failed.class, FailureClass::WorkingDirectory);
    assert_eq!(failed.message, "Cannot mkdir: /etc/passwd is not a directory");

    type Change = fn(&mut vch_agent_proto::Container);
    let settings: [(Change, FailureClass, &str); 5] = [
        (|c| c.sysctls.push(("net.no.such".into(), "1".into())), FailureClass::Setting, "open /proc/sys/net/no/such: "),
        (|c| c.limits.cpuset_cpus = Some("77".into()), FailureClass::Setting, "error setting cgroup config: "),
        (
            |c| c.process.rlimits.push(Rlimit { resource: 7, soft: 10, hard: 5 }),
            FailureClass::Setting,
            "error setting rlimit type 7: invalid argument",
        ),
        (
            |c| c.devices.push(Device { source: "/dev/nosuch".into(), target: "/dev/x".into(), access: "r".into() }),
            FailureClass::Setting,
            r#"error gathering device information while adding custom device "/dev/nosuch": no such file or directory"#,
        ),
        (
            |c| {
                let kind = MountKind::Tmpfs { options: vec!["nonsense=1".into()] };
                c.mounts.push(Mount { target: "/t".into(), kind, read_only: false });
            },
            FailureClass::Mount,
            r#"error mounting "tmpfs" to rootfs at "/t": invalid argument"#,
        ),
    ];
    for (change, class, words) in settings {
        let mut wanted = container(&disks, shell("true"));
        change(&mut wanted);
        let failed = machine.host.run(wanted).unwrap_err();
        assert_eq!(failed.class, class, "{failed}");
        assert!(failed.message.starts_with(words), "{failed}");
    }
    let mut wanted = container(&disks, shell("true"));
    wanted.rootfs.scratch = Disk::ScsiLun(999);
    let failed = machine.host.run(wanted).unwrap_err();
    assert_eq!(failed.class, FailureClass::Mount, "{failed}");

    let unknown = machine.host.request(&Request::Signal { process: 4711, signal: 9 }).unwrap_err();
    assert_eq!(unknown.class, FailureClass::NotFound);

    // What only execve finds out goes where runc's own init writes it.
    for (program, words) in [("/garbage", "exec format error"), ("/lost", "no such file or directory")] {
        let wanted = container(&disks, process(&[program]));
        let id = wanted.id.clone();
        let running = machine.host.run(wanted).unwrap();
        let ended = machine.host.wait(running);
        // The next one mounts the same disks.
        machine.host.released(&id);
        assert_eq!((ended.status, ended.stderr), (ExitStatus::Code(255), format!("exec {program}: {words}\n")));
    }
    assert_eq!(run(&mut machine, |_| {}, "echo still well").ok(), "still well\n");
    assert_eq!(machine.host.request(&Request::Shutdown), Ok(Reply::Done));
}
