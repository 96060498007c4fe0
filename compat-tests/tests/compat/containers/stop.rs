//! Stop and restart: which signal, how long, and what it says when there is nothing to do.

use crate::time::seconds;
use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    let mut tests = tests![
        stop_sends_term_and_waits_for_the_end,
        stop_kills_after_its_time,
        stop_sends_the_containers_own_signal,
        stop_takes_the_containers_own_time,
        stop_of_a_stopped_container_changes_nothing,
        stop_of_a_missing_container_is_not_found,
        stop_needs_a_number,
        restart_stops_and_starts,
        restart_of_a_stopped_container_starts_it,
        restart_of_a_missing_container_is_not_found,
        the_signal_of_the_image_is_used,
    ];
    let newer = tests![stop_takes_a_signal];
    tests.extend(newer.into_iter().map(|t| t.since(42)));
    tests
}

/// A running container that says which signal it got and ends by it.
fn telling(signals: &[&str], more: Value) -> Container {
    let traps: String =
        signals.iter().enumerate().map(|(n, name)| format!("trap 'echo {name}; exit {}' {name}; ", n + 1)).collect();
    let mut body = more;
    body["Cmd"] = json!(["sh", "-c", format!("{traps} sleep 100000 & echo ready; wait")]);
    let container = Container::create(body);
    container.start();
    container.until_logged("ready");
    container
}

/// A running container that ignores SIGTERM.
fn stubborn(more: Value) -> Container {
    let mut body = more;
    body["Cmd"] = json!(["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.2; done"]);
    let container = Container::create(body);
    container.start();
    container.until_logged("ready");
    container
}

fn stop_sends_term_and_waits_for_the_end() {
    let container = telling(&["TERM"], json!({}));
    container.post("/stop").expect(204);
    let state = container.inspect()["State"].clone();
    assert_eq!(state["Status"], "exited");
    assert_eq!(state["ExitCode"], 1);
    assert_eq!(container.logs().out(), "ready\nTERM\n");
}

fn stop_kills_after_its_time() {
    for (query, least) in [("t=1", 1), ("t=0", 0)] {
        let container = stubborn(json!({}));
        let begun = Instant::now();
        container.post(&format!("/stop?{query}")).expect(204);
        let took = begun.elapsed();
        assert!(took >= Duration::from_secs(least), "{query}: {took:?}");
        assert!(took < Duration::from_secs(9), "{query}: {took:?}");
        assert_eq!(container.inspect()["State"]["ExitCode"], 137);
        assert_eq!(container.inspect()["State"]["OOMKilled"], false);
    }
}

fn stop_sends_the_containers_own_signal() {
    for signal in ["SIGUSR1", "USR1", "10"] {
        let container = telling(&["TERM", "USR1"], json!({ "StopSignal": signal }));
        container.post("/stop").expect(204);
        assert_eq!(container.logs().out(), "ready\nUSR1\n", "{signal}");
    }
}

fn stop_takes_the_containers_own_time() {
    let container = stubborn(json!({ "StopTimeout": 1 }));
    let begun = Instant::now();
    container.post("/stop").expect(204);
    let took = begun.elapsed();
    assert!((1.0..9.0).contains(&took.as_secs_f64()), "{took:?}");
}

fn stop_of_a_stopped_container_changes_nothing() {
    let container = Container::sh("exit 3");
    container.post("/stop").expect(304);
    container.run();
    let reply = container.post("/stop").expect(304);
    assert!(reply.body.is_empty());
    assert_eq!(container.inspect()["State"]["ExitCode"], 3);
}

fn stop_of_a_missing_container_is_not_found() {
    post("/containers/no-such/stop").refuses(404, "No such container: no-such");
}

fn stop_needs_a_number() {
    let container = Container::idle();
    let reply = container.post("/stop?t=soon");
    let status = reply.head.status;
    assert!(matches!(status, 400 | 500), "dockerd's versions differ: {status}");
    assert_eq!(container.inspect()["State"]["Running"], true);
}

fn stop_takes_a_signal() {
    let container = telling(&["TERM", "USR2"], json!({}));
    let path = format!("/v1.42{}", container.path("/stop?signal=SIGUSR2"));
    engine().client.call("POST", &path, &[], b"").expect(204);
    assert_eq!(container.logs().out(), "ready\nUSR2\n");
}

fn restart_stops_and_starts() {
    let container = telling(&["TERM"], json!({}));
    let before = container.inspect();
    container.post("/restart").expect(204);
    let after = container.inspect();
    assert_eq!(after["State"]["Running"], true);
    let started = |inspected: &Value| seconds(&inspected["State"]["StartedAt"]);
    assert!(started(&after) > started(&before));
    assert_eq!(after["RestartCount"], 0, "restarts by hand do not count");
    let seen = || (container.logs().out() == "ready\nTERM\nready\n").then_some(());
    eventually(SOON, "both lives are in the logs", seen);
}

fn restart_of_a_stopped_container_starts_it() {
    let container = Container::sh("echo x");
    container.post("/restart?t=1").expect(204);
    container.wait();
    container.post("/restart?t=1").expect(204);
    container.wait();
    assert_eq!(container.logs().out(), "x\nx\n");
}

fn restart_of_a_missing_container_is_not_found() {
    post("/containers/no-such/restart").refuses(404, "No such container: no-such");
}

fn the_signal_of_the_image_is_used() {
    let tag = format!("compat/{}:latest", unique("stop-signal"));
    let mut image = vch_compat_tests::image::marked(&tag, &tag);
    image.config["StopSignal"] = json!("SIGHUP");
    image.load();
    let container = telling(&["TERM", "HUP"], json!({ "Image": tag }));
    container.post("/stop").expect(204);
    assert_eq!(container.logs().out(), "ready\nHUP\n");
    drop(container);
    delete(&format!("/images/{tag}")).expect(200);
}
