//! Detach keys: the stream ends, the process does not.

use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    let mut tests = tests![
        the_usual_keys_end_the_stream_and_not_the_process,
        other_keys_may_be_asked_for,
        half_of_the_keys_goes_through,
        bad_keys_are_refused,
    ];
    let strict = tests![an_exec_is_detached_from_alike].into_iter();
    let reason = "took the keys of an exec for an error and ended the process";
    tests.extend(strict.map(|t| t.older_differs(42, reason)));
    tests
}

fn with_terminal() -> Container {
    let container = Container::create(json!({
        "Cmd": ["sh", "-c", "stty -echo -icanon; echo ready; exec cat"], "OpenStdin": true, "Tty": true,
    }));
    container.start();
    container
}

/// Reads raw bytes until `text` is seen.
#[track_caller]
fn until(body: &mut vch_compat_tests::raw::Body, text: &str) {
    use std::io::Read;
    let mut seen = String::new();
    let mut byte = [0; 256];
    while !seen.contains(text) {
        let n = body.read(&mut byte).unwrap();
        assert!(n > 0, "ended before {text:?}: {seen:?}");
        seen += &String::from_utf8_lossy(&byte[..n]);
    }
}

#[track_caller]
fn ends(mut body: vch_compat_tests::raw::Body) {
    use std::io::Read;
    let mut rest = Vec::new();
    body.read_to_end(&mut rest).unwrap();
    assert!(rest.len() < 200, "{rest:?}");
}

const STREAMS: &str = "stream=1&stdin=1&stdout=1&logs=1";

fn the_usual_keys_end_the_stream_and_not_the_process() {
    let container = with_terminal();
    let (_, mut body) = container.attach(STREAMS);
    until(&mut body, "ready");
    body.write(b"\x10\x11");
    ends(body);
    assert_eq!(container.inspect()["State"]["Running"], true);
    let (_, mut again) = container.attach(STREAMS);
    until(&mut again, "ready");
    again.write(b"still there");
    until(&mut again, "still there");
}

fn other_keys_may_be_asked_for() {
    let container = with_terminal();
    let (_, mut body) = container.attach(&format!("{STREAMS}&detachKeys=ctrl-a,x"));
    until(&mut body, "ready");
    body.write(b"\x01");
    body.write(b"x");
    ends(body);
    assert_eq!(container.inspect()["State"]["Running"], true);
}

fn half_of_the_keys_goes_through() {
    let container = with_terminal();
    let (_, mut body) = container.attach(STREAMS);
    until(&mut body, "ready");
    body.write(b"a\x10");
    body.write(b"b!");
    until(&mut body, "a\x10b!");
}

fn bad_keys_are_refused() {
    let container = with_terminal();
    let path = container.path("/attach?stream=1&stdin=1&detachKeys=ctrl-%C3%A4");
    let reply = open("POST", &path, None).finish();
    assert_eq!(reply.head.status, 400, "{}", reply.text());
}

fn an_exec_is_detached_from_alike() {
    let container = Container::idle();
    let id = container.exec(&json!({
        "AttachStdin": true, "AttachStdout": true, "AttachStderr": true, "Tty": true, "DetachKeys": "ctrl-b",
        "Cmd": ["sh", "-c", "stty -echo -icanon; echo ready; exec cat"],
    }));
    let (_, mut body) = exec_start(&id, &json!({ "Tty": true }));
    until(&mut body, "ready");
    body.write(b"\x02");
    ends(body);
    assert_eq!(container.exec_sh("pidof cat").0, 0, "the process goes on");
}
