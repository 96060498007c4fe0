//! Terminals: raw streams, line ends, sizes.

use std::io::Read;
use vch_compat_tests::prelude::*;
use vch_compat_tests::raw::Body;

pub(super) fn tests() -> Vec<Test> {
    tests![
        a_terminal_is_raw_and_ends_lines_as_terminals_do,
        logs_of_a_terminal_are_raw,
        the_process_has_a_terminal,
        without_a_terminal_there_is_none,
        resize_reaches_the_process,
        a_size_from_the_start,
        resize_is_refused_where_it_cannot_be,
        control_c_interrupts,
        the_end_of_input_by_control_d,
    ]
}

fn terminal(script: &str) -> Container {
    Container::create(json!({
        "Cmd": ["sh", "-c", script], "Tty": true, "OpenStdin": true,
    }))
}

const ALL: &str = "stream=1&stdin=1&stdout=1&stderr=1";

#[track_caller]
fn until(body: &mut Body, text: &str) -> String {
    let mut seen = String::new();
    let mut chunk = [0; 512];
    while !seen.contains(text) {
        let n = body.read(&mut chunk).unwrap();
        assert!(n > 0, "ended before {text:?}: {seen:?}");
        seen += &String::from_utf8_lossy(&chunk[..n]);
    }
    seen
}

#[track_caller]
fn rest(body: &mut Body) -> String {
    let mut seen = String::new();
    body.read_to_string(&mut seen).unwrap();
    seen
}

fn a_terminal_is_raw_and_ends_lines_as_terminals_do() {
    let container = terminal("echo out; echo err >&2");
    let (head, mut body) = container.attach(ALL);
    assert_eq!(head.header("Content-Type"), Some("application/vnd.docker.raw-stream"));
    container.start();
    assert_eq!(rest(&mut body), "out\r\nerr\r\n");
}

fn logs_of_a_terminal_are_raw() {
    let container = terminal("echo out; echo err >&2");
    container.start();
    container.wait();
    let shown = get(&container.path("/logs?stdout=1&stderr=1")).expect(200);
    assert_eq!(shown.text(), "out\r\nerr\r\n");
}

fn the_process_has_a_terminal() {
    let container = terminal("test -t 0 && test -t 1 && test -t 2 && tty; echo $TERM");
    let (_, mut body) = container.attach(ALL);
    container.start();
    let seen = rest(&mut body);
    let lines: Vec<&str> = seen.lines().collect();
    assert!(lines[0].starts_with("/dev/"), "{seen:?}");
    assert_eq!(lines[1], "xterm");
}

fn without_a_terminal_there_is_none() {
    let (code, output) = Container::sh("tty; echo \"[$TERM]\"; test -t 1").run();
    assert_eq!(code, 1);
    assert_eq!(output.out(), "not a tty\n[]\n");
}

fn resize_reaches_the_process() {
    let container = terminal("trap 'stty size' WINCH; echo ready; while [ ! -e /done ]; do sleep 0.1; done; echo end");
    let (_, mut body) = container.attach(ALL);
    container.start();
    until(&mut body, "ready");
    container.post("/resize?h=41&w=123").expect(200);
    until(&mut body, "41 123\r\n");
    container.post("/resize?h=5&w=7").expect(200);
    until(&mut body, "5 7\r\n");
    container.exec_sh("touch /done");
    rest(&mut body);
}

fn a_size_from_the_start() {
    let container = Container::create(json!({
        "Cmd": ["sh", "-c", "read line; stty size"], "Tty": true, "OpenStdin": true,
        "HostConfig": { "ConsoleSize": [30, 90] },
    }));
    let (_, mut body) = container.attach(ALL);
    container.start();
    container.post("/resize?h=31&w=91").expect(200);
    body.write(b"\n");
    let seen = rest(&mut body);
    assert!(seen.contains("31 91\r\n"), "{seen:?}");
}

fn resize_is_refused_where_it_cannot_be() {
    post("/containers/no-such/resize?h=1&w=1").refuses(404, "No such container: no-such");
    let container = terminal("true");
    container.post("/resize?h=24&w=80").refuses(409, "is not running");
    container.post("/resize?h=&w=80").refuses(400, "invalid syntax");
    container.post("/resize").refuses(400, "invalid syntax");
}

fn control_c_interrupts() {
    let container = terminal("trap 'echo caught; exit 3' INT; echo ready; while :; do sleep 0.1; done");
    let (_, mut body) = container.attach(ALL);
    container.start();
    until(&mut body, "ready");
    body.write(b"\x03");
    let seen = rest(&mut body);
    assert!(seen.contains("caught\r\n"), "{seen:?}");
    assert_eq!(container.wait(), 3);
}

fn the_end_of_input_by_control_d() {
    let container = terminal("cat; echo over");
    let (_, mut body) = container.attach(ALL);
    container.start();
    body.write(b"line\n");
    until(&mut body, "line\r\nline\r\n");
    body.write(b"\x04");
    assert_eq!(rest(&mut body), "over\r\n");
}
