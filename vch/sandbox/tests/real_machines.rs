//! Sandboxes on real machines: what only a guest can show.

#![allow(clippy::unwrap_used, reason = "a test stops where something fails")]

mod support;

use std::collections::HashSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use support::*;
use vch_sandbox::proto::ExitStatus;
use vch_sandbox::{Exit, SandboxError, bench_clone};

#[test]
fn a_container_runs_writes_and_exits_and_nothing_is_left() {
    RUNTIME.block_on(async {
        let host = host().await;
        let one = start(host, "one").await;
        let mut process = one.run(&["sh", "-c", "echo out; echo err >&2; exit 3"]).await;
        let text = text(process.take_output().unwrap()).await;
        assert!(text.contains("out\n") && text.contains("err\n"), "{text}");
        assert_eq!(process.wait().await, Exit::Ended { status: ExitStatus::Code(3), oom_killed: false });
        one.sandbox.released(&one.id).await.unwrap();
        println!("{:?}", one.sandbox.timings());
        let (pid, folder) = (one.sandbox.pid().unwrap(), run_folder("host").join(one.sandbox.machine()));
        assert!(folder.exists());
        one.sandbox.end().await;
        assert!(!folder.exists());
        assert!(!std::path::Path::new("/proc").join(pid.to_string()).exists());
    });
}

#[test]
fn twenty_clones_at_once_share_no_random_byte_no_identity_and_know_the_time() {
    RUNTIME.block_on(async {
        let host = host().await;
        let ones = (0..20).map(async |n| start(host, &format!("c{n}")).await);
        let ones = futures_util::future::join_all(ones).await;
        let script =
            "read x < /proc/sys/kernel/random/uuid; echo $x; head -c 256 /dev/urandom | od -An -v -tx1; sleep 1000";
        let randoms = ones.iter().map(async |one| {
            let mut process = one.run(&["sh", "-c", script]).await;
            let mut output = process.take_output().unwrap();
            let mut text = String::new();
            while text.lines().count() < 17 {
                let (_, bytes) = output.next().await.expect("it does not end");
                text.push_str(&String::from_utf8_lossy(&bytes));
            }
            text
        });
        let randoms = futures_util::future::join_all(randoms).await;
        // Any line that two share would be 16 random bytes in common.
        let lines: Vec<&str> = randoms.iter().flat_map(|text| text.lines()).collect();
        assert_eq!(lines.len(), 20 * 17);
        assert_eq!(lines.iter().collect::<HashSet<_>>().len(), lines.len());
        let macs: HashSet<_> = ones.iter().map(|one| one.sandbox.mac()).collect();
        assert_eq!(macs.len(), if host.facts().no_nic.is_none() { 20 } else { 1 });
        for one in &ones {
            let before = now();
            let text = one.exec(&["adjtimex"]).await;
            let after = now();
            let field = |name| {
                let line = text.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("{name}: {text}"));
                line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
            };
            let guest = field("time.tv_sec") + field("time.tv_usec") / 1e6;
            assert!(before - 0.5 <= guest && guest <= after + 0.5, "{before} {guest} {after}");
        }
        let folders: Vec<_> = ones.iter().map(|one| run_folder("host").join(one.sandbox.machine())).collect();
        let pids: Vec<_> = ones.iter().filter_map(|one| one.sandbox.pid()).collect();
        assert_eq!(pids.len(), 20);
        futures_util::future::join_all(ones.iter().map(|one| one.sandbox.end())).await;
        assert!(folders.iter().all(|folder| !folder.exists()));
        assert!(pids.iter().all(|pid| !std::path::Path::new("/proc").join(pid.to_string()).exists()));
    });
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

#[test]
fn a_megabyte_comes_whole_and_input_goes_there_and_back() {
    RUNTIME.block_on(async {
        let one = start(host().await, "bulk").await;
        let mut process = one.run(&["cat"]).await;
        let (mut stdin, output) = (process.take_stdin().unwrap(), process.take_output().unwrap());
        let data: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
        let sent = data.clone();
        let write = tokio::spawn(async move { stdin.write(sent.into()).await });
        let mut output = output;
        let mut back = Vec::new();
        let began = std::time::Instant::now();
        while let Some((_, bytes)) = output.next().await {
            back.extend_from_slice(&bytes);
        }
        println!("cat: {:.1} MB/s", 3.0 / began.elapsed().as_secs_f64());
        write.await.unwrap().unwrap();
        assert!(back == data, "{} bytes", back.len());
        assert_eq!(process.wait().await, GOOD);
        one.sandbox.end().await;
    });
}

#[test]
fn a_reader_that_stops_stalls_no_other_process() {
    RUNTIME.block_on(async {
        let one = start(host().await, "slow").await;
        let mut flood = one.run(&["head", "-c", "3000000", "/dev/zero"]).await;
        let unread = flood.take_output().unwrap();
        for _ in 0..3 {
            assert_eq!(tokio::time::timeout(SOON, one.exec(&["echo", "hi"])).await.unwrap(), "hi\n");
        }
        assert!(flood.handle().exit().is_none());
        assert_eq!(tokio::time::timeout(SOON, length(unread)).await.unwrap(), 3_000_000);
        assert_eq!(flood.wait().await, GOOD);
        one.sandbox.end().await;
    });
}

#[test]
fn a_machine_that_is_killed_leaves_nobody_waiting() {
    RUNTIME.block_on(async {
        let one = start(host().await, "killed").await;
        let process = one.run(&["sleep", "1000"]).await;
        let handle = process.handle();
        let waiting = tokio::spawn(async move { handle.wait().await });
        let pid = rustix::process::Pid::from_raw(one.sandbox.pid().unwrap() as i32).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        assert_eq!(tokio::time::timeout(SOON, waiting).await.unwrap().unwrap(), Exit::MachineGone);
        assert!(matches!(process.handle().signal(15).await, Err(SandboxError::MachineGone)));
        let mut exited = one.sandbox.exited();
        tokio::time::timeout(SOON, exited.wait_for(Option::is_some)).await.unwrap().unwrap();
        one.sandbox.end().await;
        assert!(!run_folder("host").join(one.sandbox.machine()).exists());
    });
}

#[test]
fn the_pools_members_are_taken_warm_and_replaced() {
    RUNTIME.block_on(async {
        let host = open(vch_sandbox::Settings { pool: 2, ..settings("pool") }).await;
        let full = async || {
            while host.facts().pool_ready < 2 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(SOON, full()).await.unwrap();
        let one = start(&host, "pooled").await;
        assert_eq!(one.output(&["echo", "hi"]).await, "hi\n");
        let timings = one.sandbox.timings();
        println!("{timings:?}");
        assert!(timings.pooled);
        one.sandbox.end().await;
        tokio::time::timeout(SOON, full()).await.unwrap();
        host.close().await;
        let left = std::fs::read_dir(run_folder("pool")).unwrap().flatten().filter(|entry| entry.path().is_dir());
        assert_eq!(left.count(), 0);
    });
}

#[test]
fn phases_of_a_clone_are_measured() {
    RUNTIME.block_on(async {
        let all = bench_clone(host().await, 3).await.unwrap();
        for timings in &all {
            println!("{timings:?}");
            assert!(!timings.pooled && timings.qemu_ms > 0.0 && timings.agent_ms > 0.0);
            assert!(timings.started_ms >= timings.qemu_ms + timings.restore_ms + timings.agent_ms + timings.attach_ms);
        }
    });
}

/// Memory that a process wrote to, in MiB: guest memory, and all the rest.
fn own_mib(pid: u32) -> (u64, u64) {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps")).unwrap();
    let (mut guest, mut rest, mut is_guest) = (0, 0, false);
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        match (words.next(), words.next()) {
            // Clean pages of the template count as private when no other clone happens to map them.
            (Some("Private_Dirty:"), Some(kib)) => {
                *(if is_guest { &mut guest } else { &mut rest }) += kib.parse::<u64>().unwrap();
            }
            (Some(range), _) if range.contains('-') => is_guest = line.ends_with("/memory"),
            _ => {}
        }
    }
    (guest >> 10, rest >> 10)
}

#[test]
fn a_clone_owns_only_the_memory_that_it_touched() {
    RUNTIME.block_on(async {
        let one = start(host().await, "memory").await;
        let pid = one.sandbox.pid().unwrap();
        let before = own_mib(pid);
        let process = one.run(&["sleep", "1000"]).await;
        let running = own_mib(pid);
        println!("own MiB, guest and rest: idle {before:?}, with a container {running:?}");
        // Of 1024 MiB; a memory file that is not shared copy-on-write would count whole.
        assert!(before.0 < 64 && running.0 < 128, "{before:?} {running:?}");
        drop(process);
        one.sandbox.end().await;
    });
}
