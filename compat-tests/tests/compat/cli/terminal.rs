//! `docker run -it`, `exec -it` and `attach` at a real terminal.

use super::detached;
use vch_compat_tests::cli::docker;
use vch_compat_tests::prelude::*;
use vch_compat_tests::pty::Terminal;

pub(super) fn tests() -> Vec<Test> {
    tests![
        a_shell_to_type_at,
        the_size_follows_the_terminal,
        control_c_reaches_the_process,
        exec_at_a_terminal,
        detach_keys_leave_it_running_and_attach_comes_back,
        the_exit_code_comes_through,
        without_a_terminal_t_is_refused,
    ]
}

const PROMPT: &str = "/ # ";

fn a_shell_to_type_at() {
    let mut terminal = Terminal::docker(&["run", "-it", "--rm", BUSYBOX]);
    terminal.expect(PROMPT);
    terminal.send(b"echo $((6 * 7)); tty; echo $TERM\r");
    terminal.expect("42\r\n/dev/");
    terminal.expect("xterm\r\n");
    terminal.expect(PROMPT);
    terminal.send(b"cat\r");
    terminal.expect("cat\r\n");
    terminal.send(b"echoed\r");
    terminal.expect("echoed\r\n");
    terminal.send(b"\x04");
    terminal.expect(PROMPT);
    terminal.send(b"exit 7\r");
    assert_eq!(terminal.exit_code(), 7);
}

/// Says the size of its terminal, in brackets, for each line that is typed.
const TELL_SIZE: &str = "while read line; do echo \"[$(stty size)]\"; done; exit 9";

/// Types lines until the process tells this size: it arrives a moment after it was set.
#[track_caller]
fn until_size(terminal: &mut Terminal, wanted: &str) {
    eventually(SOON, wanted, || {
        terminal.send(b"\r");
        terminal.expect("[");
        (terminal.expect("]") == wanted).then_some(())
    });
}

fn the_size_follows_the_terminal() {
    let arguments = ["run", "-it", "--rm", BUSYBOX, "sh", "-c", TELL_SIZE];
    let mut terminal = Terminal::docker(&arguments);
    until_size(&mut terminal, "24 80");
    terminal.resize(50, 132);
    until_size(&mut terminal, "50 132");
    terminal.resize(10, 40);
    until_size(&mut terminal, "10 40");
    terminal.send(b"\x04");
    assert_eq!(terminal.exit_code(), 9);
}

fn control_c_reaches_the_process() {
    let script = "trap 'echo caught; exit 3' INT; echo ready; while :; do sleep 0.1; done";
    let arguments = ["run", "-it", "--rm", BUSYBOX, "sh", "-c", script];
    let mut terminal = Terminal::docker(&arguments);
    terminal.expect("ready");
    terminal.send(b"\x03");
    terminal.expect("caught");
    assert_eq!(terminal.exit_code(), 3);
}

fn exec_at_a_terminal() {
    let container = Container::idle();
    let mut terminal = Terminal::docker(&["exec", "-it", &container.id, "sh", "-c", TELL_SIZE]);
    until_size(&mut terminal, "24 80");
    terminal.resize(33, 99);
    until_size(&mut terminal, "33 99");
    terminal.send(b"\x04");
    assert_eq!(terminal.exit_code(), 9);
    assert_eq!(container.inspect()["State"]["Running"], true);
}

fn detach_keys_leave_it_running_and_attach_comes_back() {
    let container = detached(&["-it"], "stty -echo; while read line; do echo \"<$line>\"; done");
    for keys in [None, Some("ctrl-x,d")] {
        let mut arguments = vec!["attach"];
        if let Some(keys) = keys {
            arguments.extend(["--detach-keys", keys]);
        }
        arguments.push(&container.id);
        let mut terminal = Terminal::docker(&arguments);
        eventually(SOON, "the container answers", || {
            terminal.send(b"hello\r");
            terminal.expect("<hello>");
            Some(())
        });
        terminal.send(if keys.is_some() { b"\x18d" } else { b"\x10\x11" });
        terminal.expect("read escape sequence");
        // The program's own code for it differs between its versions; that it ends counts.
        terminal.exit_code();
        assert_eq!(container.inspect()["State"]["Running"], true);
    }
}

fn the_exit_code_comes_through() {
    let mut terminal = Terminal::docker(&["run", "-it", "--rm", BUSYBOX, "sh", "-c", "exit 42"]);
    assert_eq!(terminal.exit_code(), 42);
    let mut terminal = Terminal::docker(&["run", "-it", "--rm", BUSYBOX, "no-such-program"]);
    terminal.expect("executable file not found in $PATH");
    assert_eq!(terminal.exit_code(), 127);
}

fn without_a_terminal_t_is_refused() {
    docker(&["run", "-it", "--rm", BUSYBOX, "true"]).fails(1, "the input device is not a TTY");
}
