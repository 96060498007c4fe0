//! Log drivers and their options: what is refused and when, files that are full, syslog, the copy that can be read.

use crate::time::now;
use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    let mut tests = tests![
        what_create_refuses,
        what_start_refuses,
        full_files_are_read_back,
        files_beyond_the_bound_are_gone,
        attributes_are_chosen_by_options,
        a_local_log_is_read_back,
        none_keeps_nothing,
        syslog_gets_every_line_and_a_copy_is_kept,
        syslog_without_a_copy_cannot_be_read,
        a_log_that_does_not_block_is_read_back,
        journald_is_refused_where_there_is_none,
        twenty_followers_see_the_same,
    ];
    let followed = tests![a_follower_goes_on_over_full_files].into_iter();
    tests.extend(followed.map(|t| t.older_differs(42, "following over full files repeats lines and loses others")));
    tests.extend(tests![unknown_drivers_are_refused].into_iter().map(Test::ours_only));
    tests.extend(tests![the_daemon_does_not_grow_with_the_log].into_iter().map(|t| t.ours_only().alone()));
    tests
}

#[track_caller]
fn with_log(script: &str, driver: &str, options: Value) -> Container {
    Container::create(json!({
        "Cmd": ["sh", "-c", script],
        "HostConfig": { "LogConfig": { "Type": driver, "Config": options } },
    }))
}

#[track_caller]
fn text(container: &Container, query: &str) -> String {
    let reply = get(&container.path(&format!("/logs?{query}"))).expect(200);
    frames::all(&mut &reply.body[..]).out()
}

fn what_create_refuses() {
    for (driver, options, words) in [
        ("json-file", json!({ "foo": "1" }), "unknown log opt 'foo' for json-file log driver"),
        ("", json!({ "foo": "1" }), "unknown log opt 'foo' for json-file log driver"),
        ("local", json!({ "labels": "a" }), "unknown log opt 'labels' for log driver local"),
        ("syslog", json!({ "foo": "1" }), "unknown log opt 'foo' for syslog log driver"),
        ("journald", json!({ "foo": "1" }), "unknown log opt 'foo' for journald log driver"),
        ("syslog", json!({ "syslog-address": "unix:///nosuch" }), "stat /nosuch: no such file or directory"),
        ("syslog", json!({ "syslog-address": "tcp://127.0.0.1:1:2" }), "too many colons in address"),
        ("syslog", json!({ "syslog-facility": "x" }), "invalid syslog facility"),
        ("syslog", json!({ "syslog-format": "x" }), "invalid syslog format"),
        ("syslog", json!({ "cache-disabled": "x" }), "invalid value for option cache-disabled: x"),
        ("json-file", json!({ "mode": "x" }), "logger: logging mode not supported: x"),
        (
            "json-file",
            json!({ "max-buffer-size": "1m" }),
            "max-buffer-size option is only supported with 'mode=non-blocking'",
        ),
        (
            "json-file",
            json!({ "mode": "non-blocking", "max-buffer-size": "x" }),
            "error parsing option max-buffer-size: invalid size: 'x'",
        ),
    ] {
        let log = json!({ "Type": driver, "Config": options });
        let body = json!({ "Image": BUSYBOX, "Cmd": ["true"], "HostConfig": { "LogConfig": log } });
        post_json("/containers/create", &body).refuses(400, words);
    }
    let log = json!({ "Type": "nosuch" });
    let body = json!({ "Image": BUSYBOX, "Cmd": ["true"], "HostConfig": { "LogConfig": log } });
    post_json("/containers/create", &body).refuses(400, "nosuch");
}

fn unknown_drivers_are_refused() {
    for driver in ["fluentd", "gelf", "awslogs", "splunk", "gcplogs", "nosuch"] {
        let log = json!({ "Type": driver });
        let body = json!({ "Image": BUSYBOX, "Cmd": ["true"], "HostConfig": { "LogConfig": log } });
        let words = format!("logger: no log driver named '{driver}' is registered");
        post_json("/containers/create", &body).refuses(400, &words);
    }
}

fn what_start_refuses() {
    for (driver, options, words) in [
        ("json-file", json!({ "max-size": "x" }), "invalid size: 'x'"),
        ("json-file", json!({ "max-size": "0" }), "max-size must be a positive number"),
        ("json-file", json!({ "max-file": "0" }), "max-file cannot be less than 1"),
        ("json-file", json!({ "max-file": "x" }), "strconv.Atoi: parsing \"x\": invalid syntax"),
        (
            "json-file",
            json!({ "compress": "true" }),
            "compress cannot be true when max-file is less than 2 or max-size is not set",
        ),
        ("json-file", json!({ "tag": "{{" }), "template: log-tag:1: unclosed action"),
        ("json-file", json!({ "tag": "{{.Nope}}" }), "can't evaluate field Nope in type *logger.Info"),
        ("json-file", json!({ "labels-regex": "(" }), "error parsing regexp: "),
        ("local", json!({ "max-file": "1" }), "compression cannot be enabled when max file count is 1"),
        (
            "syslog",
            json!({ "syslog-address": "tcp://127.0.0.1:1" }),
            "dial tcp 127.0.0.1:1: connect: connection refused",
        ),
    ] {
        let container = with_log("true", driver, options);
        container.post("/start").refuses(500, "failed to initialize logging driver: ");
        container.post("/start").refuses(500, words);
        assert_eq!(container.inspect()["State"]["Running"], false);
    }
}

fn journald_is_refused_where_there_is_none() {
    let container = with_log("echo hello", "journald", json!({}));
    if std::path::Path::new("/run/systemd/journal/socket").exists() {
        assert_eq!(container.run().0, 0);
        assert_eq!(text(&container, "stdout=1"), "hello\n");
    } else {
        let words = "failed to initialize logging driver: journald is not enabled on this host";
        container.post("/start").refuses(500, words);
    }
}

/// Lines that fill many small files: some 100 bytes each in the log.
const LINES: u32 = 3000;

fn expected(from: u32) -> String {
    (from..=LINES).map(|n| format!("line number {n}\n")).collect()
}

/// Holds a log against the lines from this number on, without printing it all.
#[track_caller]
fn same(seen: &str, from: u32) {
    let wanted = expected(from);
    let differs = seen.lines().zip(wanted.lines()).position(|(seen, wanted)| seen != wanted);
    let (seen, wanted) = (seen.lines().count(), wanted.lines().count());
    assert!(differs.is_none() && seen == wanted, "{seen} lines and not {wanted}; the first that differs: {differs:?}");
}

fn script() -> String {
    format!(
        "while [ ! -e /go ]; do sleep 0.1; done; i=0; while [ $i -lt {LINES} ]; do i=$((i+1)); echo line number $i; done"
    )
}

fn full_files_are_read_back() {
    for compress in ["false", "true"] {
        let options = json!({ "max-size": "10k", "max-file": "1000", "compress": compress });
        let container = with_log(&script(), "json-file", options);
        let before = now();
        container.start();
        container.exec_sh("touch /go");
        container.wait();
        same(&text(&container, "stdout=1"), 1);
        for tail in [1, 50, 500, 2999] {
            same(&text(&container, &format!("stdout=1&tail={tail}")), LINES + 1 - tail);
        }
        same(&text(&container, "stdout=1&tail=5&follow=1"), LINES - 4);
        same(&text(&container, &format!("stdout=1&since={before:.9}")), 1);
        assert_eq!(text(&container, &format!("stdout=1&since={:.9}", now())), "");
    }
}

fn a_follower_goes_on_over_full_files() {
    // Many files and none thrown away: a slow follower finds them all.
    for (driver, compress) in [("json-file", "false"), ("json-file", "true"), ("local", "true")] {
        let options = json!({ "max-size": "10k", "max-file": "1000", "compress": compress });
        let container = with_log(&script(), driver, options);
        container.start();
        let mut live = open("GET", &container.path("/logs?stdout=1&follow=1"), None);
        container.exec_sh("touch /go");
        same(&frames::all(&mut live.body).out(), 1);
    }
}

fn files_beyond_the_bound_are_gone() {
    let container = with_log(&script(), "json-file", json!({ "max-size": "10k", "max-file": "3" }));
    container.start();
    container.exec_sh("touch /go");
    container.wait();
    let kept = text(&container, "stdout=1");
    assert!(expected(1).ends_with(&kept) && kept.ends_with(&format!("line number {LINES}\n")));
    let count = kept.lines().count();
    assert!((100..400).contains(&count), "{count} lines in at most 30 kB");
}

fn attributes_are_chosen_by_options() {
    let container = Container::create_as(
        &format!("/containers/create?name={}", unique("tagged")),
        json!({
            "Cmd": ["sh", "-c", "echo one; echo two >&2"], "Env": ["REGION=north pole", "ROLE=db", "OTHER=x"],
            "Labels": { "team": "blue", "tier": "a&b", "other": "y" },
            "HostConfig": { "LogConfig": { "Type": "json-file", "Config": {
                "labels-regex": "^t", "env": "REGION,NONE", "env-regex": "^RO", "tag": "{{.Name}}/{{.ID}}",
            } } },
        }),
    );
    container.run();
    let name = container.inspect()["Name"].as_str().unwrap().trim_start_matches('/').to_owned();
    let attributes = format!("REGION=north+pole,ROLE=db,tag={name}%2F{},team=blue,tier=a%26b", &container.id[..12]);
    let reply = get(&container.path("/logs?stdout=1&stderr=1&details=1")).expect(200);
    let seen = frames::all(&mut &reply.body[..]);
    assert_eq!((seen.out(), seen.err()), (format!("{attributes} one\n"), format!("{attributes} two\n")));
}

fn a_local_log_is_read_back() {
    let container = with_log(&script(), "local", json!({}));
    container.start();
    let mut live = open("GET", &container.path("/logs?stdout=1&follow=1"), None);
    container.exec_sh("touch /go");
    same(&frames::all(&mut live.body).out(), 1);
    same(&text(&container, "stdout=1&tail=100"), LINES - 99);
    let inspected = container.inspect();
    assert_eq!(inspected["LogPath"], "");
    assert_eq!(inspected["HostConfig"]["LogConfig"], json!({ "Type": "local", "Config": {} }));
}

fn none_keeps_nothing() {
    let container = with_log("echo said", "none", json!({ "foo": "1" }));
    container.start();
    container.wait();
    get(&container.path("/logs?stdout=1")).refuses(501, "configured logging driver does not support reading");
    assert_eq!(container.inspect()["HostConfig"]["LogConfig"]["Config"], json!({ "foo": "1" }));
}

fn syslog_gets_every_line_and_a_copy_is_kept() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(SOON)).unwrap();
    let address = format!("udp://{}", server.local_addr().unwrap());
    let options = json!({
        "syslog-address": address, "syslog-facility": "local3", "syslog-format": "rfc5424micro", "tag": "box/{{.ID}}",
    });
    let container = with_log("echo one; echo two >&2", "syslog", options);
    container.start();
    container.wait();
    let mut seen: Vec<String> = (0..2)
        .map(|_| {
            let mut bytes = [0; 2048];
            let length = server.recv(&mut bytes).unwrap();
            String::from_utf8(bytes[..length].to_vec()).unwrap()
        })
        .collect();
    seen.sort_by_key(|message| message.contains("two"));
    let tag = format!("box/{}", &container.id[..12]);
    for (message, priority, text) in [(&seen[0], 158, "one"), (&seen[1], 155, "two")] {
        let words: Vec<&str> = message.split(' ').collect();
        assert_eq!(words[0], format!("<{priority}>1"), "{message}");
        crate::time::assert_is_a_time(&json!(words[1]));
        assert!(words[1].contains('.'), "{message}");
        assert_eq!((words[3], words[5], words[6]), (tag.as_str(), tag.as_str(), "-"), "{message}");
        assert!(words[4].parse::<u32>().is_ok(), "{message}");
        assert_eq!(words[7], format!("{text}\n"));
    }
    assert_eq!(text(&container, "stdout=1"), "one\n");
    assert_eq!(container.inspect()["LogPath"], "");

    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", server.local_addr().unwrap());
    let container = with_log("echo one", "syslog", json!({ "syslog-address": address, "syslog-format": "rfc3164" }));
    container.start();
    let (mut stream, _) = server.accept().unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let mut message = String::new();
    stream.read_to_string(&mut message).unwrap();
    assert!(message.starts_with("<30>"), "{message}");
    assert!(message.contains(&format!(" {}[", &container.id[..12])) && message.ends_with("]: one\n"), "{message}");
}

fn syslog_without_a_copy_cannot_be_read() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = format!("udp://{}", server.local_addr().unwrap());
    let container = with_log("echo one", "syslog", json!({ "syslog-address": address, "cache-disabled": "true" }));
    container.start();
    container.wait();
    get(&container.path("/logs?stdout=1")).refuses(501, "configured logging driver does not support reading");
}

fn a_log_that_does_not_block_is_read_back() {
    let container = with_log("seq 1 100", "json-file", json!({ "mode": "non-blocking", "max-buffer-size": "4m" }));
    container.start();
    container.wait();
    let all: String = (1..=100).map(|n| format!("{n}\n")).collect();
    eventually(SOON, "all lines", || (text(&container, "stdout=1") == all).then_some(()));
}

fn twenty_followers_see_the_same() {
    let container = with_log(&script(), "json-file", json!({}));
    container.start();
    let followers: Vec<_> = (0..20)
        .map(|_| {
            let path = container.path("/logs?stdout=1&follow=1");
            let mut live = open("GET", &path, None);
            assert_eq!(live.head.status, 200);
            std::thread::spawn(move || frames::all(&mut live.body).out())
        })
        .collect();
    container.exec_sh("touch /go");
    container.wait();
    for follower in followers {
        same(&follower.join().unwrap(), 1);
    }
}

/// Resident memory of our daemon in KiB.
fn resident() -> u64 {
    let pid = engine().pid.unwrap();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}

fn the_daemon_does_not_grow_with_the_log() {
    let script =
        "yes 0123456789012345678901234567890123456789012345678901234567890123456789 | head -c 40000000; echo end";
    let container = with_log(script, "json-file", json!({ "max-size": "4m", "max-file": "3", "compress": "true" }));
    let before = resident();
    let mut most = before;
    container.start();
    // A client that never reads holds up nobody but itself.
    let _idle = open("GET", &container.path("/logs?stdout=1&follow=1"), None);
    eventually(Duration::from_secs(200), "the end of the output", || {
        most = most.max(resident());
        (container.inspect()["State"]["Running"] == false).then_some(())
    });
    assert!(most < before + 30_000, "grew from {before} to {most} KiB");
    assert!(text(&container, "stdout=1&tail=1").ends_with("end\n"));
    let folder = engine().data_root.clone().unwrap().join("containers").join(&container.id);
    let files = std::fs::read_dir(folder).unwrap().flatten();
    let logs: Vec<_> = files.filter(|f| f.file_name().to_string_lossy().contains("-json.log")).collect();
    assert_eq!(logs.len(), 3);
    assert!(logs.iter().map(|f| f.metadata().unwrap().len()).sum::<u64>() < 13_000_000);
}
