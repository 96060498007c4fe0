//! The options of `docker run` that say what the process sees.

use super::{detached, run};
use std::fs;
use vch_compat_tests::cli::docker;
use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    let mut tests = tests![
        a_name,
        environment_by_option_and_file,
        working_directory,
        user_by_name_and_number,
        further_groups,
        entrypoint,
        the_id_in_a_file,
        an_init_process,
        labels_by_option_and_file,
        a_read_only_root,
        tmpfs_with_options,
        size_of_shared_memory,
        capabilities_added_and_dropped,
        ulimits,
        sysctls,
        a_host_name,
        further_hosts,
        a_stop_signal,
        no_network,
        no_new_privileges,
        pull_never_and_platform,
        detached_prints_the_id,
        options_that_clash_are_refused,
    ];
    let all = tests![privileged_has_all, all_capabilities_can_be_added];
    tests.extend(all.into_iter().map(Test::needs_all_capabilities));
    tests
}

fn a_name() {
    let name = unique("run");
    let container = detached(&["--name", &name], "sleep 1000");
    let shown = docker(&["ps", "--filter", &format!("name={name}"), "--format", "{{.Names}}"]).ok();
    assert_eq!(shown.trim(), name);
    let again = docker(&["run", "--rm", "--name", &name, BUSYBOX, "true"]);
    again.fails(125, &format!("The container name \"/{name}\" is already in use"));
    drop(container);
}

fn environment_by_option_and_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("env");
    fs::write(&file, "# a comment\nFROM_FILE=one two\nBOTH=file\n\n").unwrap();
    let shown = run(
        &["--env-file", file.to_str().unwrap(), "-e", "BOTH=option", "-e", "EMPTY=", "--env", "Q=a\"b'c"],
        "echo \"$FROM_FILE|$BOTH|$EMPTY|$Q\"; env | grep -c '^EMPTY=$'; echo $HOME; echo $PATH",
    );
    assert_eq!(
        shown,
        "one two|option||a\"b'c\n1\n/root\n/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
    );
    assert_eq!(run(&[], "echo $HOSTNAME | wc -c"), "13\n");
}

fn working_directory() {
    assert_eq!(run(&["-w", "/tmp"], "pwd"), "/tmp\n");
    assert_eq!(run(&["-w", "/made/on/the/way"], "pwd; ls -d ."), "/made/on/the/way\n.\n");
    assert_eq!(run(&[], "pwd"), "/\n");
}

fn user_by_name_and_number() {
    for (user, shown) in [
        ("app", "uid=1000(app) gid=1001(app) groups=1001(app),2000(extra)\n"),
        ("1000:0", "uid=1000(app) gid=0(root) groups=0(root)\n"),
        ("12345", "uid=12345 gid=0(root) groups=0(root)\n"),
        ("app:nogroup", "uid=1000(app) gid=65534(nogroup) groups=65534(nogroup)\n"),
    ] {
        assert_eq!(run(&["-u", user], "id"), shown, "{user}");
    }
    assert_eq!(run(&["-u", "app"], "echo $HOME; touch /etc/x 2>/dev/null || echo no"), "/home/app\nno\n");
    let missing = docker(&["run", "--rm", "-u", "nobody-knows", BUSYBOX, "true"]);
    missing.fails(125, "unable to find user nobody-knows: no matching entries in passwd file");
}

fn further_groups() {
    let shown = run(&["-u", "4242:4242", "--group-add", "extra", "--group-add", "77"], "id -G");
    let mut groups: Vec<&str> = shown.split_whitespace().collect();
    groups.sort_unstable();
    assert_eq!(groups, ["2000", "4242", "77"]);
}

fn entrypoint() {
    let shown = docker(&["run", "--rm", "--entrypoint", "echo", BUSYBOX, "a", "b c"]).ok();
    assert_eq!(shown, "a b c\n");
    let shown = docker(&["run", "--rm", "--entrypoint", "", BUSYBOX, "echo", "x"]).ok();
    assert_eq!(shown, "x\n");
}

fn the_id_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("id");
    let file = file.to_str().unwrap();
    let container = detached(&["--cidfile", file], "true");
    assert_eq!(fs::read_to_string(file).unwrap(), container.id);
    let again = docker(&["run", "--rm", "--cidfile", file, BUSYBOX, "true"]);
    assert_ne!(again.code, 0, "a file that is there is not overwritten");
}

fn an_init_process() {
    let name = "tr '\\0' ' ' < /proc/1/cmdline; true";
    assert!(run(&[], name).starts_with("sh "));
    assert!(!run(&["--init"], name).starts_with("sh "));
    let reaped = run(
        &["--init"],
        "(sh -c 'sleep 0.2 & exit 0'); sleep 0.6; grep -l '^State:.Z' /proc/[0-9]*/status | wc -l; exit 0",
    );
    assert_eq!(reaped, "0\n");
    let code = docker(&["run", "--rm", "--init", BUSYBOX, "sh", "-c", "exit 42"]).code;
    assert_eq!(code, 42);
}

fn labels_by_option_and_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("labels");
    fs::write(&file, "a=file\nb=file\n").unwrap();
    let container = detached(&["--label-file", file.to_str().unwrap(), "-l", "b=option", "-l", "c"], "true");
    let labels = container.inspect()["Config"]["Labels"].clone();
    assert_eq!(labels, json!({ "a": "file", "b": "option", "c": "" }));
}

fn a_read_only_root() {
    let shown = run(
        &["--read-only", "--tmpfs", "/run"],
        "touch /x 2>&1; touch /run/x && echo run; touch /dev/shm/x && echo shm",
    );
    assert!(shown.contains("Read-only file system"), "{shown}");
    assert!(shown.contains("run\nshm\n"), "{shown}");
}

fn tmpfs_with_options() {
    let shown = run(
        &["--tmpfs", "/cache:size=1m,mode=1770", "--tmpfs", "/plain"],
        "stat -c %a /cache; grep ' /cache ' /proc/mounts; grep ' /plain ' /proc/mounts; \
         head -c 2000000 /dev/zero 2>&1 > /cache/x; stat -c %s /cache/x",
    );
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[0], "1770");
    assert!(lines[1].contains("tmpfs") && lines[1].contains("size=1024k"), "{shown}");
    for option in ["nosuid", "nodev", "noexec"] {
        assert!(lines[2].contains(option), "{option}: {shown}");
    }
    assert!(shown.contains("head: "), "the writer is told: {shown}");
    assert_eq!(lines.last(), Some(&"1048576"));
}

fn size_of_shared_memory() {
    let script = "df -k /dev/shm | tail -1 | awk '{print $2}'";
    assert_eq!(run(&[], script), "65536\n");
    assert_eq!(run(&["--shm-size", "8m"], script), "8192\n");
}

fn effective(options: &[&str]) -> u64 {
    let shown = run(options, "grep CapEff /proc/self/status");
    u64::from_str_radix(shown.trim().rsplit('\t').next().unwrap(), 16).unwrap()
}

fn capabilities_added_and_dropped() {
    const DEFAULT: u64 = 0xa804_25fb;
    const SYS_TIME: u64 = 1 << 25;
    assert_eq!(effective(&[]), DEFAULT);
    assert_eq!(effective(&["--cap-add", "SYS_TIME"]), DEFAULT | SYS_TIME);
    assert_eq!(effective(&["--cap-add", "cap_sys_time"]), DEFAULT | SYS_TIME);
    assert_eq!(effective(&["--cap-drop", "CHOWN"]), DEFAULT & !1);
    assert_eq!(effective(&["--cap-drop", "ALL"]), 0);
    assert_eq!(effective(&["--cap-drop", "ALL", "--cap-add", "CHOWN"]), 1);
    // A user who is not root has none in effect, but the bounds stand.
    let shown = run(&["-u", "app"], "grep -E 'Cap(Eff|Bnd)' /proc/self/status");
    assert_eq!(shown, "CapEff:\t0000000000000000\nCapBnd:\t00000000a80425fb\n");
    let chown = docker(&["run", "--rm", "--cap-drop", "CHOWN", BUSYBOX, "chown", "app", "/tmp"]);
    chown.fails(1, "Operation not permitted");
    let bad = docker(&["run", "--rm", "--cap-add", "FROB", BUSYBOX, "true"]);
    bad.fails(125, "capability");
}

fn all_capabilities_can_be_added() {
    let all = effective(&["--cap-add", "ALL"]);
    assert!(all.count_ones() >= 38, "{all:x}");
    let less = effective(&["--cap-add", "ALL", "--cap-drop", "SYS_TIME"]);
    assert_eq!(less, all & !(1 << 25));
}

fn privileged_has_all() {
    let all = effective(&["--privileged"]);
    assert!(all.count_ones() >= 38, "{all:x}");
    let shown = run(
        &["--privileged"],
        "mkdir /m && mount -t tmpfs none /m && grep -c ' /m ' /proc/mounts; test -w /proc/sys/kernel/hostname && echo w; \
         ls /dev | wc -l",
    );
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[..2], ["1", "w"], "{shown}");
    assert!(lines[2].parse::<u32>().unwrap() > 15, "more devices than usual: {shown}");
    let plain = docker(&["run", "--rm", BUSYBOX, "mount", "-t", "tmpfs", "none", "/tmp"]);
    assert_eq!(plain.code, 1, "{plain:?}");
}

fn ulimits() {
    let shown = run(
        &["--ulimit", "nofile=100:200", "--ulimit", "core=0", "--ulimit", "nproc=77"],
        "ulimit -Sn; ulimit -Hn; ulimit -c; grep 'Max processes' /proc/self/limits | awk '{print $3, $4}'",
    );
    assert_eq!(shown, "100\n200\n0\n77 77\n");
    docker(&["run", "--rm", "--ulimit", "frob=1", BUSYBOX, "true"]).fails(125, "invalid ulimit type");
}

fn sysctls() {
    let read = |name: &str| format!("cat /proc/sys/{name}");
    let shown =
        run(&["--sysctl", "net.ipv4.ip_unprivileged_port_start=81"], &read("net/ipv4/ip_unprivileged_port_start"));
    assert_eq!(shown, "81\n");
    assert_eq!(run(&["--sysctl", "kernel.shmmax=123456"], &read("kernel/shmmax")), "123456\n");
    let shown = docker(&["run", "--rm", "--sysctl", "kernel.frobnicate=1", BUSYBOX, "true"]);
    assert_eq!(shown.code, 125, "{shown:?}");
}

fn a_host_name() {
    let shown = run(&["--hostname", "box"], "hostname; cat /etc/hostname; grep -c box /etc/hostname; uname -n");
    assert_eq!(shown, "box\nbox\n1\nbox\n");
    let shown = run(&["--hostname", "box", "--domainname", "example.org"], "hostname; cat /proc/sys/kernel/domainname");
    assert_eq!(shown, "box\nexample.org\n");
}

fn further_hosts() {
    let shown = run(&["--add-host", "one:10.0.0.1", "--add-host", "six:fe80::1"], "cat /etc/hosts");
    let has = |address: &str, name: &str| shown.lines().any(|line| line.split_whitespace().eq([address, name]));
    assert!(has("10.0.0.1", "one") && has("fe80::1", "six"), "{shown}");
}

fn a_stop_signal() {
    let script = "trap 'echo usr1; exit 0' USR1; sleep 99999 & echo ready; wait";
    let container = detached(&["--stop-signal", "USR1", "--stop-timeout", "20"], script);
    container.until_logged("ready");
    docker(&["stop", &container.id]).ok();
    assert_eq!(container.logs().out(), "ready\nusr1\n");
    let bad = docker(&["create", "--stop-signal", "FROB", BUSYBOX, "true"]);
    bad.fails(1, "invalid signal: FROB");
}

fn no_network() {
    let shown = run(&["--network", "none"], "ls /sys/class/net; ip addr show lo | grep -c 127.0.0.1");
    assert_eq!(shown, "lo\n1\n");
    let script = "ping -c 1 -W 5 127.0.0.1 | grep -c '1 packets received'";
    assert_eq!(run(&["--network", "none"], script), "1\n");
}

fn no_new_privileges() {
    let field = "grep NoNewPrivs /proc/self/status";
    assert_eq!(run(&[], field), "NoNewPrivs:\t0\n");
    assert_eq!(run(&["--security-opt", "no-new-privileges"], field), "NoNewPrivs:\t1\n");
}

fn pull_never_and_platform() {
    let missing = docker(&["run", "--rm", "--pull", "never", "compat/nope", "true"]);
    missing.fails(125, "No such image: compat/nope:latest");
    let shown = docker(&["run", "--rm", "--platform", "linux/amd64", BUSYBOX, "echo", "x"]).ok();
    assert_eq!(shown, "x\n");
}

fn detached_prints_the_id() {
    let shown = docker(&["run", "-d", "--rm", BUSYBOX, "true"]).ok();
    let id = shown.trim();
    assert_eq!(id.len(), 64, "{shown}");
    let container = Container::adopt(id);
    let gone = || (get(&container.path("/json")).head.status == 404).then_some(());
    eventually(SOON, "the container is removed", gone);
}

fn options_that_clash_are_refused() {
    docker(&["run", "-d", "--rm", "--restart", "always", BUSYBOX, "true"]).fails(125, "conflicting options");
}
