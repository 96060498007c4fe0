//! `--init`, `--read-only`, `--tmpfs`, `--shm-size`, `--sysctl`, `--device`, `--privileged`, shared namespaces, layers.

use crate::machine::Machine;
use crate::wanted::{container, process, shell};
use crate::{field, guest, run};
use vch_agent_proto::{Device, ExitStatus, Mount, MountKind, Namespaces, Request, Rootfs, Scope};

#[test]
fn init_reaps_passes_signals_and_ends_as_its_process() {
    let mut machine = Machine::ready();
    let init = |wanted: &mut vch_agent_proto::Container| wanted.init = true;
    // Orphans of a shell that has gone are reaped: none is left as a zombie.
    let script = "tr '\\0' ' ' < /proc/1/cmdline; echo; cat /proc/1/comm; \
                  for i in 1 2 3 4 5; do (sleep 0 & ) ; done; sleep 1; grep -l 'State:.Z' /proc/[0-9]*/status; echo done; exit 41";
    let ended = run(&mut machine, init, script);
    assert!(ended.stdout.starts_with("/sbin/docker-init -- sh -c "), "{}", ended.stdout);
    assert!(ended.stdout.ends_with("\ndocker-init\ndone\n"), "{}", ended.stdout);
    assert_eq!(ended.status, ExitStatus::Code(41));

    let disks = machine.disks();
    let mut wanted = container(&disks, shell("trap 'echo caught; exit 9' TERM; echo ready; while :; do sleep 1; done"));
    wanted.init = true;
    let id = wanted.id.clone();
    let output = wanted.process.number * 10 + 2;
    let running = machine.host.run(wanted).unwrap();
    machine.host.until("ready", |host| host.streams[&output].bytes.starts_with(b"ready\n").then_some(()));
    machine.host.request(&Request::Signal { process: running.number, signal: 15 }).unwrap();
    let ended = machine.host.wait(running);
    assert_eq!((ended.stdout.as_str(), ended.status), ("ready\ncaught\n", ExitStatus::Code(9)));
    machine.host.released(&id);

    let ended = run(&mut machine, init, "kill -SEGV $$");
    assert_eq!(ended.status, ExitStatus::Code(139));
    let ended = run(
        &mut machine,
        |wanted| {
            wanted.init = true;
            wanted.process.args = vec!["nosuch".into()];
            wanted.process.user = "app".into();
        },
        "",
    );
    assert_eq!(ended.stderr, "[FATAL tini (2)] exec nosuch failed: No such file or directory\n");
    assert_eq!(ended.status, ExitStatus::Code(127));
}

#[test]
fn init_hands_its_terminal_to_its_process() {
    let mut machine = Machine::ready();
    let disks = machine.disks();
    let mut wanted =
        container(&disks, shell("trap 'echo interrupted; exit 3' INT; echo ready; while :; do sleep 1; done"));
    let number = wanted.process.number;
    let (input, output) = (number * 10 + 1, number * 10 + 2);
    wanted.process.stdio = vch_agent_proto::Stdio::Terminal { input: Some(input), output, size: None };
    wanted.init = true;
    let id = wanted.id.clone();
    let running = machine.host.run(wanted).unwrap();
    machine.host.until("ready", |host| host.streams[&output].bytes.starts_with(b"ready").then_some(()));
    machine.host.write(input, b"\x03");
    assert_eq!(machine.host.exited(running).0, ExitStatus::Code(3));
    machine.host.released(&id);
}

#[test]
fn mounts_and_devices_as_asked_for() {
    let mut machine = Machine::ready();
    let ended = run(
        &mut machine,
        |wanted| {
            wanted.rootfs.read_only = true;
            wanted.shm_size = 1 << 20;
            let tmpfs = |target: &str, options: &[&str], read_only| Mount {
                target: target.into(),
                kind: MountKind::Tmpfs { options: options.iter().map(|&option| option.to_owned()).collect() },
                read_only,
            };
            wanted.mounts.push(tmpfs("/run/mine", &["noexec", "nosuid", "nodev", "size=64k", "mode=1770"], false));
            wanted.mounts.push(tmpfs("/frozen", &[], true));
            wanted.sysctls.push(("net.ipv4.ip_unprivileged_port_start".into(), "0".into()));
            wanted.sysctls.push(("kernel.shm_rmid_forced".into(), "1".into()));
            wanted.sysctls.push(("fs.mqueue.msg_max".into(), "20".into()));
            wanted.devices.push(Device {
                source: "/dev/fuse".into(),
                target: "/dev/my/fuse".into(),
                access: "rwm".into(),
            });
            wanted.devices.push(Device { source: "/dev/kmsg".into(), target: "/dev/kmsg".into(), access: "m".into() });
        },
        "echo x > /x; echo y > /run/mine/y && cat /run/mine/y; stat -c %a /run/mine; grep /run/mine /proc/mounts; echo z > /frozen/z; \
         dd if=/dev/zero of=/run/mine/big bs=1k count=100 2>&1 | grep -c 'No space'; df -k /dev/shm | tail -1 | awk '{print $2}'; \
         cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/shm_rmid_forced /proc/sys/fs/mqueue/msg_max; \
         echo > /dev/null && echo dev is writable; : < /dev/my/fuse && echo fuse opened; cat /dev/kmsg",
    );
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines[..2], ["y", "1770"]);
    assert!(
        lines[2].starts_with("tmpfs /run/mine tmpfs rw,nosuid,nodev,noexec,relatime,size=64k,mode=1770"),
        "{}",
        lines[2]
    );
    assert_eq!(lines[3..], ["1", "1024", "0", "1", "20", "dev is writable", "fuse opened"], "{}", ended.stderr);
    let refused: Vec<&str> = ended.stderr.lines().collect();
    assert!(refused[0].contains("/x: Read-only file system"), "{refused:?}");
    assert!(refused[1].contains("/frozen/z: Read-only file system"), "{refused:?}");
    assert!(refused[2].contains("Operation not permitted"), "only mknod was granted: {refused:?}");
}

#[test]
fn privileged_has_the_machine_and_shared_namespaces_are_the_machines() {
    let mut machine = Machine::ready();
    let privileged = |wanted: &mut vch_agent_proto::Container| {
        wanted.privileged = true;
        wanted.masked_paths.clear();
        wanted.readonly_paths.clear();
        wanted.process.capabilities = (0..=40).collect();
    };
    let script = "grep CapEff /proc/self/status; mkdir /m && mount -t tmpfs none /m && echo mounted; ls /dev | grep -c '^sd'; \
                  echo 1 > /proc/sys/vm/drop_caches && echo dropped; mkdir /sys/fs/cgroup/sub && rmdir /sys/fs/cgroup/sub && echo nested; \
                  test -c /dev/mem && dd if=/dev/sda bs=512 count=1 2>/dev/null | wc -c; ls /dev/pts; ls -l /dev/shm | wc -l";
    let text = run(&mut machine, privileged, script).ok();
    assert_eq!(field(&text, "CapEff"), "000001ffffffffff");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[1], "mounted");
    assert!(lines[2].parse::<u32>().unwrap() >= 2, "{text}");
    assert_eq!(lines[3..], ["dropped", "nested", "512", "ptmx", "1"], "{text}");

    // cgroups that a privileged container leaves behind hinder nothing.
    run(&mut machine, privileged, "mkdir -p /sys/fs/cgroup/a/b/c; echo $$ > /sys/fs/cgroup/a/b/c/cgroup.procs").ok();

    let text = run(
        &mut machine,
        |wanted| {
            wanted.namespaces = Namespaces {
                pid: Scope::Machine,
                ipc: Scope::Machine,
                uts: false,
                network: Scope::Machine,
                cgroup: false,
            };
        },
        "hostname; cat /proc/1/comm; ls /sys/class/net | tr '\\n' ' '; cut -d/ -f2 /proc/self/cgroup | wc -c; (sleep 100 &); echo x > /dev/shm/shared",
    );
    assert_eq!(text.stdout, "machine-1\nvch-agent\neth0 lo 65\n", "{}", text.stderr);
    let text = run(
        &mut machine,
        |wanted| {
            wanted.namespaces.ipc = Scope::Machine;
            wanted.namespaces.pid = Scope::Machine;
        },
        "cat /dev/shm/shared; ps | grep -c '[s]leep 100'; sleep 1; before=$(grep voluntary /proc/1/status); sleep 2; \
         test \"$before\" = \"$(grep voluntary /proc/1/status)\" && echo idle",
    );
    let lines: Vec<&str> = text.stdout.lines().collect();
    assert_eq!(lines, ["x", "0", "idle"], "what a container leaves running is killed, and an idle agent sleeps");
}

#[test]
fn the_mac_address_is_the_identitys() {
    let mut machine = Machine::boot();
    machine.host.hello();
    machine.host.personalize(42);
    let text =
        run(&mut machine, |wanted| wanted.namespaces.network = Scope::Machine, "cat /sys/class/net/eth0/address").ok();
    assert_eq!(text, "02:00:00:00:00:2a\n");
}

#[test]
fn no_layer_one_layer_and_127_layers() {
    let mut machine = Machine::ready();
    let image = machine.attach_file(&guest::many_layers(127), true);
    let scratch = machine.new_scratch();
    let scratch = machine.attach_file(&scratch, false);
    let disks = crate::machine::Disks { image, scratch };
    let mut wanted = container(&disks, shell("cat /number; ls /layers | wc -l; echo kept > /kept"));
    wanted.rootfs.layers = 127;
    let id = wanted.id.clone();
    let running = machine.host.run(wanted).unwrap();
    assert_eq!(machine.host.wait(running).ok(), "127\n127\n");
    machine.host.released(&id);

    // The same scratch disk again, over the lowest layer only: what was written is there.
    let mut wanted = container(&disks, shell("ls /layers; cat /kept"));
    wanted.rootfs.layers = 1;
    let id = wanted.id.clone();
    let running = machine.host.run(wanted).unwrap();
    assert_eq!(machine.host.wait(running).ok(), "1\nkept\n");
    machine.host.released(&id);

    let mut wanted = container(&disks, process(&["/nothing"]));
    wanted.rootfs = Rootfs { image: None, layers: 0, ..wanted.rootfs };
    let failed = machine.host.run(wanted).unwrap_err();
    assert_eq!(failed.message, r#"exec: "/nothing": stat /nothing: no such file or directory"#);
    let mut wanted = container(&disks, process(&["/nothing"]));
    wanted.rootfs.layers = 128;
    assert!(machine.host.run(wanted).unwrap_err().message.contains("128 layers exceed"));
}
