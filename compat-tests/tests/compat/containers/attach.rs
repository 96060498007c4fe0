//! Attach by HTTP: both forms of it, what arrives, and how it ends.

use std::io::Read;
use std::net::Shutdown;
use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    let mut tests = tests![
        with_upgrade_the_reply_is_101,
        without_upgrade_the_reply_is_200_and_the_same_bytes,
        attached_before_start_nothing_is_lost,
        standard_input_reaches_the_process,
        the_end_of_input_is_passed_on_and_output_stays_open,
        input_of_a_container_that_keeps_it_open_survives_a_client,
        a_container_without_open_input_reads_its_end,
        only_the_streams_asked_for_arrive,
        logs_and_no_stream_replays_and_ends,
        logs_and_stream_replays_and_goes_on,
        several_clients_see_the_same,
        the_stream_ends_with_the_container,
        attach_to_a_stopped_container_ends_at_once_or_waits,
        a_missing_container_is_not_found,
        a_megabyte_goes_in_and_comes_back,
    ];
    let newer = tests![the_content_type_says_multiplexed];
    tests.extend(newer.into_iter().map(|t| t.since(42)));
    tests
}

/// A container that reads its input: `OpenStdin`, and `StdinOnce` where asked.
fn reader(script: &str, once: bool) -> Container {
    Container::create(json!({
        "Cmd": ["sh", "-c", script], "OpenStdin": true, "StdinOnce": once,
        "AttachStdin": true, "AttachStdout": true, "AttachStderr": true,
    }))
}

const ALL: &str = "stream=1&stdin=1&stdout=1&stderr=1";

fn with_upgrade_the_reply_is_101() {
    let container = Container::sh("echo hello");
    let (head, mut body) = container.attach("stream=1&stdout=1");
    assert_eq!(head.status, 101);
    assert_eq!(head.reason, "UPGRADED");
    assert_eq!(head.header("Connection"), Some("Upgrade"));
    assert_eq!(head.header("Upgrade"), Some("tcp"));
    assert_eq!(head.header("Content-Type"), Some("application/vnd.docker.raw-stream"));
    container.start();
    assert_eq!(frames::all(&mut body).out(), "hello\n");
}

fn the_content_type_says_multiplexed() {
    for (tty, kind) in
        [(false, "application/vnd.docker.multiplexed-stream"), (true, "application/vnd.docker.raw-stream")]
    {
        let container = Container::create(json!({ "Cmd": ["true"], "Tty": tty }));
        let path = format!("/v1.42{}", container.path("/attach?stream=1&stdout=1"));
        let (head, _) = engine().client.upgrade(&path, b"");
        assert_eq!(head.header("Content-Type"), Some(kind), "tty {tty}");
    }
}

fn without_upgrade_the_reply_is_200_and_the_same_bytes() {
    let container = Container::sh("echo out; echo err >&2");
    let mut live = open("POST", &container.path("/attach?stream=1&stdout=1&stderr=1"), None);
    assert_eq!(live.head.status, 200);
    assert_eq!(live.head.header("Content-Type"), Some("application/vnd.docker.raw-stream"));
    container.start();
    let output = frames::all(&mut live.body);
    assert_eq!((output.out(), output.err()), ("out\n".into(), "err\n".into()));
}

fn attached_before_start_nothing_is_lost() {
    for _ in 0..5 {
        let container = Container::sh("echo first; seq 1 2000; echo last >&2");
        let (_, mut body) = container.attach(ALL);
        container.start();
        let output = frames::all(&mut body);
        assert!(output.out().starts_with("first\n1\n2\n"));
        assert_eq!(output.out().lines().count(), 2001);
        assert_eq!(output.err(), "last\n");
    }
}

fn standard_input_reaches_the_process() {
    let container = reader("read line; echo got $line; read line; echo and $line", true);
    let (_, mut body) = container.attach(ALL);
    container.start();
    body.write(b"one\n");
    frames::until(&mut body, "got one\n");
    body.write(b"two\n");
    assert_eq!(frames::all(&mut body).out(), "and two\n");
}

fn the_end_of_input_is_passed_on_and_output_stays_open() {
    let container = reader("cat; echo and the rest; exit 3", true);
    let (_, mut body) = container.attach(ALL);
    container.start();
    body.write(b"hello\n");
    body.close_write();
    assert_eq!(frames::all(&mut body).out(), "hello\nand the rest\n");
    assert_eq!(container.wait(), 3);
}

fn input_of_a_container_that_keeps_it_open_survives_a_client() {
    let container = reader("while read line; do echo got $line; done; echo over", false);
    container.start();
    for word in ["one", "two"] {
        let (_, mut body) = container.attach(ALL);
        body.write(format!("{word}\n").as_bytes());
        frames::until(&mut body, &format!("got {word}\n"));
        body.wire().shutdown(Shutdown::Both).unwrap();
    }
    assert_eq!(container.inspect()["State"]["Running"], true);
    assert!(!container.logs().out().contains("over"));
}

fn a_container_without_open_input_reads_its_end() {
    let container = Container::sh("cat; echo over");
    let (_, mut body) = container.attach(ALL);
    container.start();
    assert_eq!(frames::all(&mut body).out(), "over\n");
}

fn only_the_streams_asked_for_arrive() {
    let container = Container::sh("echo out; echo err >&2");
    let (_, mut out) = container.attach("stream=1&stdout=1");
    let (_, mut err) = container.attach("stream=1&stderr=1");
    container.start();
    let (out, err) = (frames::all(&mut out), frames::all(&mut err));
    assert_eq!((out.out(), out.err()), ("out\n".into(), String::new()));
    assert_eq!((err.out(), err.err()), (String::new(), "err\n".into()));
}

fn logs_and_no_stream_replays_and_ends() {
    let container = Container::idle();
    let (_, mut body) = container.attach("logs=1&stream=0&stdout=1&stderr=1");
    assert_eq!(frames::all(&mut body).out(), "ready\n");
    assert_eq!(container.inspect()["State"]["Running"], true);
}

fn logs_and_stream_replays_and_goes_on() {
    let container = reader("echo before; read line; echo after $line", true);
    container.start();
    container.until_logged("before");
    let (_, mut body) = container.attach(&format!("{ALL}&logs=1"));
    frames::until(&mut body, "before\n");
    body.write(b"all\n");
    assert_eq!(frames::all(&mut body).out(), "after all\n");
}

fn several_clients_see_the_same() {
    let container = Container::sh("seq 1 500");
    let attached: Vec<_> = (0..4).map(|_| container.attach("stream=1&stdout=1").1).collect();
    container.start();
    let seen: Vec<String> = attached.into_iter().map(|mut body| frames::all(&mut body).out()).collect();
    assert_eq!(seen[0].lines().count(), 500);
    assert!(seen.iter().all(|s| *s == seen[0]));
}

fn the_stream_ends_with_the_container() {
    let container = Container::idle();
    let (_, mut body) = container.attach(ALL);
    assert!(body.is_silent_for(Duration::from_millis(300)));
    container.post("/kill").expect(204);
    assert_eq!(frames::all(&mut body), frames::Output::default());
}

fn attach_to_a_stopped_container_ends_at_once_or_waits() {
    // The program refuses to do this itself; a client that does must not get what is long over.
    let container = Container::sh("echo hello");
    container.run();
    let (_, mut body) = container.attach("stream=1&stdout=1");
    assert!(
        body.is_silent_for(Duration::from_millis(500)) || {
            let mut rest = Vec::new();
            body.read_to_end(&mut rest).unwrap();
            rest.is_empty()
        }
    );
}

fn a_missing_container_is_not_found() {
    let reply = post("/containers/no-such/attach?stream=1&stdout=1").expect(404);
    // dockerd writes this one as plain text: the connection is about to be handed over.
    assert!(reply.text().contains("No such container: no-such"), "{}", reply.text());
}

fn a_megabyte_goes_in_and_comes_back() {
    let container = reader("cat", true);
    let (_, mut body) = container.attach(ALL);
    container.start();
    let block: Vec<u8> = (0..1u32 << 18).flat_map(u32::to_le_bytes).collect();
    let mut writer = body.wire().try_clone().unwrap();
    let input = block.clone();
    let feed = std::thread::spawn(move || {
        std::io::Write::write_all(&mut writer, &input).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let output = frames::all(&mut body);
    feed.join().unwrap();
    assert_eq!(output.stdout.len(), block.len());
    assert!(output.stdout == block, "the bytes came back changed");
}
