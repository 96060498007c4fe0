//! Kill: signals by name and number.

use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    tests![
        kill_ends_with_137,
        a_signal_by_any_of_its_names,
        a_signal_that_is_caught_does_not_stop_it,
        a_deadly_signal_gives_128_and_its_number,
        a_process_without_a_handler_ignores_term_as_init,
        kill_of_a_stopped_container_is_a_conflict,
        a_bad_signal_is_refused,
        a_missing_container_is_not_found,
    ]
}

fn kill_ends_with_137() {
    let container = Container::idle();
    container.post("/kill").expect(204);
    assert_eq!(container.wait(), 137);
    let state = container.inspect()["State"].clone();
    assert_eq!((&state["Status"], &state["ExitCode"]), (&json!("exited"), &json!(137)));
    assert_eq!(state["OOMKilled"], false);
}

fn a_signal_by_any_of_its_names() {
    let script = "trap 'echo got' USR1; echo ready; while :; do sleep 0.1; done";
    let container = Container::sh(script);
    container.start();
    container.until_logged("ready");
    for (times, signal) in ["SIGUSR1", "USR1", "usr1", "10"].iter().enumerate() {
        container.post(&format!("/kill?signal={signal}")).expect(204);
        let seen = || (container.logs().out().matches("got").count() == times + 1).then_some(());
        eventually(SOON, &format!("signal {signal} arrives"), seen);
    }
}

fn a_signal_that_is_caught_does_not_stop_it() {
    let container = Container::sh("trap 'echo hup' HUP; echo ready; while :; do sleep 0.1; done");
    container.start();
    container.until_logged("ready");
    container.post("/kill?signal=HUP").expect(204);
    container.until_logged("hup");
    assert_eq!(container.inspect()["State"]["Running"], true);
}

fn a_deadly_signal_gives_128_and_its_number() {
    // The shell's child dies by the signal, the shell passes the number on, as init of the container.
    for (name, code) in [("TERM", 143), ("INT", 130), ("SEGV", 139)] {
        let container = Container::sh(&format!("sh -c 'kill -{name} $$'; exit $?"));
        assert_eq!(container.run().0, code, "{name}");
    }
    let body = json!({
        "Cmd": ["sh", "-c", "echo ready; exec sleep 100000"], "HostConfig": { "Init": true },
    });
    for (name, code) in [("TERM", 143), ("KILL", 137)] {
        let container = Container::create(body.clone());
        container.start();
        container.until_logged("ready");
        container.post(&format!("/kill?signal={name}")).expect(204);
        assert_eq!(container.wait(), code, "{name}");
    }
}

fn a_process_without_a_handler_ignores_term_as_init() {
    let container = Container::sh("echo ready; while :; do sleep 0.2; done");
    container.start();
    container.until_logged("ready");
    container.post("/kill?signal=TERM").expect(204);
    assert!(container.exec_sh("sleep 0.5").0 == 0);
    assert_eq!(container.inspect()["State"]["Running"], true);
}

fn kill_of_a_stopped_container_is_a_conflict() {
    let container = Container::sh("true");
    let words = format!("Container {} is not running", container.id);
    container.post("/kill").refuses(409, &words);
    container.run();
    container.post("/kill").refuses(409, &words);
}

fn a_bad_signal_is_refused() {
    let container = Container::idle();
    for signal in ["FROB", "SIGFROB", "0x9"] {
        let reply = container.post(&format!("/kill?signal={signal}"));
        reply.refuses(400, "invalid signal");
    }
    assert_eq!(container.inspect()["State"]["Running"], true);
}

fn a_missing_container_is_not_found() {
    post("/containers/no-such/kill").refuses(404, "No such container: no-such");
}
