//! Limits of memory, processor and processes, and what happens at them.

use super::{detached, run};
use vch_compat_tests::cli::docker;
use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    tests![
        memory_is_visible_inside,
        beyond_its_memory_it_is_killed_and_says_so,
        a_killed_child_does_not_end_the_container,
        processor_is_visible_inside,
        half_a_processor_is_half_the_work,
        stats_of_half_a_processor_show_half,
        a_hundred_megabytes_in_64_are_killed_and_say_so,
        top_stats_and_update_print_what_they_should,
        processes_are_limited,
    ]
}

/// Reads a limit by its name in cgroup v2, or else in v1.
fn limit(new: &str, old: &str) -> String {
    format!("cat /sys/fs/cgroup/{new} 2>/dev/null || cat /sys/fs/cgroup/{old}")
}

fn memory_is_visible_inside() {
    let read = limit("memory.max", "memory/memory.limit_in_bytes");
    assert_eq!(run(&["--memory", "64m"], &read), "67108864\n");
    let container = detached(&["--memory", "64m", "--memory-swap", "64m"], "sleep 1000");
    let host = container.inspect()["HostConfig"].clone();
    assert_eq!((&host["Memory"], &host["MemorySwap"]), (&json!(67_108_864), &json!(67_108_864)));
}

fn beyond_its_memory_it_is_killed_and_says_so() {
    let hog = "head -c 200000000 /dev/zero | tail -c 190000000 > /dev/null";
    let arguments = ["--memory", "32m", "--memory-swap", "32m"];
    let container = detached(&arguments, &format!("exec tail -c 100000000 /dev/zero; {hog}"));
    assert_eq!(container.wait(), 137);
    let state = container.inspect()["State"].clone();
    assert_eq!(state["OOMKilled"], true, "{state}");
    assert_eq!(state["ExitCode"], 137);
}

fn a_killed_child_does_not_end_the_container() {
    let script = "tail -c 100000000 /dev/zero; echo child $?; sleep 0.2; echo alive; exit 4";
    let arguments = ["--memory", "32m", "--memory-swap", "32m"];
    let container = detached(&arguments, script);
    assert_eq!(container.wait(), 4);
    let shown = container.logs().out();
    assert!(shown.contains("child 137\n") && shown.contains("alive\n"), "{shown}");
}

fn processor_is_visible_inside() {
    let shown = run(
        &["--cpus", "0.5"],
        "cat /sys/fs/cgroup/cpu.max 2>/dev/null || \
         echo $(cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us) $(cat /sys/fs/cgroup/cpu/cpu.cfs_period_us)",
    );
    assert_eq!(shown, "50000 100000\n");
}

fn half_a_processor_is_half_the_work() {
    // User and system time of a busy loop over three seconds of wall time, in hundredths of a second.
    let script = "awk '{print $1}' /proc/uptime; timeout 3 sh -c 'while :; do :; done'; \
                  awk '{print $1}' /proc/uptime; awk '{print $16 + $17}' /proc/self/stat; times | tail -1";
    let shown = run(&["--cpus", "0.5"], script);
    let lines: Vec<&str> = shown.lines().collect();
    let wall: f64 = lines[1].parse::<f64>().unwrap() - lines[0].parse::<f64>().unwrap();
    // `times` prints minutes and seconds of the children: 0m1.230000s 0m0.100000s.
    let seconds = |text: &str| {
        let (minutes, seconds) = text.trim_end_matches('s').split_once('m').unwrap();
        minutes.parse::<f64>().unwrap() * 60.0 + seconds.parse::<f64>().unwrap()
    };
    let used: f64 = lines.last().unwrap().split_whitespace().map(seconds).sum();
    let share = used / wall;
    assert!(share < 0.7, "{share:.2} of a processor: {shown}");
    assert!(wall >= 2.9, "{shown}");
}

fn processes_are_limited() {
    assert_eq!(run(&["--pids-limit", "50"], &limit("pids.max", "pids/pids.max")), "50\n");
    let script = "i=0; while [ $i -lt 40 ]; do sleep 100 & i=$((i+1)); done; echo made $i";
    let outcome = docker(&["run", "--rm", "--pids-limit", "20", BUSYBOX, "sh", "-c", script]);
    assert!(outcome.stderr.contains("can't fork"), "{outcome:?}");
    assert!(!outcome.stdout.contains("made"), "{outcome:?}");
    assert!(run(&["--pids-limit", "60"], script).contains("made 40"));
}

fn stats_of_half_a_processor_show_half() {
    let container = detached(&["--cpus", "0.5"], "while :; do :; done");
    let share = || {
        let shown = docker(&["stats", "--no-stream", "--format", "{{.CPUPerc}}", &container.id]).ok();
        let share: f64 = shown.trim().trim_end_matches('%').parse().unwrap();
        assert!(share < 70.0, "{shown}");
        // A host that is busy with other things may give it less for a while.
        (share > 40.0).then_some(())
    };
    eventually(Duration::from_secs(120), "about 50 %", share);
}

fn a_hundred_megabytes_in_64_are_killed_and_say_so() {
    let begun = crate::time::now();
    let container = detached(&["-m", "64m", "--memory-swap", "64m"], "exec tail -c 100000000 /dev/zero");
    assert_eq!(container.wait(), 137);
    let state = container.inspect()["State"].clone();
    assert_eq!((&state["OOMKilled"], &state["ExitCode"]), (&json!(true), &json!(137)), "{state}");
    let told = || {
        let filter = filters(&json!({ "container": [container.id] }));
        let path = format!("/events?since={begun:.9}&until={:.9}&{filter}", crate::time::now());
        let events = get(&path).expect(200).json_lines();
        let actions: Vec<_> = events.iter().map(|event| event["Action"].as_str().unwrap().to_owned()).collect();
        (actions.contains(&"oom".to_owned()) && actions.contains(&"die".to_owned())).then_some(())
    };
    eventually(SOON, "the events", told);
}

fn top_stats_and_update_print_what_they_should() {
    let container = detached(&["-m", "64m", "--memory-swap", "64m"], "sleep 1234");
    let shown = docker(&["top", &container.id]).ok();
    let mut lines = shown.lines();
    assert!(lines.next().unwrap().starts_with("UID"), "{shown}");
    assert!(lines.next().unwrap().ends_with("sleep 1234"), "{shown}");
    let shown = docker(&["top", &container.id, "-o", "pid,comm"]).ok();
    assert!(shown.lines().nth(1).unwrap().contains("s"), "{shown}");
    let format = "{{.Container}} {{.MemUsage}} {{.PIDs}} {{.BlockIO}}";
    let shown = docker(&["stats", "--no-stream", "--format", format, &container.id]).ok();
    assert!(shown.contains(" / 64MiB ") && shown.starts_with(&container.id[..12]), "{shown}");
    let shown = docker(&["update", "--memory", "32m", "--restart", "always", &container.id]).ok();
    assert_eq!(shown.trim(), container.id);
    let host = container.inspect()["HostConfig"].clone();
    assert_eq!((&host["Memory"], &host["RestartPolicy"]["Name"]), (&json!(33_554_432), &json!("always")));
}
