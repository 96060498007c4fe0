//! Exec: create, start, inspect, and what each refuses.

use std::io::Read;
use vch_compat_tests::prelude::*;
use vch_compat_tests::raw::PATIENCE;

pub(super) fn tests() -> Vec<Test> {
    let mut tests = tests![
        output_and_exit_code,
        input_goes_in_and_its_end_too,
        detached_it_runs_on_its_own,
        inspect_has_what_clients_read,
        the_exit_code_is_there_when_the_stream_ends,
        options_reach_the_process,
        user_by_name_number_and_group,
        without_upgrade_the_reply_is_200,
        frames_follow_the_start_not_the_create,
        no_command_is_refused,
        on_a_stopped_container_is_a_conflict,
        a_missing_container_is_not_found,
        a_missing_exec_is_not_found,
        an_exec_cannot_start_twice,
        execs_of_a_dead_container_are_gone,
        it_ends_with_its_container,
        it_sees_the_containers_processes_and_files,
        many_at_once,
        resize_needs_numbers_and_a_running_exec,
        it_is_listed_in_the_containers_inspect,
        orphans_are_reaped,
    ];
    let all = tests![a_privileged_one_has_all_capabilities].into_iter();
    tests.extend(all.map(Test::needs_all_capabilities));
    let strict = tests![a_missing_program_says_so_in_the_stream_and_exits_127];
    let reason = "gave 126, and the runtime's words";
    tests.extend(strict.into_iter().map(|t| t.older_differs(42, reason)));
    tests
}

#[track_caller]
fn inspect(id: &str) -> Value {
    get(&format!("/exec/{id}/json")).expect(200).json()
}

const START: &str = r#"{"Detach":false,"Tty":false}"#;

fn start() -> Value {
    serde_json::from_str(START).unwrap()
}

fn output_and_exit_code() {
    let container = Container::idle();
    let (code, output) = container.exec_sh("echo out; echo err >&2; exit 7");
    assert_eq!(code, 7);
    assert_eq!((output.out(), output.err()), ("out\n".into(), "err\n".into()));
    assert_eq!(container.logs().out(), "ready\n", "not in the container's logs");
}

fn input_goes_in_and_its_end_too() {
    let container = Container::idle();
    let id = container.exec(&json!({
        "AttachStdin": true, "AttachStdout": true, "Cmd": ["sh", "-c", "cat; echo over"],
    }));
    let (head, mut body) = exec_start(&id, &start());
    assert_eq!(head.reason, "UPGRADED");
    body.write(b"hello\n");
    body.close_write();
    assert_eq!(frames::all(&mut body).out(), "hello\nover\n");
}

fn detached_it_runs_on_its_own() {
    let container = Container::idle();
    let id = container.exec(&json!({ "Cmd": ["sh", "-c", "echo x > /made; exit 5"] }));
    let reply = post_json(&format!("/exec/{id}/start"), &json!({ "Detach": true }));
    assert!(reply.expect(200).body.is_empty());
    let ended = || (inspect(&id)["Running"] == false).then_some(());
    eventually(SOON, "the exec ends", ended);
    assert_eq!(inspect(&id)["ExitCode"], 5);
    assert_eq!(container.exec_sh("cat /made").1.out(), "x\n");
}

fn inspect_has_what_clients_read() {
    let container = Container::idle();
    let id = container.exec(&json!({
        "AttachStdin": true, "AttachStdout": true, "Tty": false,
        "Cmd": ["sh", "-c", "cat"], "User": "app", "Privileged": false,
    }));
    let made = inspect(&id);
    assert_eq!(made["ID"], json!(id));
    assert_eq!(made["ContainerID"], json!(container.id));
    assert_eq!(made["Running"], false);
    assert_eq!(made["ExitCode"], Value::Null);
    assert_eq!(
        made["ProcessConfig"],
        json!({
            "entrypoint": "sh", "arguments": ["-c", "cat"], "tty": false, "privileged": false, "user": "app",
        })
    );
    assert_eq!(made["OpenStdin"], true);
    assert_eq!(made["OpenStdout"], true);
    assert_eq!(made["OpenStderr"], false);
    assert_eq!(made["CanRemove"], false);
    let (_, mut body) = exec_start(&id, &start());
    let running = || (inspect(&id)["Pid"].as_i64() > Some(0)).then(|| inspect(&id));
    let state = eventually(SOON, "the exec runs", running);
    assert_eq!(state["Running"], true);
    body.close_write();
    frames::all(&mut body);
    assert_eq!(inspect(&id)["ExitCode"], 0);
}

fn the_exit_code_is_there_when_the_stream_ends() {
    let container = Container::idle();
    for code in 0..20 {
        // exec_sh looks once, right after the end of the stream.
        assert_eq!(container.exec_sh(&format!("exit {code}")).0, code);
    }
}

fn options_reach_the_process() {
    let container = Container::create(json!({
        "Cmd": ["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"],
        "Env": ["FROM=container", "KEPT=yes"], "WorkingDir": "/home",
    }));
    container.start();
    let id = container.exec(&json!({
        "AttachStdout": true, "Env": ["FROM=exec"], "WorkingDir": "/tmp",
        "Cmd": ["sh", "-c", "echo $FROM $KEPT $PWD"],
    }));
    let (_, mut body) = exec_start(&id, &start());
    assert_eq!(frames::all(&mut body).out(), "exec yes /tmp\n");
    assert_eq!(container.exec_sh("pwd").1.out(), "/home\n");
}

fn user_by_name_number_and_group() {
    let container = Container::idle();
    for (user, shown) in [
        ("app", "uid=1000(app) gid=1001(app) groups=1001(app),2000(extra)\n"),
        ("1000", "uid=1000(app) gid=1001(app) groups=1001(app),2000(extra)\n"),
        ("app:extra", "uid=1000(app) gid=2000(extra) groups=2000(extra)\n"),
        ("4242:4343", "uid=4242 gid=4343 groups=4343\n"),
    ] {
        let id = container.exec(&json!({ "AttachStdout": true, "User": user, "Cmd": ["id"] }));
        let (_, mut body) = exec_start(&id, &start());
        assert_eq!(frames::all(&mut body).out(), shown, "{user}");
    }
}

fn without_upgrade_the_reply_is_200() {
    let container = Container::idle();
    let id = container.exec(&json!({ "AttachStdout": true, "Cmd": ["echo", "hello"] }));
    let mut live = open("POST", &format!("/exec/{id}/start"), Some(&start()));
    assert_eq!(live.head.status, 200);
    assert_eq!(live.head.header("Content-Type"), Some("application/vnd.docker.raw-stream"));
    assert_eq!(frames::all(&mut live.body).out(), "hello\n");
}

fn frames_follow_the_start_not_the_create() {
    let container = Container::idle();
    let id = container.exec(&json!({ "AttachStdout": true, "Tty": true, "Cmd": ["echo", "x"] }));
    let (_, mut body) = exec_start(&id, &json!({ "Tty": false }));
    assert_eq!(frames::all(&mut body).out(), "x\r\n");
    let id = container.exec(&json!({ "AttachStdout": true, "Tty": true, "Cmd": ["echo", "x"] }));
    let (_, mut body) = exec_start(&id, &json!({ "Tty": true }));
    let mut raw = String::new();
    body.read_to_string(&mut raw).unwrap();
    assert_eq!(raw, "x\r\n");
}

fn a_missing_program_says_so_in_the_stream_and_exits_127() {
    let container = Container::idle();
    let id = container.exec(&json!({
        "AttachStdout": true, "AttachStderr": true, "Cmd": ["no-such-program"],
    }));
    let mut live = open("POST", &format!("/exec/{id}/start"), Some(&start()));
    let mut text = Vec::new();
    live.body.read_to_end(&mut text).unwrap();
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains("executable file not found in $PATH"), "{text}");
    assert_eq!(inspect(&id)["ExitCode"], 127);
}

fn no_command_is_refused() {
    let container = Container::idle();
    for body in [json!({}), json!({ "Cmd": [] })] {
        post_json(&container.path("/exec"), &body).refuses(400, "No exec command specified");
    }
}

fn on_a_stopped_container_is_a_conflict() {
    let container = Container::sh("true");
    let body = json!({ "Cmd": ["true"] });
    let words = format!("Container {} is not running", container.id);
    post_json(&container.path("/exec"), &body).refuses(409, &words);
    container.run();
    post_json(&container.path("/exec"), &body).refuses(409, &words);
}

fn a_missing_container_is_not_found() {
    post_json("/containers/no-such/exec", &json!({ "Cmd": ["true"] })).refuses(404, "No such container: no-such");
}

fn a_missing_exec_is_not_found() {
    get("/exec/no-such/json").refuses(404, "No such exec instance: no-such");
    post_json("/exec/no-such/start", &json!({})).refuses(404, "No such exec instance: no-such");
    post("/exec/no-such/resize?h=1&w=1").refuses(404, "No such exec instance: no-such");
}

fn an_exec_cannot_start_twice() {
    let container = Container::idle();
    let id = container.exec(&json!({ "AttachStdout": true, "Cmd": ["sleep", "1000"] }));
    let (_, _held) = exec_start(&id, &start());
    eventually(SOON, "the exec runs", || (inspect(&id)["Pid"].as_i64() > Some(0)).then_some(()));
    // Detached, since otherwise the connection is handed over first and the words go into the stream.
    let detached = json!({ "Detach": true });
    let again = post_json(&format!("/exec/{id}/start"), &detached);
    again.refuses(409, "already running");
    let done = container.exec(&json!({ "AttachStdout": true, "Cmd": ["true"] }));
    frames::all(&mut exec_start(&done, &start()).1);
    let again = post_json(&format!("/exec/{done}/start"), &detached);
    again.refuses(409, "has already run");
}

fn execs_of_a_dead_container_are_gone() {
    let container = Container::idle();
    let id = container.exec(&json!({ "AttachStdout": true, "Cmd": ["true"] }));
    container.post("/kill").expect(204);
    container.wait();
    let start = post_json(&format!("/exec/{id}/start"), &start());
    let status = start.head.status;
    assert!(matches!(status, 404 | 409), "{status} {}", start.text());
}

fn it_ends_with_its_container() {
    let container = Container::idle();
    let id = container.exec(&json!({
        "AttachStdout": true, "Cmd": ["sh", "-c", "echo up; sleep 1000"],
    }));
    let (_, mut body) = exec_start(&id, &start());
    frames::until(&mut body, "up\n");
    let begun = Instant::now();
    container.post("/kill").expect(204);
    assert_eq!(frames::all(&mut body).out(), "");
    assert!(begun.elapsed() < PATIENCE / 2);
}

fn it_sees_the_containers_processes_and_files() {
    let container = Container::sh("echo mark > /mark; trap 'exit 0' TERM; sleep 99999 & echo ready; wait");
    container.start();
    container.until_logged("ready");
    let (_, output) = container.exec_sh("cat /mark; tr '\\0' ' ' < /proc/1/cmdline; hostname");
    let shown = output.out();
    assert!(shown.starts_with("mark\nsh -c echo mark"), "{shown}");
    assert!(shown.ends_with(&format!("{}\n", &container.id[..12])), "{shown}");
}

fn many_at_once() {
    let container = Container::idle();
    std::thread::scope(|scope| {
        for n in 0..10 {
            let container = &container;
            scope.spawn(move || {
                let (code, output) = container.exec_sh(&format!("seq 1 1000; exit {n}"));
                assert_eq!((code, output.out().lines().count()), (n, 1000));
            });
        }
    });
}

fn a_privileged_one_has_all_capabilities() {
    let container = Container::idle();
    let script = "grep CapEff /proc/self/status";
    let effective = |body: Value| {
        let id = container.exec(&body);
        let (_, mut body) = exec_start(&id, &start());
        let shown = frames::all(&mut body).out();
        u64::from_str_radix(shown.trim().rsplit('\t').next().unwrap(), 16).unwrap()
    };
    let command = json!(["sh", "-c", script]);
    let plain = effective(json!({ "AttachStdout": true, "Cmd": command }));
    assert_eq!(plain, 0xa804_25fb);
    let all = effective(json!({ "AttachStdout": true, "Privileged": true, "Cmd": command }));
    assert!(all.count_ones() >= 38, "{all:x}");
}

fn resize_needs_numbers_and_a_running_exec() {
    let container = Container::idle();
    let id = container.exec(&json!({
        "AttachStdin": true, "AttachStdout": true, "Tty": true, "Cmd": ["sh"],
    }));
    let (_, mut body) = exec_start(&id, &json!({ "Tty": true }));
    post(&format!("/exec/{id}/resize?h=x&w=80")).refuses(400, "invalid");
    let resized = || (post(&format!("/exec/{id}/resize?h=33&w=111")).head.status < 300).then_some(());
    eventually(SOON, "the size is taken", resized);
    body.write(b"stty size; exit\n");
    let mut seen = String::new();
    body.read_to_string(&mut seen).unwrap();
    assert!(seen.contains("33 111\r\n"), "{seen:?}");
}

fn it_is_listed_in_the_containers_inspect() {
    let container = Container::idle();
    assert_eq!(container.inspect()["ExecIDs"], Value::Null);
    let id = container.exec(&json!({ "AttachStdin": true, "Cmd": ["cat"] }));
    let (_, mut body) = exec_start(&id, &start());
    let listed = || (container.inspect()["ExecIDs"] == json!([id])).then_some(());
    eventually(SOON, "the exec is listed", listed);
    body.close_write();
    frames::all(&mut body);
}

fn orphans_are_reaped() {
    // With an init the children of a dead exec do not stay as zombies.
    let container = Container::create(json!({
        "Cmd": ["sleep", "100000"], "HostConfig": { "Init": true },
    }));
    container.start();
    for _ in 0..5 {
        container.exec_sh("(sleep 0.1; true) & (true) & exit 0");
    }
    let clean = || {
        let (_, output) = container.exec_sh("grep -l '^State:.Z' /proc/[0-9]*/status | wc -l");
        (output.out() == "0\n").then_some(())
    };
    eventually(SOON, "no zombie is left", clean);
}
