//! Wait: when it returns, and that its headers go out at once.

use std::io::Read;
use vch_compat_tests::prelude::*;
use vch_compat_tests::raw::Live;

pub(super) fn tests() -> Vec<Test> {
    tests![
        headers_come_before_the_condition_holds,
        not_running_returns_at_once_for_a_created_container,
        not_running_returns_at_once_for_an_exited_container,
        next_exit_waits_for_the_next_exit,
        removed_waits_for_the_removal,
        removed_gives_the_code_of_an_auto_removed_container,
        a_failed_start_of_an_auto_removed_container_satisfies_removed,
        many_waiters_get_the_same_code,
        a_missing_container_is_not_found,
        exit_codes_come_through,
    ]
}

fn waiting(container: &Container, condition: &str) -> Live {
    let path = container.path(&format!("/wait?condition={condition}"));
    let live = open("POST", &path, None);
    assert_eq!(live.head.status, 200);
    live
}

#[track_caller]
fn code(live: Live) -> i64 {
    let reply = live.finish().json();
    reply["StatusCode"].as_i64().unwrap()
}

fn headers_come_before_the_condition_holds() {
    let container = Container::sh("exit 3");
    // `open` returns once status line and headers are in: a late flush would hang here.
    let mut live = waiting(&container, "next-exit");
    assert_eq!(live.head.header("Content-Type"), Some("application/json"));
    assert!(live.body.is_silent_for(Duration::from_millis(500)), "next-exit returned before the start");
    container.start();
    assert_eq!(code(live), 3);
}

fn not_running_returns_at_once_for_a_created_container() {
    let container = Container::sh("exit 3");
    for path in ["/wait", "/wait?condition=not-running"] {
        let reply = container.post(path).expect(200).json();
        assert_eq!(reply["StatusCode"], 0);
    }
}

fn not_running_returns_at_once_for_an_exited_container() {
    let container = Container::sh("exit 3");
    container.run();
    assert_eq!(code(waiting(&container, "not-running")), 3);
    assert_eq!(container.wait(), 3);
}

fn next_exit_waits_for_the_next_exit() {
    let container = Container::sh("echo x >> /n; exit $(wc -l < /n)");
    assert_eq!(container.run().0, 1);
    let mut live = waiting(&container, "next-exit");
    assert!(live.body.is_silent_for(Duration::from_millis(300)));
    container.start();
    assert_eq!(code(live), 2);
}

fn removed_waits_for_the_removal() {
    let container = Container::sh("exit 5");
    let mut live = waiting(&container, "removed");
    container.run();
    assert!(live.body.is_silent_for(Duration::from_millis(300)), "an exit is no removal");
    delete(&container.path("")).expect(204);
    assert_eq!(code(live), 5);
}

fn removed_gives_the_code_of_an_auto_removed_container() {
    for wanted in [0, 1, 42] {
        let body = json!({
            "Cmd": ["sh", "-c", format!("exit {wanted}")], "HostConfig": { "AutoRemove": true },
        });
        let container = Container::create(body);
        let live = waiting(&container, "removed");
        container.start();
        assert_eq!(code(live), wanted);
        get(&container.path("/json")).expect(404);
    }
}

fn a_failed_start_of_an_auto_removed_container_satisfies_removed() {
    let body = json!({ "Cmd": ["no-such-program"], "HostConfig": { "AutoRemove": true } });
    let container = Container::create(body);
    let live = waiting(&container, "removed");
    container.post("/start").expect(400);
    assert_eq!(code(live), 127);
    let gone = || (get(&container.path("/json")).head.status == 404).then_some(());
    eventually(SOON, "the container is removed", gone);
}

fn many_waiters_get_the_same_code() {
    let container = Container::sh("exit 6");
    let waiters: Vec<Live> = (0..10).map(|_| waiting(&container, "next-exit")).collect();
    container.start();
    for live in waiters {
        assert_eq!(code(live), 6);
    }
}

fn a_missing_container_is_not_found() {
    post("/containers/no-such/wait").refuses(404, "No such container: no-such");
}

fn exit_codes_come_through() {
    for wanted in [0, 1, 2, 125, 126, 127, 128, 137, 255] {
        let container = Container::sh(&format!("exit {wanted}"));
        let mut live = waiting(&container, "next-exit");
        container.start();
        let mut text = String::new();
        live.body.read_to_string(&mut text).unwrap();
        let reply: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(reply["StatusCode"], wanted);
        assert_eq!(container.inspect()["State"]["ExitCode"], wanted);
    }
}
