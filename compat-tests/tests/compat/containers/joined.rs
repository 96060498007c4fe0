//! `--pid`, `--ipc` and `--network container:X`.

use vch_compat_tests::cli;
use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    tests![
        processes_of_another_are_seen_and_end_with_it,
        shared_memory_of_another_is_seen,
        a_network_is_shared_and_outlives_its_first_container,
        names_become_ids_and_host_names_are_taken_over,
        who_cannot_be_joined_is_told,
        conflicting_options_are_refused,
        the_docker_program_joins,
        each_has_its_own_life,
        a_pause_of_one_leaves_the_other_running,
    ]
}

fn join(kind: &str, donor: &Container, script: &str) -> Container {
    Container::create(json!({
        "Cmd": ["sh", "-c", script], "HostConfig": { kind: format!("container:{}", donor.id) },
    }))
}

fn shareable() -> Container {
    let container = Container::create(json!({
        "Cmd": ["sh", "-c", "echo kept > /dev/shm/file; echo ready; exec sleep 1000"],
        "HostConfig": { "IpcMode": "shareable" },
    }));
    container.start();
    container.until_logged("ready");
    container
}

fn processes_of_another_are_seen_and_end_with_it() {
    let donor = Container::create(json!({ "Cmd": ["sleep", "4321"] }));
    donor.start();
    let once = join("PidMode", &donor, "ps -o args | grep -c '[s]leep 4321'; echo $$");
    let (code, output) = once.run();
    let lines: Vec<String> = output.out().lines().map(str::to_owned).collect();
    assert_eq!((code, lines[0].as_str()), (0, "1"), "{lines:?}");
    assert_ne!(lines[1], "1");
    let lasting = join("PidMode", &donor, "echo ready; exec sleep 1000");
    lasting.start();
    lasting.until_logged("ready");
    donor.post("/kill").expect(204);
    assert_eq!(lasting.wait(), 137, "its process namespace has ended");
}

fn shared_memory_of_another_is_seen() {
    let donor = shareable();
    let (code, output) = join("IpcMode", &donor, "cat /dev/shm/file; echo more > /dev/shm/back").run();
    assert_eq!((code, output.out().as_str()), (0, "kept\n"));
    assert_eq!(donor.exec_sh("cat /dev/shm/back").1.out(), "more\n");
}

fn a_network_is_shared_and_outlives_its_first_container() {
    let donor = Container::sh("echo one | nc -l -p 7001; exec sleep 1000");
    donor.start();
    let guest = join("NetworkMode", &donor, "until nc -w 5 127.0.0.1 7001; do :; done; exec sleep 1000");
    guest.start();
    guest.until_logged("one");
    donor.post("/kill").expect(204);
    donor.wait();
    let (code, output) = guest.exec_sh("(echo two | nc -l -p 7002) & until nc -w 5 127.0.0.1 7002; do :; done");
    assert_eq!((code, output.out().as_str()), (0, "two\n"));
}

fn names_become_ids_and_host_names_are_taken_over() {
    let name = unique("donor");
    let donor = Container::create_as(
        &format!("/containers/create?name={name}"),
        json!({ "Hostname": "the-donor", "Cmd": ["sleep", "1000"] }),
    );
    let guest = Container::create(json!({
        "Cmd": ["sh", "-c", "hostname; cat /etc/hostname"],
        "HostConfig": { "NetworkMode": format!("container:{name}"), "PidMode": format!("container:{}", &donor.id[..12]) },
    }));
    let inspected = guest.inspect();
    let mode = json!(format!("container:{}", donor.id));
    assert_eq!((&inspected["HostConfig"]["NetworkMode"], &inspected["HostConfig"]["PidMode"]), (&mode, &mode));
    donor.post(&format!("/rename?name={}", unique("moved"))).expect(204);
    donor.start();
    let (code, output) = guest.run();
    assert_eq!((code, output.out().as_str()), (0, "the-donor\nthe-donor\n"));
    let inspected = guest.inspect();
    assert_eq!(inspected["Config"]["Hostname"], "the-donor");
    assert_eq!(inspected["NetworkSettings"]["Networks"], json!({}));
}

fn who_cannot_be_joined_is_told() {
    let donor = Container::create(json!({ "Cmd": ["sleep", "1000"] }));
    let id = &donor.id;
    for (kind, status, words) in [
        ("NetworkMode", 409, format!("cannot join network of a non running container: {id}")),
        ("PidMode", 500, format!("container {id} is not running")),
        ("IpcMode", 500, format!("can't join IPC of container {id}: container {id} is not running")),
    ] {
        join(kind, &donor, "true").post("/start").refuses(status, &words);
    }
    donor.start();
    let words = format!(
        "can't join IPC of container {id}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)"
    );
    join("IpcMode", &donor, "true").post("/start").refuses(500, &words);
    for kind in ["PidMode", "IpcMode"] {
        let body = json!({ "Image": BUSYBOX, "Cmd": ["true"], "HostConfig": { kind: "container:no-such" } });
        post_json("/containers/create", &body).refuses(400, "No such container: no-such");
    }
    let late = Container::create(json!({ "Cmd": ["true"], "HostConfig": { "NetworkMode": "container:no-such" } }));
    late.post("/start").refuses(404, "No such container: no-such");
}

fn conflicting_options_are_refused() {
    let donor = Container::create(json!({ "Cmd": ["sleep", "1000"] }));
    let mode = format!("container:{}", donor.id);
    for (config, host, words) in [
        (json!({ "Hostname": "a" }), json!({}), "conflicting options: hostname and the network mode"),
        (json!({}), json!({ "Dns": ["10.0.0.1"] }), "conflicting options: dns and the network mode"),
        (
            json!({}),
            json!({ "ExtraHosts": ["a:10.0.0.1"] }),
            "conflicting options: custom host-to-IP mapping and the network mode",
        ),
        (
            json!({ "ExposedPorts": { "80/tcp": {} } }),
            json!({}),
            "conflicting options: port exposing and the container type network mode",
        ),
    ] {
        let (mut body, mut host) = (config, host);
        host["NetworkMode"] = json!(mode);
        body["HostConfig"] = host;
        body["Image"] = json!(BUSYBOX);
        body["Cmd"] = json!(["true"]);
        post_json("/containers/create", &body).refuses(400, words);
    }
}

fn the_docker_program_joins() {
    let donor = shareable();
    let mode = format!("container:{}", donor.id);
    let shown = cli::docker(&[
        "run",
        "--rm",
        "--network",
        &mode,
        "--pid",
        &mode,
        "--ipc",
        &mode,
        BUSYBOX,
        "sh",
        "-c",
        "cat /dev/shm/file; ps -o args | grep -c '[s]leep 1000'; hostname",
    ]);
    assert_eq!(shown.ok(), format!("kept\n1\n{}\n", &donor.id[..12]));
}

fn each_has_its_own_life() {
    let donor = shareable();
    let guest = join("PidMode", &donor, "echo first > /file; echo ready; exec sleep 1000");
    guest.start();
    guest.until_logged("ready");
    donor.post("/stop?t=0").expect(204);
    assert_eq!(guest.wait(), 137);
    guest.post("/start").refuses(500, &format!("container {} is not running", donor.id));
    donor.start();
    guest.start();
    assert_eq!(guest.exec_sh("cat /file; ls /dev/shm").1.out(), "first\n");
    // Ends, executes and removals of one leave the other alone.
    guest.post("/kill").expect(204);
    assert_eq!(guest.wait(), 137);
    delete(&guest.path("")).expect(204);
    assert_eq!(donor.exec_sh("cat /dev/shm/file").1.out(), "kept\n");
}

fn a_pause_of_one_leaves_the_other_running() {
    let donor = shareable();
    let guest = join("IpcMode", &donor, "echo ready; exec sleep 1000");
    guest.start();
    guest.until_logged("ready");
    donor.post("/pause").expect(204);
    assert_eq!(guest.exec_sh("cat /dev/shm/file").1.out(), "kept\n");
    guest.post("/pause").expect(204);
    donor.post("/unpause").expect(204);
    assert_eq!(donor.exec_sh("cat /dev/shm/file").1.out(), "kept\n");
    assert_eq!(guest.inspect()["State"]["Paused"], true);
    guest.post("/unpause").expect(204);
    guest.post("/stop?t=0").expect(204);
}
