//! What a process finds inside its container when nothing special was asked for.

use vch_compat_tests::prelude::*;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        capabilities_are_dockers,
        masked_paths_show_nothing,
        the_kernels_files_are_read_only,
        dev_holds_what_docker_gives,
        devices_work,
        the_console_is_there_with_a_terminal,
        mounts_are_dockers,
        the_name_is_the_short_id,
        hosts_and_resolver_files_are_there,
        it_is_process_one_and_alone,
        signals_and_descriptors_are_clean,
        the_environment_is_small,
        home_follows_the_user,
        the_root_file_system_can_be_written,
        device_nodes_can_be_made,
        sockets_and_pipes_work,
        loopback_is_up,
        memory_and_processors_are_there,
        no_new_mounts_without_privileges,
        files_written_belong_to_the_user,
    ]
}

/// Runs a script and gives its output; it must end well.
#[track_caller]
fn inside(script: &str) -> String {
    inside_with(json!({}), script)
}

#[track_caller]
fn inside_with(more: Value, script: &str) -> String {
    let mut body = more;
    body["Cmd"] = json!(["sh", "-c", script]);
    let (code, output) = Container::create(body).run();
    assert_eq!(code, 0, "{output:?}");
    output.out()
}

fn capabilities_are_dockers() {
    let shown = inside("grep ^Cap /proc/self/status");
    let value = |name: &str| {
        let line = shown.lines().find(|line| line.starts_with(name)).unwrap();
        line.rsplit('\t').next().unwrap().to_owned()
    };
    assert_eq!(value("CapEff"), "00000000a80425fb");
    assert_eq!(value("CapPrm"), "00000000a80425fb");
    assert_eq!(value("CapBnd"), "00000000a80425fb");
    assert_eq!(value("CapAmb"), "0000000000000000");
    assert_eq!(value("CapInh"), "0000000000000000");
}

fn masked_paths_show_nothing() {
    let script = "for path in /proc/kcore /proc/keys /proc/timer_list /proc/sched_debug; do \
                  [ -e $path ] && echo $path $(head -c 1 $path | wc -c); done; \
                  for path in /proc/acpi /proc/scsi /sys/firmware; do \
                  [ -e $path ] && echo $path $(ls -A $path | wc -l); done; true";
    let shown = inside(script);
    assert!(shown.contains("/proc/timer_list 0\n"), "{shown}");
    assert!(shown.contains("/sys/firmware 0\n"), "{shown}");
    for line in shown.lines() {
        assert!(line.ends_with(" 0"), "{line}");
    }
}

fn the_kernels_files_are_read_only() {
    let script = "for file in /proc/sys/kernel/panic /proc/sysrq-trigger /proc/irq/default_smp_affinity; do \
                  [ -e $file ] && { (echo 1 > $file) 2>/dev/null && echo wrote $file; }; done; \
                  [ -e /sys/fs/cgroup/cgroup.procs ] && mkdir /sys/fs/cgroup/compat 2>/dev/null && echo made a group; \
                  [ -e /proc/sysrq-trigger ] || echo '/proc/sysrq-trigger ro,'; \
                  (echo 1 > /sys/kernel/mm/transparent_hugepage/khugepaged/defrag) 2>/dev/null && echo wrote sys; \
                  grep -E ' /proc/(bus|fs|irq|sys|sysrq-trigger) ' /proc/mounts | awk '{print $2, substr($4, 1, 3)}'; \
                  grep ' /sys ' /proc/mounts | awk '{print $2, substr($4, 1, 3)}'";
    let mut shown: Vec<String> = inside(script).lines().map(str::to_owned).collect();
    shown.sort();
    assert_eq!(
        shown,
        ["/proc/bus ro,", "/proc/fs ro,", "/proc/irq ro,", "/proc/sys ro,", "/proc/sysrq-trigger ro,", "/sys ro,"]
    );
}

fn dev_holds_what_docker_gives() {
    let shown = inside("ls -1 /dev");
    let expected = [
        "core", "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty",
        "urandom", "zero",
    ];
    for name in shown.lines() {
        assert!(expected.contains(&name), "/dev/{name} is more than Docker gives");
    }
    for name in expected.iter().filter(|name| **name != "core") {
        assert!(shown.lines().any(|line| line == *name), "/dev/{name} is missing");
    }
    let links = inside("for name in fd stdin stdout stderr ptmx; do readlink /dev/$name; done");
    assert_eq!(links, "/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\npts/ptmx\n");
}

fn devices_work() {
    let script = "echo x > /dev/null; head -c 4 /dev/zero | wc -c; head -c 4 /dev/urandom | wc -c; \
                  head -c 4 /dev/random | wc -c; (echo x > /dev/full) 2>&1 | grep -c 'No space left'; \
                  echo shm > /dev/shm/x; cat /dev/shm/x; echo out > /dev/stdout; \
                  stat -c '%a %t,%T %u:%g' /dev/null /dev/tty /dev/urandom";
    assert_eq!(inside(script), "4\n4\n4\n1\nshm\nout\n666 1,3 0:0\n666 5,0 0:0\n666 1,9 0:0\n");
}

fn the_console_is_there_with_a_terminal() {
    let container = Container::create(json!({
        "Cmd": ["sh", "-c", "stat -c %F /dev/console; tty; echo here > /dev/console; echo there > /dev/tty"], "Tty": true,
    }));
    container.start();
    assert_eq!(container.wait(), 0);
    let shown = get(&container.path("/logs?stdout=1")).expect(200).text();
    assert!(shown.starts_with("character special file\r\n/dev/"), "{shown:?}");
    assert!(shown.ends_with("here\r\nthere\r\n"), "{shown:?}");
}

fn mounts_are_dockers() {
    let shown = inside("awk '{print $2, $3, $4}' /proc/mounts");
    let options = |path: &str| {
        let mut found = shown.lines().filter(|line| line.split(' ').next() == Some(path));
        let line = found.next().unwrap_or_else(|| panic!("{path} is not mounted: {shown}"));
        let (_, rest) = line.split_once(' ').unwrap();
        rest.to_owned()
    };
    for (path, kind, wanted) in [
        ("/proc", "proc", vec!["rw", "nosuid", "nodev", "noexec"]),
        ("/dev", "tmpfs", vec!["rw", "nosuid", "mode=755"]),
        ("/dev/pts", "devpts", vec!["rw", "nosuid", "noexec", "mode=620", "ptmxmode=666"]),
        ("/sys", "sysfs", vec!["ro", "nosuid", "nodev", "noexec"]),
        ("/dev/mqueue", "mqueue", vec!["rw", "nosuid", "nodev", "noexec"]),
        ("/dev/shm", "tmpfs", vec!["rw", "nosuid", "nodev", "noexec", "size=65536k"]),
    ] {
        let found = options(path);
        assert!(found.starts_with(&format!("{kind} ")), "{path}: {found}");
        for option in wanted {
            assert!(found.split([' ', ',']).any(|o| o == option), "{option} of {path}: {found}");
        }
    }
    let root = options("/");
    assert!(root.split([' ', ',']).any(|o| o == "rw") && !root.contains("nosuid"), "{root}");
}

fn the_name_is_the_short_id() {
    let container = Container::sh("hostname; cat /etc/hostname; echo $HOSTNAME; uname -n");
    let (_, output) = container.run();
    let short = &container.id[..12];
    assert_eq!(output.out(), format!("{short}\n").repeat(4));
}

fn hosts_and_resolver_files_are_there() {
    let shown =
        inside("cat /etc/hosts; stat -c '%a %U' /etc/hosts /etc/resolv.conf /etc/hostname; cat /etc/resolv.conf");
    let names = |address: &str| {
        shown.lines().any(|line| {
            let mut words = line.split_whitespace();
            words.next() == Some(address) && words.any(|word| word == "localhost")
        })
    };
    assert!(names("127.0.0.1") && names("::1"), "{shown}");
    assert_eq!(shown.matches("644 root\n").count(), 3, "{shown}");
    // They can be written, as an entrypoint does that adds a name.
    assert_eq!(inside("echo 10.0.0.9 nine >> /etc/hosts && tail -1 /etc/hosts"), "10.0.0.9 nine\n");
}

fn it_is_process_one_and_alone() {
    let shown = inside("echo $$ $PPID; ls -d /proc/[0-9]* | wc -l; awk '{print $6}' /proc/1/stat; true");
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[0], "1 0");
    assert!(lines[1].parse::<u32>().unwrap() <= 3, "{shown}");
    assert_eq!(lines[2], "1", "it leads a session of its own");
}

fn signals_and_descriptors_are_clean() {
    let shown = inside("grep -E '^Sig(Blk|Ign)' /proc/self/status; umask; pwd; ls /proc/1/fd > /fds; echo $(cat /fds)");
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[0], "SigBlk:\t0000000000000000");
    assert_eq!(lines[1], "SigIgn:\t0000000000000000");
    assert_eq!(lines[2..4], ["0022", "/"]);
    for descriptor in lines[4].split_whitespace() {
        // The shell keeps one of its own at 10 or above, for its script.
        let number: u32 = descriptor.parse().unwrap();
        assert!(number <= 2 || number >= 10, "an open descriptor too many: {shown}");
    }
    let broken = inside("yes | head -1; echo ${PIPESTATUS:-ok}");
    assert_eq!(broken, "y\nok\n", "a broken pipe ends a writer quietly");
}

fn the_environment_is_small() {
    let container = Container::create(json!({ "Cmd": ["env"], "Env": ["MINE=x"] }));
    let (_, output) = container.run();
    let mut names: Vec<String> = output.out().lines().map(|line| line.split('=').next().unwrap().to_owned()).collect();
    names.sort();
    assert_eq!(names, ["HOME", "HOSTNAME", "MINE", "PATH"]);
    let container = Container::create(json!({ "Cmd": ["env"], "Tty": true }));
    container.start();
    container.wait();
    let shown = get(&container.path("/logs?stdout=1")).text();
    assert!(shown.contains("TERM=xterm\r\n"), "{shown}");
}

fn home_follows_the_user() {
    for (user, home) in [("", "/root"), ("0", "/root"), ("app", "/home/app"), ("1000", "/home/app"), ("4242", "/")] {
        let shown = inside_with(json!({ "User": user }), "echo $HOME");
        assert_eq!(shown, format!("{home}\n"), "{user}");
    }
    let shown = inside_with(json!({ "User": "app", "Env": ["HOME=/own"] }), "echo $HOME");
    assert_eq!(shown, "/own\n");
}

fn the_root_file_system_can_be_written() {
    let script = "echo a > /new; mkdir -p /deep/er; mv /new /deep/er/; rm /etc/group; echo b >> /etc/passwd; \
                  ln -s /x /link; ln /deep/er/new /hard; chown 12:34 /hard; chmod 4755 /hard; \
                  mv /home /moved; rm -r /var; mkdir /var; ls -A /var | wc -l; \
                  stat -c '%a %u:%g %h' /hard; cat /deep/er/new; readlink /link; ls -d /moved/app; \
                  ls /etc/group 2>&1 | wc -l; sync";
    assert_eq!(inside(script), "0\n4755 12:34 2\na\n/x\n/moved/app\n1\n");
}

fn device_nodes_can_be_made() {
    let shown = inside("mknod /null c 1 3 && echo x > /null && stat -c %F /null; mkfifo /fifo && stat -c %F /fifo");
    assert_eq!(shown, "character special file\nfifo\n");
}

fn sockets_and_pipes_work() {
    let script = "mkfifo /fifo; (echo through > /fifo) & cat /fifo; wait; \
                  seq 1 100000 | sort -n | tail -1; echo nested | cat | cat | cat";
    assert_eq!(inside(script), "through\n100000\nnested\n");
}

fn loopback_is_up() {
    let script =
        "ip addr show lo | grep -c 'inet 127.0.0.1/8'; ping -c 1 -W 5 127.0.0.1 | grep -c '1 packets received'";
    assert_eq!(inside(script), "1\n1\n");
}

fn memory_and_processors_are_there() {
    let shown = inside("nproc; awk '/MemTotal/ {print $2}' /proc/meminfo; awk '/processor/' /proc/cpuinfo | wc -l");
    let numbers: Vec<u64> = shown.lines().map(|line| line.parse().unwrap()).collect();
    assert!(numbers[0] >= 1 && numbers[2] >= 1, "{shown}");
    assert!(numbers[1] > 100_000, "{shown}");
}

fn no_new_mounts_without_privileges() {
    let script = "mount -t tmpfs none /tmp 2>/dev/null && echo mounted; umount /proc 2>/dev/null && echo unmounted; \
                  mount -o remount,rw /sys 2>/dev/null && echo remounted; hostname other 2>/dev/null && echo renamed; true";
    assert_eq!(inside(script), "");
}

fn files_written_belong_to_the_user() {
    let shown =
        inside_with(json!({ "User": "app" }), "touch /tmp/x /home/app/y; stat -c '%u:%g %a' /tmp/x /home/app/y");
    assert_eq!(shown, "1000:1001 644\n".repeat(2));
}
