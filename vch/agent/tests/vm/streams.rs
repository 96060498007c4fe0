//! Pipes and terminals: end of input, floods, credit, resize.

use crate::machine::Machine;
use crate::wanted::{container, process, shell, with_stdin};
use vch_agent_proto::{ExitStatus, Frame, Reply, Request, Stdio, WindowSize};

#[test]
fn input_ends_output_is_whole_and_nobody_stalls_another() {
    let mut machine = Machine::ready();
    let disks = machine.disks();
    let wanted = container(&disks, with_stdin(process(&["cat"])));
    let (id, stdin) = (wanted.id.clone(), wanted.process.number * 10 + 1);
    let running = machine.host.run(wanted).unwrap();
    let sent: Vec<u8> = (0..3_000_000u32).map(|n| (n * 7 % 251) as u8).collect();
    machine.host.write(stdin, &sent);
    machine.host.end_input(stdin);
    let ended = machine.host.wait(running);
    assert_eq!(ended.status, ExitStatus::Code(0));
    let output = running.number * 10 + 2;
    assert!(machine.host.streams[&output].bytes == sent, "what cat was given came back");
    machine.host.released(&id);

    // 16 MB at once, whole; a process that does not read is no reason to lose its exit.
    let wanted = container(&disks, shell("yes 0123456789abcde | head -c 16777216"));
    let id = wanted.id.clone();
    let running = machine.host.run(wanted).unwrap();
    let ended = machine.host.wait(running).ok();
    assert_eq!(ended.len(), 16 << 20);
    assert!(ended.as_bytes().chunks(16).all(|line| line == b"0123456789abcde\n"));
    machine.host.released(&id);

    // A flood that nobody takes stops at its window, while another stream of the same process goes on.
    let wanted = container(&disks, shell("yes & exec 1>&2; echo first; sleep 1; echo second"));
    let (id, number) = (wanted.id.clone(), wanted.process.number);
    machine.host.open_streams(&wanted.process);
    machine.host.streams.get_mut(&(number * 10 + 2)).unwrap().held = true;
    let request = machine.host.begin(&Request::Run(Box::new(wanted)));
    assert!(matches!(machine.host.reply(request), Ok(Reply::Started { .. })));
    machine.host.until("the quiet stream", |host| host.streams[&(number * 10 + 4)].ended.then_some(()));
    assert_eq!(machine.host.streams[&(number * 10 + 4)].bytes, b"first\nsecond\n");
    assert_eq!(machine.host.streams[&(number * 10 + 2)].bytes.len(), vch_agent_proto::WINDOW as usize);
    // The release does not wait for a reader either.
    machine.host.released(&id);
    let pipe = 64 * 1024;
    machine.host.send(&Frame::credit(number * 10 + 2, 1 << 20));
    machine.host.until("the rest", |host| host.streams[&(number * 10 + 2)].ended.then_some(()));
    let rest = machine.host.streams[&(number * 10 + 2)].bytes.len() - vch_agent_proto::WINDOW as usize;
    assert!(rest <= pipe, "{rest} bytes came after the window");

    // Nobody reads the input: the agent says so. Nobody wants the output: it is dropped, not the process.
    let wanted = container(&disks, with_stdin(shell("exec <&-; head -c 1000000 /dev/zero; echo over >&2")));
    let (id, number) = (wanted.id.clone(), wanted.process.number);
    let running = machine.host.run(wanted).unwrap();
    machine.host.send(&Frame::reset(number * 10 + 2));
    machine.host.until("the end", |host| host.streams[&(number * 10 + 4)].ended.then_some(()));
    assert_eq!(machine.host.exited(running).0, ExitStatus::Code(0));
    machine.host.released(&id);
}

#[test]
fn a_closed_input_is_reset() {
    let mut machine = Machine::ready();
    let disks = machine.disks();
    let wanted = container(&disks, with_stdin(shell("exec <&-; echo closed; sleep 100")));
    let number = wanted.process.number;
    let running = machine.host.run(wanted).unwrap();
    machine.host.until("closed", |host| (!host.streams[&(number * 10 + 2)].bytes.is_empty()).then_some(()));
    machine.host.write(number * 10 + 1, b"into nowhere");
    machine.host.until("the reset", |host| host.streams[&(number * 10 + 1)].reset.then_some(()));
    assert_eq!(machine.host.request(&Request::Signal { process: number, signal: 9 }), Ok(Reply::Done));
    assert_eq!(machine.host.exited(running).0, ExitStatus::Signal(9));
}

#[test]
fn a_terminal_has_a_size_echoes_and_interrupts() {
    let mut machine = Machine::ready();
    let disks = machine.disks();
    let script = "tty; stty size; ls -l /dev/console | cut -c1; trap 'stty size' WINCH; stat -c %u,%g,%a /dev/pts/0; echo ready; \
                  while :; do read line && echo \"got $line\"; done";
    let mut wanted = container(&disks, shell(script));
    let number = wanted.process.number;
    let (input, output) = (number * 10 + 1, number * 10 + 2);
    let size = Some(WindowSize { rows: 33, columns: 101 });
    wanted.process.stdio = Stdio::Terminal { input: Some(input), output, size };
    wanted.process.user = "app".into();
    let id = wanted.id.clone();
    let running = machine.host.run(wanted).unwrap();
    let seen = |machine: &mut Machine, text: &str| {
        machine
            .host
            .until(text, |host| String::from_utf8_lossy(&host.streams[&output].bytes).contains(text).then_some(()));
    };
    seen(&mut machine, "ready\r\n");
    let text = String::from_utf8_lossy(&machine.host.streams[&output].bytes).into_owned();
    assert!(text.starts_with("/dev/pts/0\r\n33 101\r\nc\r\n1000,5,620\r\n"), "{text:?}");
    let size = WindowSize { rows: 50, columns: 20 };
    assert_eq!(machine.host.request(&Request::Resize { process: number, size }), Ok(Reply::Done));
    machine.host.write(input, b"hello\n");
    // The echo is the terminal's, the answer the program's; when a shell runs its trap is its own affair.
    seen(&mut machine, "hello\r\n");
    seen(&mut machine, "got hello\r\n");
    seen(&mut machine, "50 20\r\n");
    // A terminal knows no half-close; what comes after it ends the program all the same.
    machine.host.write(input, b"\x03");
    let (status, _) = machine.host.exited(running);
    assert!(matches!(status, ExitStatus::Code(130) | ExitStatus::Signal(2)), "{status:?}");
    machine.host.until("the end of output", |host| host.streams[&output].ended.then_some(()));
    machine.host.released(&id);
}
