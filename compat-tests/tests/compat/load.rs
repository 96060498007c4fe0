//! Many containers, much output, and clients that behave badly.

use std::io::Write;
use vch_compat_tests::cli;
use vch_compat_tests::engine::processes_of;
use vch_compat_tests::prelude::*;

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = tests![
        fifty_runs_in_a_row,
        ten_runs_of_the_program_at_once,
        sixteen_at_once_with_a_megabyte_each,
        a_client_that_does_not_read_stalls_no_other_container,
        a_flood_of_output_is_kept_whole,
        zombies_are_reaped_under_an_init,
        five_execs_at_once_and_two_hundred_in_a_row_leave_nothing,
        what_was_removed_leaves_no_machine_socket_or_disk,
    ];
    tests = tests.into_iter().map(Test::alone).collect();
    let last = tests.pop().map(Test::ours_only);
    tests.extend(last);
    tests
}

fn fifty_runs_in_a_row() {
    for n in 0..50 {
        let container = Container::create(json!({
            "Cmd": ["sh", "-c", format!("echo run {n}; exit {n}")], "HostConfig": { "AutoRemove": true },
        }));
        let (_, mut body) = container.attach("stream=1&stdout=1&stderr=1");
        let live = open("POST", &container.path("/wait?condition=removed"), None);
        container.start();
        assert_eq!(frames::all(&mut body).out(), format!("run {n}\n"));
        assert_eq!(live.finish().json()["StatusCode"], n);
        get(&container.path("/json")).expect(404);
    }
}

fn ten_runs_of_the_program_at_once() {
    std::thread::scope(|scope| {
        for n in 0..10 {
            scope.spawn(move || {
                let script = format!("echo number {n}");
                let shown = cli::docker(&["run", "--rm", BUSYBOX, "sh", "-c", &script]).ok();
                assert_eq!(shown, format!("number {n}\n"));
            });
        }
    });
}

fn sixteen_at_once_with_a_megabyte_each() {
    const SIZE: usize = 1 << 20;
    std::thread::scope(|scope| {
        for n in 0..16u8 {
            scope.spawn(move || {
                let letter = char::from(b'a' + n);
                let script = format!("head -c {SIZE} /dev/zero | tr '\\0' {letter}; echo end {n} >&2");
                let container = Container::sh(&script);
                let (_, mut body) = container.attach("stream=1&stdout=1&stderr=1");
                container.start();
                let output = frames::all(&mut body);
                assert_eq!(output.stdout.len(), SIZE, "{letter}");
                assert!(output.stdout.iter().all(|b| *b == b'a' + n), "{letter}");
                assert_eq!(output.err(), format!("end {n}\n"));
                assert_eq!(container.wait(), 0);
                assert_eq!(container.logs().stdout.len(), SIZE, "in the logs of {letter}");
            });
        }
    });
}

fn a_client_that_does_not_read_stalls_no_other_container() {
    let flood = Container::sh("yes flood");
    let (_, unread) = flood.attach("stream=1&stdout=1");
    let logs = open("GET", &flood.path("/logs?stdout=1&follow=1"), None);
    flood.start();
    // Long enough to fill every buffer on the way.
    eventually(SOON, "the flood is running", || (flood.inspect()["State"]["Running"] == true).then_some(()));
    for n in 0..5 {
        let begun = Instant::now();
        let (code, output) = Container::sh(&format!("seq 1 20000; exit {n}")).run();
        assert_eq!((code, output.out().lines().count()), (n, 20_000));
        assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    }
    get("/info").expect(200);
    drop((unread, logs));
    flood.post("/kill").expect(204);
    assert_eq!(flood.wait(), 137);
}

fn a_flood_of_output_is_kept_whole() {
    let container = Container::sh("seq 1 400000");
    let (_, mut body) = container.attach("stream=1&stdout=1");
    container.start();
    let seen = frames::all(&mut body).out();
    let expected: String = (1..=400_000).map(|n| format!("{n}\n")).collect();
    assert!(seen == expected, "{} bytes of {}", seen.len(), expected.len());
    assert!(container.logs().out() == expected, "the logs differ");
}

fn zombies_are_reaped_under_an_init() {
    let script = "i=0; while [ $i -lt 30 ]; do (sh -c 'sleep 0.05 & exit 0' &); i=$((i+1)); done; echo made; \
                  exec sleep 100000";
    let container = Container::create(json!({ "Cmd": ["sh", "-c", script], "HostConfig": { "Init": true } }));
    container.start();
    container.until_logged("made");
    eventually(SOON, "no zombie is left", || {
        let (_, output) = container.exec_sh("grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l");
        (output.out() == "0\n").then_some(())
    });
}

fn five_execs_at_once_and_two_hundred_in_a_row_leave_nothing() {
    let container = Container::idle();
    let processes = || container.exec_sh("ls -d /proc/[0-9]* | wc -l").1.out().trim().parse::<usize>().unwrap();
    let (inside, outside) = (processes(), descriptors());
    for _ in 0..200 {
        assert_eq!(container.exec_sh("echo x").1.out(), "x\n");
    }
    // An exec's process may be seen for a moment after its end.
    eventually(SOON, "no process is left of an exec", || (processes() <= inside).then_some(()));
    // Other connections come and go with a few of their own; one kept for each exec would be a leak.
    eventually(SOON, "no descriptor is kept for an exec", || (descriptors() <= outside + 40).then_some(()));
    std::thread::scope(|scope| {
        for n in 0..5 {
            let container = &container;
            scope.spawn(move || {
                let id = container.exec(&json!({
                    "AttachStdin": true, "AttachStdout": true, "Cmd": ["wc", "-c"],
                }));
                let (_, mut body) = exec_start(&id, &json!({}));
                let input = vec![b'x'; 100_000 * (n + 1)];
                body.wire().write_all(&input).unwrap();
                body.close_write();
                assert_eq!(frames::all(&mut body).out(), format!("{}\n", input.len()));
            });
        }
    });
}

/// Descriptors that our daemon has open; 0 on a peer.
fn descriptors() -> usize {
    let count = |pid| std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    engine().pid.map_or(0, count)
}

fn what_was_removed_leaves_no_machine_socket_or_disk() {
    let root = engine().data_root.clone().unwrap();
    let machines = || processes_of(&root).iter().filter(|line| line.contains("qemu")).count();
    let before = machines();
    let ids: Vec<String> = std::thread::scope(|scope| {
        let run = || {
            let container = Container::sh("echo x > /file");
            container.run();
            delete(&container.path("")).expect(204);
            container.id.clone()
        };
        let threads: Vec<_> = (0..24).map(|_| scope.spawn(run)).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let trace = || {
        let files = std::process::Command::new("find").arg(&root).output().unwrap();
        let mut lines = String::from_utf8_lossy(&files.stdout).into_owned();
        lines += &processes_of(&root).join("\n");
        let left = lines.lines().find(|line| ids.iter().any(|id| line.contains(&id[..12])));
        left.map(str::to_owned)
    };
    eventually(SOON, "no file or process names a removed container", || trace().is_none().then_some(()));
    // A pool may have grown by a few; a machine for each of the removed would be a leak.
    eventually(SOON, "their machines are gone", || (machines() <= before + 8).then_some(()));
}
