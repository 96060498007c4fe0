//! `GET /containers/{id}/stats`.

use vch_compat_tests::prelude::*;
use vch_compat_tests::raw::Live;

pub(super) fn tests() -> Vec<Test> {
    let mut tests = tests![
        one_object_has_what_clients_read,
        one_object_is_compared_with_one_a_second_earlier,
        one_shot_is_compared_with_nothing,
        a_stream_gives_one_a_second_until_the_client_leaves,
        a_stream_goes_on_over_a_restart_and_ends_with_the_removal,
        what_does_not_run_has_zeros,
        what_is_used_is_counted,
        several_watchers_see_the_same,
        unknown_containers_and_impossible_wishes_are_refused,
    ];
    tests.push(tests![cgroup_v2_has_its_own_names].remove(0).ours_only());
    tests
}

#[track_caller]
fn once(container: &Container, query: &str) -> Value {
    get(&container.path(&format!("/stats?{query}"))).expect(200).json()
}

#[track_caller]
fn streamed(container: &Container) -> Live {
    let live = open("GET", &container.path("/stats"), None);
    assert_eq!(live.head.status, 200);
    live
}

#[track_caller]
fn next(live: &mut Live) -> Option<Value> {
    live.body.line().filter(|line| !line.is_empty()).map(|line| serde_json::from_str(&line).unwrap())
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

fn one_object_has_what_clients_read() {
    let body = json!({ "Cmd": ["sleep", "1000"], "HostConfig": { "Memory": 67_108_864, "PidsLimit": 50 } });
    let container = Container::create_as(&format!("/containers/create?name={}", unique("stats")), body);
    container.start();
    let stats = once(&container, "stream=false");
    crate::time::assert_is_a_time(&stats["read"]);
    assert_eq!((&stats["id"], &stats["name"]), (&json!(container.id), &container.inspect()["Name"]));
    assert!(number(&stats["pids_stats"]["current"]) >= 1, "{stats}");
    assert_eq!(stats["pids_stats"]["limit"], 50);
    assert_eq!(stats["memory_stats"]["limit"], 67_108_864);
    assert!(number(&stats["memory_stats"]["usage"]) > 0, "{stats}");
    assert!(stats["memory_stats"]["stats"]["inactive_file"].is_u64(), "{stats}");
    for key in ["cpu_stats", "precpu_stats"] {
        let cpu = &stats[key];
        assert!(number(&cpu["system_cpu_usage"]) > 0 && number(&cpu["online_cpus"]) > 0, "{stats}");
        assert!(number(&cpu["cpu_usage"]["total_usage"]) > 0, "{stats}");
        assert!(cpu["throttling_data"]["periods"].is_u64(), "{stats}");
    }
    assert_eq!(stats["num_procs"], 0);
    assert!(stats["blkio_stats"].as_object().unwrap().contains_key("io_service_bytes_recursive"));
}

fn one_object_is_compared_with_one_a_second_earlier() {
    let container = Container::idle();
    let stats = once(&container, "stream=0");
    let apart = crate::time::seconds(&stats["read"]) - crate::time::seconds(&stats["preread"]);
    assert!((0.9..20.0).contains(&apart), "{apart} seconds");
    assert!(number(&stats["cpu_stats"]["system_cpu_usage"]) > number(&stats["precpu_stats"]["system_cpu_usage"]));
}

fn one_shot_is_compared_with_nothing() {
    let container = Container::idle();
    let stats = once(&container, "stream=0&one-shot=1");
    assert_eq!(stats["preread"], crate::time::NEVER);
    assert!(number(&stats["cpu_stats"]["cpu_usage"]["total_usage"]) > 0);
    assert_eq!(stats["precpu_stats"]["cpu_usage"]["total_usage"], 0);
    assert!(stats["precpu_stats"].get("system_cpu_usage").is_none());
}

fn a_stream_gives_one_a_second_until_the_client_leaves() {
    let container = Container::idle();
    let mut live = streamed(&container);
    let all: Vec<Value> = (0..3).map(|_| next(&mut live).unwrap()).collect();
    assert_eq!(all[0]["preread"], crate::time::NEVER);
    for pair in all.windows(2) {
        assert_eq!(pair[1]["preread"], pair[0]["read"]);
        assert_eq!(pair[1]["precpu_stats"], pair[0]["cpu_stats"]);
        let apart = crate::time::seconds(&pair[1]["read"]) - crate::time::seconds(&pair[0]["read"]);
        assert!((0.5..20.0).contains(&apart), "{apart} seconds");
    }
}

fn a_stream_goes_on_over_a_restart_and_ends_with_the_removal() {
    let container = Container::idle();
    let mut live = streamed(&container);
    let mut until = |runs: bool| {
        eventually(SOON, "the stream tells that", || {
            let stats = next(&mut live).unwrap();
            ((number(&stats["pids_stats"]["current"]) > 0) == runs).then_some(stats)
        })
    };
    until(true);
    container.post("/stop").expect(204);
    let stopped = until(false);
    assert_eq!((&stopped["id"], &stopped["read"]), (&json!(container.id), &json!(crate::time::NEVER)));
    container.start();
    until(true);
    delete(&container.path("?force=1")).expect(204);
    eventually(SOON, "the stream ends", || next(&mut live).is_none().then_some(()));
}

fn what_does_not_run_has_zeros() {
    let container = Container::sh("true");
    let check = || {
        let stats = once(&container, "stream=0");
        assert_eq!((&stats["read"], &stats["preread"]), (&json!(crate::time::NEVER), &json!(crate::time::NEVER)));
        assert_eq!((&stats["pids_stats"], &stats["memory_stats"]), (&json!({}), &json!({})));
        assert_eq!(stats["blkio_stats"]["io_service_bytes_recursive"], Value::Null);
        assert_eq!(stats["cpu_stats"]["cpu_usage"]["total_usage"], 0);
        assert!(stats.get("networks").is_none());
        assert_eq!(stats["id"], json!(container.id));
    };
    check();
    container.run();
    check();
}

fn what_is_used_is_counted() {
    // 20 MB of anonymous memory (a shell's variable), and a loop that works.
    let script = "x=$(head -c 20000000 /dev/zero | tr '\\0' a); echo ready; while :; do :; done";
    let container = Container::sh(script);
    container.start();
    container.until_logged("ready");
    let used = |stats: &Value| number(&stats["memory_stats"]["usage"]);
    let stats = once(&container, "stream=0");
    assert!((20_000_000..200_000_000).contains(&used(&stats)), "{stats}");
    let worked = |key: &str| number(&stats[key]["cpu_usage"]["total_usage"]);
    assert!(worked("cpu_stats") > worked("precpu_stats"), "{stats}");
    container.post("/kill").expect(204);
}

fn several_watchers_see_the_same() {
    let container = Container::idle();
    let mut first = streamed(&container);
    next(&mut first).unwrap();
    let mut second = streamed(&container);
    let seen: Vec<Value> = (0..3).map(|_| next(&mut first).unwrap()["read"].clone()).collect();
    let also = next(&mut second).unwrap()["read"].clone();
    assert!(seen.contains(&also), "{also} is none of {seen:?}");
}

fn unknown_containers_and_impossible_wishes_are_refused() {
    get("/containers/no-such-container/stats?stream=0").refuses(404, "No such container: no-such-container");
    let container = Container::idle();
    let path = container.path("/stats?stream=1&one-shot=1");
    get(&path).refuses(400, "cannot have stream=true and one-shot=true");
}

fn cgroup_v2_has_its_own_names() {
    let container = Container::sh("echo x > /file; sync; echo ready; sleep 1000");
    container.start();
    container.until_logged("ready");
    let stats = once(&container, "stream=0&one-shot=1");
    for name in ["anon", "file", "inactive_file", "active_anon", "pgfault", "slab"] {
        assert!(stats["memory_stats"]["stats"][name].is_u64(), "{name} in {stats}");
    }
    assert_eq!(stats["pids_stats"]["limit"], u64::MAX);
    let moved = || {
        let stats = once(&container, "stream=0&one-shot=1");
        let entries = stats["blkio_stats"]["io_service_bytes_recursive"].as_array().cloned().unwrap_or_default();
        entries.iter().any(|entry| number(&entry["value"]) > 0).then_some(())
    };
    eventually(SOON, "its disk was read or written", moved);
}
