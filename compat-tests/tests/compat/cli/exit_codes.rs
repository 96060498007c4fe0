//! The exit codes of `docker run` and `docker exec`, and the words that go with them.

use vch_compat_tests::cli::{docker, finish, spawn};
use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    let mut tests = tests![
        the_process_code_is_the_programs_code,
        codes_of_an_exec,
        an_error_of_the_engine_is_125,
        a_file_that_cannot_run_is_126,
        a_missing_program_is_127,
        a_signal_is_128_and_its_number,
        kill_and_stop_from_outside,
        wait_prints_codes,
        a_signal_to_the_program_reaches_the_process,
        a_failed_run_with_rm_leaves_nothing,
    ];
    let strict = tests![a_missing_program_of_an_exec_is_127];
    let reason = "gave 126";
    let later = tests![a_missing_network_is_125].into_iter();
    tests.extend(later.map(|t| t.ours_not_yet("no networks: refused in other words")));
    tests.extend(strict.into_iter().map(|t| t.older_differs(42, reason)));
    tests
}

fn code(arguments: &[&str]) -> i32 {
    docker(arguments).code
}

fn the_process_code_is_the_programs_code() {
    for wanted in [0, 1, 2, 3, 63, 64, 100, 125, 126, 127, 128, 129, 137, 143, 200, 254, 255] {
        let script = format!("exit {wanted}");
        assert_eq!(code(&["run", "--rm", BUSYBOX, "sh", "-c", &script]), wanted);
    }
}

fn codes_of_an_exec() {
    let container = Container::idle();
    for wanted in [0, 1, 42, 125, 126, 127, 255] {
        let script = format!("exit {wanted}");
        assert_eq!(code(&["exec", &container.id, "sh", "-c", &script]), wanted);
    }
    docker(&["exec", "compat-no-such", "true"]).fails(1, "No such container: compat-no-such");
    container.post("/kill").expect(204);
    container.wait();
    let stopped = docker(&["exec", &container.id, "true"]);
    stopped.fails(1, "is not running");
}

fn an_error_of_the_engine_is_125() {
    for (arguments, words) in [
        (vec!["--name", "a b"], "Invalid container name (a b)"),
        (vec!["--memory", "1m"], "minimum memory limit allowed is"),
        (vec!["-w", "relative"], "needs to be an absolute path"),
    ] {
        let mut all = vec!["run", "--rm"];
        all.extend(arguments);
        all.extend([BUSYBOX, "true"]);
        docker(&all).fails(125, words);
    }
    docker(&["run", "--frobnicate", BUSYBOX]).fails(125, "unknown flag");
}

fn a_missing_network_is_125() {
    docker(&["run", "--rm", "--network", "compat-no-such", BUSYBOX, "true"])
        .fails(125, "network compat-no-such not found");
    docker(&["run", "--network", "container:compat-no-such", BUSYBOX, "true"])
        .fails(125, "No such container: compat-no-such");
}

fn a_file_that_cannot_run_is_126() {
    docker(&["run", "--rm", BUSYBOX, "/bin/not-executable"]).fails(126, "permission denied");
    let folder = docker(&["run", "--rm", BUSYBOX, "/etc"]);
    assert_eq!(folder.code, 126, "{folder:?}");
}

fn a_missing_program_is_127() {
    docker(&["run", "--rm", BUSYBOX, "no-such-program"])
        .fails(127, "exec: \"no-such-program\": executable file not found in $PATH");
    docker(&["run", "--rm", BUSYBOX, "/no/such"]).fails(127, "no such file or directory");
    let detached = docker(&["run", "-d", "--rm", BUSYBOX, "no-such-program"]);
    detached.fails(127, "executable file not found");
}

fn a_missing_program_of_an_exec_is_127() {
    let container = Container::idle();
    let failed = docker(&["exec", &container.id, "no-such-program"]);
    assert_eq!(failed.code, 127, "{failed:?}");
    let said = failed.stdout + &failed.stderr;
    assert!(said.contains("executable file not found in $PATH"), "{said}");
}

fn a_signal_is_128_and_its_number() {
    for (name, wanted) in [("KILL", 137), ("TERM", 143), ("ABRT", 134), ("HUP", 129)] {
        let script = format!("sh -c 'kill -{name} $$'; exit $?");
        assert_eq!(code(&["run", "--rm", BUSYBOX, "sh", "-c", &script]), wanted, "{name}");
        let script = format!("kill -{name} $$");
        let init = ["run", "--rm", "--init", BUSYBOX, "sh", "-c", &script];
        assert_eq!(code(&init), wanted, "{name} under an init");
    }
}

fn kill_and_stop_from_outside() {
    for (arguments, wanted) in [(vec!["kill"], 137), (vec!["stop", "-t", "0"], 137), (vec!["kill", "-s", "USR1"], 10)] {
        let name = unique("outside");
        let script = "trap 'exit 10' USR1; echo up; while :; do sleep 0.1; done";
        let child = ["run", "--rm", "--name", &name, BUSYBOX, "sh", "-c", script];
        let running = spawn(&child);
        let up = || {
            let reply = get(&format!("/containers/{name}/logs?stdout=1"));
            (reply.head.status == 200 && !reply.body.is_empty()).then_some(())
        };
        eventually(SOON, "the container runs", up);
        let mut all = arguments.clone();
        all.push(&name);
        docker(&all).ok();
        assert_eq!(finish(running, &child).code, wanted, "{arguments:?}");
    }
}

fn wait_prints_codes() {
    let (one, two) = (Container::sh("exit 3"), Container::sh("sleep 0.3; exit 4"));
    one.start();
    two.start();
    let shown = docker(&["wait", &one.id, &two.id]).ok();
    assert_eq!(shown, "3\n4\n");
    docker(&["wait", "compat-no-such"]).fails(1, "No such container: compat-no-such");
}

fn a_signal_to_the_program_reaches_the_process() {
    let name = unique("proxied");
    let script = "trap 'echo hup; exit 21' HUP; echo up; while :; do sleep 0.1; done";
    let arguments = ["run", "--rm", "--name", &name, BUSYBOX, "sh", "-c", script];
    let child = spawn(&arguments);
    let up = || {
        let reply = get(&format!("/containers/{name}/logs?stdout=1"));
        (reply.head.status == 200 && !reply.body.is_empty()).then_some(())
    };
    eventually(SOON, "the container runs", up);
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    let outcome = finish(child, &arguments);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (21, "up\nhup\n"));
}

fn a_failed_run_with_rm_leaves_nothing() {
    let name = unique("left");
    docker(&["run", "--rm", "--name", &name, BUSYBOX, "no-such-program"]).fails(127, "not found");
    let gone = || (get(&format!("/containers/{name}/json")).head.status == 404).then_some(());
    eventually(SOON, "the container is removed", gone);
}
