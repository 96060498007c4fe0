//! Start, and what a failed start leaves.

use crate::time::{NEVER, assert_is_a_time, seconds};
use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    tests![
        start_runs_the_command,
        start_of_a_running_container_changes_nothing,
        start_again_after_the_end,
        the_file_system_outlives_a_stop,
        start_of_a_missing_container_is_not_found,
        a_missing_program_fails_the_start_with_127,
        a_file_that_cannot_run_fails_the_start_with_126,
        a_directory_as_program_fails_the_start_with_126,
        a_missing_user_fails_the_start,
        a_failed_start_can_be_repeated,
        a_missing_working_directory_is_made,
        state_follows_the_life,
    ]
}

fn start_runs_the_command() {
    let (code, output) = Container::sh("echo out; echo err >&2; exit 7").run();
    assert_eq!(code, 7);
    assert_eq!((output.out(), output.err()), ("out\n".into(), "err\n".into()));
}

fn start_of_a_running_container_changes_nothing() {
    let container = Container::idle();
    let before = container.inspect()["State"].clone();
    let reply = container.post("/start").expect(304);
    assert!(reply.body.is_empty());
    assert_eq!(container.inspect()["State"], before);
}

fn start_again_after_the_end() {
    let container = Container::sh("echo once more; exit 4");
    for times in 1..=3 {
        let (code, output) = container.run();
        assert_eq!(code, 4);
        assert_eq!(output.out(), "once more\n".repeat(times), "logs go on");
    }
}

fn the_file_system_outlives_a_stop() {
    let container = Container::sh("cat /kept; echo line >> /kept");
    container.run();
    let (_, output) = container.run();
    assert_eq!(output.out(), "line\n");
}

fn start_of_a_missing_container_is_not_found() {
    post("/containers/no-such/start").refuses(404, "No such container: no-such");
}

/// Starts what cannot start; the container.
#[track_caller]
fn fails_to_start(body: Value, status: u16, words: &str, code: i64) -> Container {
    let container = Container::create(body);
    container.post("/start").refuses(status, words);
    let state = container.inspect()["State"].clone();
    assert_eq!(state["Status"], "created", "{state}");
    assert_eq!(state["Running"], false, "{state}");
    assert_eq!(state["ExitCode"], code, "{state}");
    assert!(state["Error"].as_str().is_some_and(|e| !e.is_empty()), "{state}");
    container
}

fn a_missing_program_fails_the_start_with_127() {
    let words = "exec: \"no-such-program\": executable file not found in $PATH";
    fails_to_start(json!({ "Cmd": ["no-such-program", "x"] }), 400, words, 127);
    let words = "no such file or directory";
    fails_to_start(json!({ "Cmd": ["/no/such/program"] }), 400, words, 127);
}

fn a_file_that_cannot_run_fails_the_start_with_126() {
    let words = "permission denied";
    fails_to_start(json!({ "Cmd": ["/bin/not-executable"] }), 400, words, 126);
}

fn a_directory_as_program_fails_the_start_with_126() {
    let container = Container::create(json!({ "Cmd": ["/etc"] }));
    let reply = container.post("/start").expect(400);
    let text = reply.text();
    assert!(text.contains("permission denied") || text.contains("is a directory"), "{text}");
    assert_eq!(container.inspect()["State"]["ExitCode"], 126);
}

fn a_missing_user_fails_the_start() {
    for (user, words) in [
        ("nobody-knows", "unable to find user nobody-knows"),
        ("root:nobody-knows", "unable to find group nobody-knows"),
    ] {
        let container = Container::create(json!({ "Cmd": ["true"], "User": user }));
        let reply = container.post("/start");
        assert!(matches!(reply.head.status, 400 | 500), "dockerd's versions differ: {}", reply.head.status);
        assert!(reply.text().contains(words), "{}", reply.text());
        assert_eq!(container.inspect()["State"]["Running"], false);
    }
}

fn a_failed_start_can_be_repeated() {
    let container = Container::create(json!({ "Cmd": ["no-such-program"] }));
    for _ in 0..3 {
        container.post("/start").refuses(400, "executable file not found");
    }
    container.post("/wait").expect(200);
}

fn a_missing_working_directory_is_made() {
    let container = Container::create(json!({ "Cmd": ["pwd"], "WorkingDir": "/not/there/yet" }));
    assert_eq!(container.run().1.out(), "/not/there/yet\n");
}

fn state_follows_the_life() {
    let container = Container::sh("sleep 0.3; exit 9");
    let state = || container.inspect()["State"].clone();
    let created = state();
    assert_eq!(created["Status"], "created");
    assert_eq!(created["Pid"], 0);
    assert_eq!(created["StartedAt"], NEVER);
    assert_eq!(created["FinishedAt"], NEVER);
    let sleeper = Container::idle();
    let running = sleeper.inspect()["State"].clone();
    assert_eq!(running["Status"], "running");
    assert_eq!(running["Running"], true);
    for no in ["Paused", "Restarting", "OOMKilled", "Dead"] {
        assert_eq!(running[no], false, "{no}");
    }
    assert!(running["Pid"].as_i64() > Some(0), "{running}");
    assert_is_a_time(&running["StartedAt"]);
    assert_ne!(running["StartedAt"], NEVER);
    assert_eq!(running["FinishedAt"], NEVER);
    container.run();
    let exited = state();
    assert_eq!(exited["Status"], "exited");
    assert_eq!(exited["ExitCode"], 9);
    assert_eq!(exited["Pid"], 0);
    assert_is_a_time(&exited["FinishedAt"]);
    assert!(seconds(&exited["FinishedAt"]) > seconds(&exited["StartedAt"]));
}
