//! What `docker run` without options gives: capabilities, mounts, devices, names, limits.

use crate::machine::Machine;
use crate::{field, run};
use vch_agent_proto::{ExitStatus, File};

#[test]
fn a_container_has_dockers_defaults() {
    let mut machine = Machine::ready();
    let cat =
        |wanted: &mut vch_agent_proto::Container| wanted.process.args = vec!["cat".into(), "/proc/self/status".into()];
    let status = run(&mut machine, cat, "").ok();
    for (set, value) in [
        ("CapInh", "0000000000000000"),
        ("CapPrm", "00000000a80425fb"),
        ("CapEff", "00000000a80425fb"),
        ("CapBnd", "00000000a80425fb"),
        ("CapAmb", "0000000000000000"),
        ("NoNewPrivs", "0"),
        ("SigBlk", "0000000000000000"),
        ("SigIgn", "0000000000000000"),
        ("Umask", "0022"),
        ("Groups", "0"),
    ] {
        assert_eq!(field(&status, set), value, "{set}");
    }

    let mounts = run(&mut machine, |_| {}, "cat /proc/mounts").ok();
    for expected in [
        "overlay / overlay rw,",
        "proc /proc proc rw,nosuid,nodev,noexec",
        "tmpfs /dev tmpfs rw,nosuid,size=65536k,mode=755",
        "devpts /dev/pts devpts rw,nosuid,noexec,relatime,gid=5,mode=620,ptmxmode=666",
        "sysfs /sys sysfs ro,nosuid,nodev,noexec",
        "cgroup /sys/fs/cgroup cgroup2 ro,nosuid,nodev,noexec",
        "mqueue /dev/mqueue mqueue rw,nosuid,nodev,noexec",
        "shm /dev/shm tmpfs rw,nosuid,nodev,noexec,relatime,size=65536k",
        "proc /proc/sys proc ro,",
        "proc /proc/bus proc ro,",
        "proc /proc/sysrq-trigger proc ro,",
        "tmpfs /proc/keys tmpfs rw,nosuid,size=65536k,mode=755",
        "tmpfs /sys/firmware tmpfs ro,relatime",
    ] {
        assert!(mounts.lines().any(|line| line.starts_with(expected)), "{expected} in\n{mounts}");
    }
    assert!(!mounts.contains(" /c"), "the machine's mounts are out of sight:\n{mounts}");

    let script = "ls -l /dev | awk 'NR>1 {print $1, $NF, ($1 ~ /^l/ ? $(NF-2) : $5 $6)}' | sort";
    let devices = run(&mut machine, |_| {}, script).ok();
    let expected = "\
crw-rw-rw- full 1,7
crw-rw-rw- null 1,3
crw-rw-rw- random 1,8
crw-rw-rw- tty 5,0
crw-rw-rw- urandom 1,9
crw-rw-rw- zero 1,5
";
    assert!(devices.starts_with(expected), "{devices}");
    for link in ["/proc/kcore core", "/proc/self/fd fd", "pts/ptmx ptmx", "/proc/self/fd/0 stdin"] {
        assert!(devices.contains(link), "{link} in {devices}");
    }

    let script = "ulimit -n; ulimit -Hn; cat /proc/sys/kernel/hostname; pwd; echo $HOME; cat /proc/1/comm; ls -d /.dockerenv; \
                  readlink /etc/mtab; cat /proc/self/cgroup; ls /proc/kcore -l | cut -c1; cat /proc/kcore | wc -c; \
                  ls /sys/firmware | wc -l; stat -c %a /; cat /proc/self/oom_score_adj; ls /proc/self/fd | wc -l; \
                  ip link show lo | grep -c LOOPBACK,UP; ls /sys/class/net";
    let ended = run(&mut machine, |_| {}, script);
    let expected = "1048576\n1048576\nbox\n/\n/root\nsh\n/.dockerenv\n/proc/mounts\n0::/\nc\n0\n0\n711\n0\n4\n1\nlo\n";
    assert_eq!(ended.ok(), expected);

    // Nothing but what Docker allows can be opened, whatever node is made.
    let script = "mknod /tmp/sda b 8 0 && echo made; cat /tmp/sda; mknod /tmp/mem c 1 1; cat /tmp/mem; echo x > /proc/sys/kernel/domainname; \
                  mount -t tmpfs none /mnt";
    let ended = run(&mut machine, |_| {}, script);
    assert_eq!(ended.stdout, "made\n");
    let refused: Vec<&str> = ended.stderr.lines().collect();
    assert!(refused[0].contains("Operation not permitted"), "{refused:?}");
    assert!(refused[1].contains("Operation not permitted"), "{refused:?}");
    assert!(refused[2].contains("Read-only file system"), "{refused:?}");
    assert_ne!(ended.status, ExitStatus::Code(0));
}

#[test]
fn files_names_and_directories_are_the_containers_own() {
    let mut machine = Machine::ready();
    let ended = run(
        &mut machine,
        |wanted| {
            wanted.hostname = "web".into();
            wanted.domainname = "example".into();
            wanted.process.cwd = "/made/for/it".into();
            wanted.process.env.push("NAME=a b\nc".into());
            for (path, mode) in
                [("/etc/hosts", 0o644), ("/etc/hostname", 0o600), ("/etc/resolv.conf", 0o644), ("/new/at/all", 0o755)]
            {
                wanted.files.push(File { path: path.into(), content: format!("for {path}\n").into_bytes(), mode });
            }
        },
        "hostname; cat /proc/sys/kernel/domainname; pwd; ls -ld . | cut -c1-10; echo \"$NAME\"; \
         cat /etc/hosts /etc/hostname /etc/resolv.conf /new/at/all; stat -c %a /etc/hostname /new/at/all; \
         test -L /etc/resolv.conf || echo no link; echo 127.0.0.1 x >> /etc/hosts && tail -1 /etc/hosts; ls /etc/target-of-the-image",
    );
    let expected = "web\nexample\n/made/for/it\ndrwxr-xr-x\na b\nc\nfor /etc/hosts\nfor /etc/hostname\nfor /etc/resolv.conf\n\
                    for /new/at/all\n600\n755\nno link\n127.0.0.1 x\n";
    assert_eq!(ended.stdout, expected, "{}", ended.stderr);
    assert!(ended.stderr.contains("/etc/target-of-the-image: No such file"), "{}", ended.stderr);
}
