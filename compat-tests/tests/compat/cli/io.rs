//! What goes through the standard streams of `docker run`, `exec` and `attach`.

use super::{detached, run};
use std::io::{Read, Write};
use vch_compat_tests::cli::{docker, docker_fed, finish, spawn};
use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    tests![
        piped_input_that_ends_ends_the_run,
        without_i_there_is_no_input,
        output_and_errors_go_their_own_ways,
        a_large_file_goes_through,
        the_process_may_end_before_its_input,
        input_can_be_a_conversation,
        exec_with_piped_input,
        attach_with_input,
        start_attached,
        a_reader_that_goes_away_does_not_stop_the_container,
        only_some_streams_attached,
    ]
}

fn piped_input_that_ends_ends_the_run() {
    for _ in 0..5 {
        let shown = docker_fed(&["run", "-i", "--rm", BUSYBOX, "cat"], b"hello\n").ok();
        assert_eq!(shown, "hello\n");
    }
    let shown = docker_fed(&["run", "-i", "--rm", BUSYBOX, "sh"], b"echo a; echo b; exit 3\n");
    assert_eq!((shown.code, shown.stdout.as_str()), (3, "a\nb\n"));
    let empty = docker_fed(&["run", "-i", "--rm", BUSYBOX, "wc", "-c"], b"").ok();
    assert_eq!(empty, "0\n");
}

fn without_i_there_is_no_input() {
    let shown = docker_fed(&["run", "--rm", BUSYBOX, "wc", "-c"], b"ignored").ok();
    assert_eq!(shown, "0\n");
}

fn output_and_errors_go_their_own_ways() {
    let arguments = ["run", "--rm", BUSYBOX, "sh", "-c", "echo out; echo err >&2"];
    let outcome = docker(&arguments);
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("out\n", "err\n"));
}

fn a_large_file_goes_through() {
    let input: Vec<u8> = (0..4_000_000u32).map(|n| b'a' + (n % 23) as u8).collect();
    let sum = |bytes: &[u8]| vch_compat_tests::image::digest(bytes)[7..].to_owned();
    let shown = docker_fed(&["run", "-i", "--rm", BUSYBOX, "sha256sum"], &input).ok();
    assert_eq!(shown, format!("{}  -\n", sum(&input)));
    let back = docker_fed(&["run", "-i", "--rm", BUSYBOX, "cat"], &input).ok();
    assert!(back.as_bytes() == input, "{} bytes came back", back.len());
}

fn the_process_may_end_before_its_input() {
    let input = vec![b'x'; 1 << 20];
    let outcome = docker_fed(&["run", "-i", "--rm", BUSYBOX, "head", "-c", "3"], &input);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (0, "xxx"));
}

fn input_can_be_a_conversation() {
    let script = "while read line; do echo \"<$line>\"; done; echo over";
    let arguments = ["run", "-i", "--rm", BUSYBOX, "sh", "-c", script];
    let mut child = spawn(&arguments);
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    for word in ["one", "two", "three"] {
        writeln!(stdin, "{word}").unwrap();
        let mut answer = vec![0; word.len() + 3];
        stdout.read_exact(&mut answer).unwrap();
        assert_eq!(answer, format!("<{word}>\n").as_bytes());
    }
    drop(stdin);
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "over\n");
    assert_eq!(finish(child, &arguments).code, 0);
}

fn exec_with_piped_input() {
    let container = Container::idle();
    let shown = docker_fed(&["exec", "-i", &container.id, "cat"], b"hello\n").ok();
    assert_eq!(shown, "hello\n");
    let options = ["exec", "-w", "/tmp", "-e", "A=b", "-u", "app", &container.id];
    let script = ["sh", "-c", "echo $PWD $A $(id -u)"];
    let shown = docker(&[&options[..], &script[..]].concat()).ok();
    assert_eq!(shown, "/tmp b 1000\n");
    let shown = docker(&["exec", "-d", &container.id, "touch", "/made"]).ok();
    assert_eq!(shown, "");
    let made = || (container.exec_sh("test -e /made").0 == 0).then_some(());
    eventually(SOON, "the detached exec runs", made);
}

fn attach_with_input() {
    let script = "echo ready; read line; echo \"got $line\"; exit 6";
    let container = detached(&["-i"], script);
    container.until_logged("ready");
    // The input stays open: an attach ends with it where the container keeps its own open.
    let arguments = ["attach", container.id.as_str()];
    let mut child = spawn(&arguments);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"words\n").unwrap();
    let outcome = finish(child, &arguments);
    drop(stdin);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (6, "got words\n"));
    docker(&["attach", &container.id]).fails(1, "cannot attach to a stopped container");
}

fn start_attached() {
    let id = docker(&["create", "-i", BUSYBOX, "sh", "-c", "cat; exit 5"]).ok();
    let container = Container::adopt(id.trim());
    let outcome = docker_fed(&["start", "-a", "-i", &container.id], b"through\n");
    assert_eq!((outcome.code, outcome.stdout.as_str()), (5, "through\n"));
    let shown = docker(&["start", &container.id]).ok();
    assert_eq!(shown, format!("{}\n", container.id));
}

fn a_reader_that_goes_away_does_not_stop_the_container() {
    let name = unique("reader");
    let script = "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; echo done > /done; sleep 1000";
    let arguments = ["run", "--name", &name, BUSYBOX, "sh", "-c", script];
    let mut child = spawn(&arguments);
    let mut first = [0; 7];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let id = get(&format!("/containers/{name}/json")).expect(200).json();
    let container = Container::adopt(id["Id"].as_str().unwrap());
    let done = || (container.exec_sh("test -e /done").0 == 0).then_some(());
    eventually(Duration::from_secs(60), "the container writes on", done);
}

fn only_some_streams_attached() {
    let arguments = ["run", "--rm", "-a", "stderr", BUSYBOX, "sh", "-c", "echo out; echo err >&2"];
    let outcome = docker(&arguments);
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("", "err\n"));
    assert_eq!(run(&["-a", "stdout"], "echo out; echo err >&2"), "out\n");
}
