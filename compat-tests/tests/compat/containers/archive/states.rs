//! Containers in every state, what of them is seen, and clients that leave.

use super::{entries, fetch, look, names, one_file, put};
use std::io::Read;
use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    tests![
        files_go_into_a_created_container_before_its_start,
        files_go_into_and_out_of_a_stopped_container,
        files_go_into_and_out_of_a_paused_container,
        a_paused_container_does_not_run_meanwhile,
        what_a_container_mounts_is_not_seen,
        the_files_that_docker_lays_are_seen,
        events_tell_of_copies,
        a_client_that_leaves_half_way_does_no_harm,
    ]
}

fn files_go_into_a_created_container_before_its_start() {
    let container = Container::sh("cat /root/f; cat /root/g");
    put(&container, "path=/root", &one_file("f", "first\n")).expect(200);
    put(&container, "path=/root", &one_file("g", "second\n")).expect(200);
    assert_eq!(entries(&fetch(&container, "/root/f").expect(200).body), [("f".to_owned(), "first\n".to_owned())]);
    let (code, output) = container.run();
    assert_eq!((code, output.out().as_str()), (0, "first\nsecond\n"));
}

fn files_go_into_and_out_of_a_stopped_container() {
    let container = Container::sh("echo new > /root/made; cat /root/f");
    assert_eq!(container.run().0, 1);
    assert_eq!(entries(&fetch(&container, "/root/made").expect(200).body)[0].1, "new\n");
    assert_eq!(look(&container, "/root/made")["size"], 4);
    put(&container, "path=/root", &one_file("f", "given\n")).expect(200);
    assert_eq!(container.inspect()["State"]["Status"], "exited");
    assert_eq!(container.run().0, 0);
}

fn files_go_into_and_out_of_a_paused_container() {
    let container = Container::idle();
    container.exec_sh("echo 1 > /root/f");
    container.post("/pause").expect(204);
    assert_eq!(entries(&fetch(&container, "/root/f").expect(200).body)[0].1, "1\n");
    put(&container, "path=/root", &one_file("g", "2\n")).expect(200);
    assert_eq!(container.inspect()["State"]["Paused"], true);
    container.post("/unpause").expect(204);
    assert_eq!(container.exec_sh("cat /root/f /root/g").1.out(), "1\n2\n");
}

fn a_paused_container_does_not_run_meanwhile() {
    let container = Container::sh("echo x > /root/ticks; echo ready; while :; do echo x >> /root/ticks; done");
    container.start();
    container.until_logged("ready");
    container.post("/pause").expect(204);
    let size = || look(&container, "/root/ticks")["size"].clone();
    let first = size();
    for _ in 0..3 {
        assert_eq!(size(), first);
    }
    container.post("/unpause").expect(204);
    eventually(SOON, "it goes on", || (size() != first).then_some(()));
}

fn what_a_container_mounts_is_not_seen() {
    let container = Container::create(json!({
        "Cmd": ["sleep", "1000"], "HostConfig": { "Tmpfs": { "/mem": "" } },
    }));
    container.start();
    container.exec_sh("echo 1 > /mem/f; echo 2 > /dev/shm/g");
    fetch(&container, "/mem/f").refuses(404, "Could not find the file /mem/f");
    fetch(&container, "/proc/self/status").refuses(404, "Could not find");
    assert_eq!(names(&fetch(&container, "/mem").expect(200).body), ["mem/"]);
    assert_eq!(names(&fetch(&container, "/proc").expect(200).body), ["proc/"]);
}

fn the_files_that_docker_lays_are_seen() {
    let container = Container::create(json!({ "Cmd": ["sleep", "1000"], "Hostname": "a-host-name" }));
    container.start();
    let (_, live) = container.exec_sh("cat /etc/hostname");
    assert_eq!(entries(&fetch(&container, "/etc/hostname").expect(200).body)[0].1, live.out());
    assert!(live.out().contains("a-host-name"));
}

fn events_tell_of_copies() {
    let now = || crate::time::seconds(&get("/info").expect(200).json()["SystemTime"]);
    let since = now();
    let container = Container::sh("true");
    fetch(&container, "/etc/passwd").expect(200);
    put(&container, "path=/tmp", &one_file("f", "")).expect(200);
    let wanted = filters(&json!({ "container": [container.id] }));
    let path = format!("/events?since={since:.9}&until={:.9}&{wanted}", now());
    let told: Vec<Value> = get(&path).expect(200).json_lines();
    let actions: Vec<&str> = told.iter().map(|event| event["Action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["create", "archive-path", "extract-to-dir"]);
}

fn a_client_that_leaves_half_way_does_no_harm() {
    let container = Container::idle();
    container.exec_sh("dd if=/dev/zero of=/root/big bs=1M count=20 2> /dev/null");
    let mut live = open("GET", &container.path("/archive?path=/root/big"), None);
    live.body.read_exact(&mut [0; 1000]).unwrap();
    drop(live);
    // Half of a tar, and then nothing: the connection closes.
    let tar = one_file("half", &"z".repeat(300_000));
    let head = format!(
        "PUT {VERSION}{} HTTP/1.1\r\nHost: docker\r\nContent-Length: {}\r\n\r\n",
        container.path("/archive?path=/tmp"),
        tar.len()
    );
    let mut stream = engine().client.connect();
    std::io::Write::write_all(&mut stream, head.as_bytes()).unwrap();
    std::io::Write::write_all(&mut stream, &tar[..100_000]).unwrap();
    drop(stream);
    put(&container, "path=/tmp", &one_file("whole", "1")).expect(200);
    assert_eq!(container.exec_sh("cat /tmp/whole").1.out(), "1");
    container.post("/stop").expect(204);
    fetch(&container, "/tmp/whole").expect(200);
}
