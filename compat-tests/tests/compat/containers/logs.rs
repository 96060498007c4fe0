//! Logs: what, since when, how many, and how they follow.

use crate::time::now;
use vch_compat_tests::prelude::*;
use vch_compat_tests::raw::Reply;

pub(super) fn tests() -> Vec<Test> {
    tests![
        streams_are_kept_apart,
        details_show_labels_and_environment,
        neither_stream_is_refused,
        a_missing_container_is_not_found,
        a_created_container_has_none,
        tail_takes_the_last_lines,
        timestamps_are_of_fixed_width,
        since_and_until_cut,
        follow_ends_with_the_container,
        follow_from_before_the_start,
        follow_with_tail_starts_at_the_end,
        follow_with_until_ends_in_time,
        a_last_line_without_end_is_kept,
        a_long_line_comes_whole,
        binary_output_comes_as_it_is,
        they_outlive_a_stop_and_span_restarts,
        two_followers_see_the_same,
    ]
}

#[track_caller]
fn logs(container: &Container, query: &str) -> Reply {
    get(&container.path(&format!("/logs?{query}"))).expect(200)
}

#[track_caller]
fn text(container: &Container, query: &str) -> String {
    let reply = logs(container, query);
    frames::all(&mut &reply.body[..]).out()
}

fn streams_are_kept_apart() {
    let container = Container::sh("echo one; echo two >&2; echo three");
    container.run();
    let only = |query| frames::all(&mut &logs(&container, query).body[..]);
    let both = only("stdout=1&stderr=1");
    assert_eq!(both.out(), "one\nthree\n");
    assert_eq!(both.err(), "two\n");
    let out = only("stdout=1");
    assert_eq!((out.out().as_str(), out.err().as_str()), ("one\nthree\n", ""));
    let err = only("stderr=true&stdout=0");
    assert_eq!((err.out().as_str(), err.err().as_str()), ("", "two\n"));
}

fn neither_stream_is_refused() {
    let container = Container::sh("true");
    for query in ["", "stdout=0&stderr=false", "follow=1"] {
        get(&container.path(&format!("/logs?{query}")))
            .refuses(400, "Bad parameters: you must choose at least one stream");
    }
}

fn a_missing_container_is_not_found() {
    get("/containers/no-such/logs?stdout=1").refuses(404, "No such container: no-such");
}

fn a_created_container_has_none() {
    let container = Container::sh("echo later");
    assert!(logs(&container, "stdout=1&stderr=1").body.is_empty());
}

fn tail_takes_the_last_lines() {
    let container = Container::sh("seq 1 100");
    container.run();
    assert_eq!(text(&container, "stdout=1&tail=3"), "98\n99\n100\n");
    assert_eq!(text(&container, "stdout=1&tail=0"), "");
    for all in ["all", "1000", "-1", "nonsense"] {
        let lines = text(&container, &format!("stdout=1&tail={all}"));
        assert_eq!(lines.lines().count(), 100, "tail={all}");
    }
}

fn timestamps_are_of_fixed_width() {
    let container = Container::sh("for n in 1 2 3 4 5; do echo line $n; done");
    container.run();
    let shown = text(&container, "stdout=1&timestamps=1");
    assert_eq!(shown.lines().count(), 5);
    for (n, line) in shown.lines().enumerate() {
        let (stamp, rest) = line.split_once(' ').unwrap();
        assert_eq!(stamp.len(), "2006-01-02T15:04:05.000000000Z".len(), "{stamp}");
        assert!(stamp.ends_with('Z'), "{stamp}");
        crate::time::assert_is_a_time(&json!(stamp));
        assert_eq!(rest, format!("line {}", n + 1));
    }
}

fn since_and_until_cut() {
    let container = Container::sh("echo early; while [ ! -e /go ]; do sleep 0.1; done; echo late; sleep 1000");
    container.start();
    container.until_logged("early");
    // A moment between the two lines: the first is logged, the second not asked for yet.
    let between = now() + 0.05;
    eventually(SOON, "the mark has passed", || (now() > between + 0.05).then_some(()));
    container.exec_sh("touch /go");
    container.until_logged("late");
    let mark = format!("{between:.9}");
    assert_eq!(text(&container, &format!("stdout=1&since={mark}")), "late\n");
    assert_eq!(text(&container, &format!("stdout=1&until={mark}")), "early\n");
    let whole = between as u64 + 3600;
    assert_eq!(text(&container, &format!("stdout=1&since={whole}")), "");
}

fn details_show_labels_and_environment() {
    let body = json!({
        "Cmd": ["echo", "said"], "Env": ["REGION=north", "OTHER=x"],
        "Labels": { "team": "blue", "other": "y" },
        "HostConfig": { "LogConfig": {
            "Type": "json-file", "Config": { "labels": "team", "env": "REGION" },
        } },
    });
    let container = Container::create(body);
    container.run();
    let shown = text(&container, "stdout=1&details=1");
    assert_eq!(shown, "REGION=north,team=blue said\n");
    assert_eq!(text(&container, "stdout=1"), "said\n");
}

fn follow_ends_with_the_container() {
    let container = Container::idle();
    let mut live = open("GET", &container.path("/logs?stdout=1&follow=1"), None);
    frames::until(&mut live.body, "ready");
    assert!(live.body.is_silent_for(Duration::from_millis(300)));
    container.post("/stop").expect(204);
    assert_eq!(frames::all(&mut live.body).out(), "");
}

fn follow_from_before_the_start() {
    let container = Container::sh("echo hello");
    let mut live = open("GET", &container.path("/logs?stdout=1&follow=1"), None);
    assert_eq!(live.head.status, 200);
    container.start();
    // dockerd may end the stream of a container that has not begun; it never loses the container.
    let seen = frames::all(&mut live.body).out();
    assert!(["", "hello\n"].contains(&seen.as_str()), "{seen:?}");
    container.wait();
    assert_eq!(text(&container, "stdout=1&follow=1"), "hello\n");
}

fn follow_with_tail_starts_at_the_end() {
    let container = Container::sh("seq 1 10; echo ready; while [ ! -e /go ]; do sleep 0.1; done; echo end");
    container.start();
    container.until_logged("ready");
    let mut live = open("GET", &container.path("/logs?stdout=1&follow=1&tail=2"), None);
    assert_eq!(frames::until(&mut live.body, "ready\n").out(), "10\nready\n");
    container.exec_sh("touch /go");
    assert_eq!(frames::all(&mut live.body).out(), "end\n");
}

fn follow_with_until_ends_in_time() {
    let container = Container::sh("while :; do echo tick; sleep 0.1; done");
    container.start();
    let until = now() + 1.0;
    let path = container.path(&format!("/logs?stdout=1&follow=1&until={until:.9}"));
    let begun = Instant::now();
    let mut live = open("GET", &path, None);
    assert!(frames::all(&mut live.body).out().starts_with("tick\n"));
    assert!(begun.elapsed() < SOON, "it ends by itself");
    assert_eq!(container.inspect()["State"]["Running"], true);
}

fn a_last_line_without_end_is_kept() {
    let container = Container::sh("printf 'one\\ntwo'");
    container.run();
    assert_eq!(text(&container, "stdout=1"), "one\ntwo");
}

fn a_long_line_comes_whole() {
    // Longer than the 16 KiB after which dockerd splits a line inside its log.
    let container = Container::sh("head -c 100000 /dev/zero | tr '\\0' x; echo; echo short");
    container.run();
    let shown = text(&container, "stdout=1");
    assert_eq!(shown.len(), 100_000 + 1 + 6);
    assert!(shown.ends_with("xxx\nshort\n"));
}

fn binary_output_comes_as_it_is() {
    let container = Container::sh("printf '\\001\\002\\n\\033[0m\\r\\n'");
    container.run();
    assert_eq!(text(&container, "stdout=1").as_bytes(), b"\x01\x02\n\x1b[0m\r\n");
}

fn they_outlive_a_stop_and_span_restarts() {
    let container = Container::sh("trap 'echo bye; exit 0' TERM; sleep 100000 & echo ready; wait");
    container.start();
    container.until_logged("ready");
    container.post("/restart").expect(204);
    let seen = || (container.logs().out() == "ready\nbye\nready\n").then_some(());
    eventually(SOON, "both lives are in the logs", seen);
    container.post("/stop").expect(204);
    assert_eq!(container.logs().out(), "ready\nbye\nready\nbye\n");
}

fn two_followers_see_the_same() {
    let container = Container::sh("while [ ! -e /go ]; do sleep 0.1; done; seq 1 1000");
    container.start();
    let follow = || {
        let path = container.path("/logs?stdout=1&follow=1");
        open("GET", &path, None)
    };
    let (mut one, mut two) = (follow(), follow());
    container.exec_sh("touch /go");
    let (one, two) = (frames::all(&mut one.body), frames::all(&mut two.body));
    assert_eq!(one.out().lines().count(), 1000);
    assert_eq!(one, two);
}
