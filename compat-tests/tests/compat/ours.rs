//! What only our engine promises: a machine for each container. Left out on a peer.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use vch_compat_tests::image::marked;
use vch_compat_tests::prelude::*;

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = tests![
        the_kernel_is_not_the_hosts,
        a_container_sees_nothing_of_another_machine,
        the_clock_is_right,
        info_tells_the_accelerator,
        a_published_port_is_refused_in_words,
        a_network_of_the_users_is_refused_in_words,
        a_bind_or_volume_is_refused_in_words,
        an_oci_layout_is_loaded,
        a_second_daemon_on_one_data_root_is_refused,
        a_machine_that_dies_is_a_container_that_stopped,
        a_client_that_does_not_read_does_not_keep_its_container_alive,
    ];
    let alone = tests![twenty_clones_at_once_share_nothing_random, an_endless_header_costs_no_memory];
    tests.extend(alone.into_iter().map(Test::alone));
    tests.into_iter().map(Test::ours_only).collect()
}

#[track_caller]
fn inside(script: &str) -> String {
    let (code, output) = Container::sh(script).run();
    assert_eq!(code, 0, "{output:?}");
    output.out()
}

fn the_kernel_is_not_the_hosts() {
    let host = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    assert_ne!(inside("cat /proc/sys/kernel/random/boot_id"), host);
    let host = fs::read_to_string("/proc/sys/kernel/version").unwrap();
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let shown = inside("cat /proc/sys/kernel/osrelease /proc/sys/kernel/version");
    assert_ne!(shown, format!("{release}{host}"));
    assert!(
        inside("dmesg 2>/dev/null | head -1; cat /proc/cmdline; true") != fs::read_to_string("/proc/cmdline").unwrap()
    );
}

fn twenty_clones_at_once_share_nothing_random() {
    let script = "head -c 32 /dev/urandom | sha256sum | cut -c 1-64; cat /proc/sys/kernel/random/uuid; \
                  cat /proc/sys/kernel/random/boot_id; cat /etc/machine-id 2>/dev/null || echo none; \
                  cat /sys/class/net/eth0/address 2>/dev/null || echo none; \
                  mktemp -u /tmp/XXXXXXXXXXXX";
    let made: Vec<Container> = (0..20).map(|_| Container::sh(script)).collect();
    std::thread::scope(|scope| {
        for container in &made {
            scope.spawn(move || container.start());
        }
    });
    let shown: Vec<Vec<String>> = made
        .iter()
        .map(|container| {
            assert_eq!(container.wait(), 0);
            container.logs().out().lines().map(str::to_owned).collect()
        })
        .collect();
    for (at, what) in
        ["random bytes", "uuid", "boot id", "machine id", "MAC address", "temporary name"].iter().enumerate()
    {
        let values: HashSet<&String> = shown.iter().map(|lines| &lines[at]).collect();
        let none = values.iter().all(|value| *value == "none");
        assert!(values.len() == 20 || none, "{what}: {} of 20 differ", values.len());
    }
}

fn a_container_sees_nothing_of_another_machine() {
    let one = Container::idle();
    one.exec_sh("echo secret > /dev/shm/x; echo secret > /tmp/x; sleep 12345 &");
    let shown = inside("ls /dev/shm /tmp; ps | grep -c '[1]2345'; true");
    assert!(!shown.contains('x') && shown.ends_with("0\n"), "{shown}");
}

fn the_clock_is_right() {
    for _ in 0..5 {
        let container = Container::idle();
        let before = crate::time::now();
        let (_, output) =
            container.exec_sh("adjtimex | awk '/tv_sec/ {s=$2} /tv_usec/ {printf \"%d.%06d\\n\", s, $2}'");
        let after = crate::time::now();
        let inside: f64 = output.out().trim().parse().unwrap();
        assert!(inside > before - 0.5 && inside < after + 0.5, "{before} {inside} {after}");
    }
}

fn info_tells_the_accelerator() {
    let info = get("/info").expect(200).json().to_string().to_lowercase();
    assert!(info.contains("tcg") || info.contains("kvm"), "{info}");
    let shown = vch_compat_tests::cli::docker(&["info"]).ok().to_lowercase();
    assert!(shown.contains("tcg") || shown.contains("kvm"), "{shown}");
}

/// Creates and starts what must be refused by either; the message.
#[track_caller]
fn refused(host: Value) -> String {
    let body = json!({ "Image": BUSYBOX, "Cmd": ["true"], "ExposedPorts": { "80/tcp": {} }, "HostConfig": host });
    let reply = post_json("/containers/create", &body);
    if reply.head.status == 201 {
        let container = Container::adopt(reply.json()["Id"].as_str().unwrap());
        let reply = container.post("/start");
        assert!(reply.head.status >= 400, "started: {body}");
        return reply.json()["message"].as_str().unwrap().to_owned();
    }
    reply.json()["message"].as_str().unwrap().to_owned()
}

fn a_published_port_is_refused_in_words() {
    let message = refused(json!({ "PortBindings": { "80/tcp": [{ "HostPort": "0" }] } }));
    assert!(message.contains("port") || message.contains("network"), "{message}");
}

fn a_network_of_the_users_is_refused_in_words() {
    let message = refused(json!({ "NetworkMode": "compat-no-such" }));
    assert!(message.to_lowercase().contains("network"), "{message}");
}

fn a_bind_or_volume_is_refused_in_words() {
    for host in [
        json!({ "Binds": ["/tmp:/x"] }),
        json!({ "Binds": ["named:/x"] }),
        json!({ "Mounts": [{ "Type": "bind", "Source": "/tmp", "Target": "/x" }] }),
    ] {
        let message = refused(host);
        assert!(["bind", "mount", "volume"].iter().any(|word| message.contains(word)), "{message}");
    }
}

fn an_oci_layout_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let name = format!("compat/{}:latest", unique("layout"));
    let (from, to) = (folder.path().join("in.tar"), folder.path().join("out.tar"));
    fs::write(&from, marked(&name, &name).archive()).unwrap();
    let copied = Command::new("skopeo")
        .args(["--insecure-policy", "copy", "--quiet"])
        .arg(format!("docker-archive:{}", from.display()))
        .arg(format!("oci-archive:{}:{name}", to.display()))
        .status()
        .unwrap();
    assert!(copied.success());
    let headers = [("Content-Type", "application/x-tar")];
    let client = &engine().client;
    let reply = client.call("POST", "/images/load?quiet=1", &headers, &fs::read(&to).unwrap()).expect(200);
    assert!(reply.text().contains("Loaded image"), "{}", reply.text());
    let container = Container::create(json!({ "Image": name, "Cmd": ["cat", "/etc/mark"] }));
    assert_eq!(container.run().1.out(), name);
    drop(container);
    delete(&format!("/images/{name}")).expect(200);
}

fn a_second_daemon_on_one_data_root_is_refused() {
    let pid = engine().pid.unwrap();
    let program = fs::read_link(format!("/proc/{pid}/exe")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(program)
        .arg("serve")
        .arg("--data-root")
        .arg(engine().data_root.as_ref().unwrap())
        .arg("-H")
        .arg(format!("unix://{}", folder.path().join("second.sock").display()))
        .arg("--pidfile")
        .arg(folder.path().join("second.pid"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    let sentences = said.lines().filter(|line| !line.starts_with("time="));
    assert_eq!(sentences.count(), 1, "one sentence, but for the log: {said}");
    assert!(!said.contains("panicked"), "{said}");
    get("/_ping").expect(200);
}

fn an_endless_header_costs_no_memory() {
    let status = format!("/proc/{}/status", engine().pid.unwrap());
    let resident = || -> u64 {
        let text = fs::read_to_string(&status).unwrap();
        let line = text.lines().find(|line| line.starts_with("VmRSS:")).unwrap().to_owned();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let before = resident();
    let chunk = vec![b'a'; 1 << 16];
    for _ in 0..4 {
        let mut stream = engine().client.connect();
        stream.write_all(b"GET /_ping HTTP/1.1\r\nHost: docker\r\nX-Long: ").unwrap();
        let mut sent = 0;
        while sent < 1 << 30 && stream.write_all(&chunk).is_ok() {
            sent += chunk.len();
        }
        assert!(sent < 64 << 20, "{sent} bytes of one header were taken");
    }
    let grew = resident().saturating_sub(before);
    assert!(grew < 32 << 10, "{grew} KiB more");
}

fn a_machine_that_dies_is_a_container_that_stopped() {
    let root = engine().data_root.clone().unwrap();
    let container = Container::idle();
    let machine = vch_compat_tests::engine::processes_of(&root)
        .into_iter()
        .find(|line| line.contains("qemu") && line.contains(&container.id[..12]));
    // Machines need not carry the container's name; then the one that has it is not known from outside.
    let Some(line) = machine else {
        container.post("/kill").expect(204);
        assert_eq!(container.wait(), 137);
        return;
    };
    let pid: i32 = line.split(' ').next().unwrap().parse().unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let stopped = || (container.inspect()["State"]["Running"] == false).then_some(());
    eventually(SOON, "the engine notices", stopped);
    container.wait();
}

fn a_client_that_does_not_read_does_not_keep_its_container_alive() {
    // dockerd waits for such a client, for ever.
    let flood = Container::sh("yes flood");
    let (_, unread) = flood.attach("stream=1&stdout=1");
    flood.start();
    let logged = || (flood.inspect()["State"]["Running"] == true).then_some(());
    eventually(SOON, "the flood is running", logged);
    let (code, _) = flood.exec_sh("sleep 1");
    assert_eq!(code, 0);
    flood.post("/kill").expect(204);
    assert_eq!(flood.wait(), 137);
    drop(unread);
}
