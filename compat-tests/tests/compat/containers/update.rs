//! `POST /containers/{id}/update`.

use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    tests![
        limits_hold_inside_at_once,
        limits_of_a_stopped_container_hold_at_its_next_start,
        what_is_not_given_stays,
        a_lifted_limit_is_lifted,
        a_restart_policy_can_be_given_and_taken,
        what_does_not_go_together_is_refused,
        what_is_no_limit_is_refused,
        an_update_of_nothing_is_none,
    ]
}

#[track_caller]
fn update(container: &Container, body: &Value) {
    assert_eq!(post_json(&container.path("/update"), body).expect(200).json(), json!({ "Warnings": null }));
}

fn limit(new: &str, old: &str) -> String {
    format!("cat /sys/fs/cgroup/{new} 2>/dev/null || cat /sys/fs/cgroup/{old}")
}

fn limits_hold_inside_at_once() {
    let begun = crate::time::now();
    let container = Container::idle();
    update(
        &container,
        &json!({ "Memory": 67_108_864, "MemorySwap": 67_108_864, "PidsLimit": 33, "NanoCpus": 250_000_000 }),
    );
    let shown = |new: &str, old: &str| container.exec_sh(&limit(new, old)).1.out().trim().to_owned();
    assert_eq!(shown("memory.max", "memory/memory.limit_in_bytes"), "67108864");
    assert_eq!(shown("pids.max", "pids/pids.max"), "33");
    assert!(["25000 100000", "25000"].contains(&shown("cpu.max", "cpu/cpu.cfs_quota_us").as_str()));
    let host = container.inspect()["HostConfig"].clone();
    assert_eq!((&host["Memory"], &host["NanoCpus"]), (&json!(67_108_864), &json!(250_000_000)));
    let filter = filters(&json!({ "container": [container.id], "event": ["update"] }));
    let told = || {
        let reply = get(&format!("/events?since={begun:.9}&until={:.9}&{filter}", crate::time::now())).expect(200);
        (reply.json_lines().len() == 1).then_some(())
    };
    eventually(SOON, "the event", told);
}

fn limits_of_a_stopped_container_hold_at_its_next_start() {
    let container = Container::sh(&limit("pids.max", "pids/pids.max"));
    update(&container, &json!({ "PidsLimit": 44 }));
    assert_eq!(container.run().1.out(), "44\n");
    update(&container, &json!({ "PidsLimit": 45 }));
    assert!(container.run().1.out().ends_with("45\n"));
}

fn what_is_not_given_stays() {
    let container = Container::create(json!({
        "Cmd": ["sleep", "1000"],
        "HostConfig": { "Memory": 134_217_728, "MemorySwap": 268_435_456, "CpuShares": 512 },
    }));
    update(&container, &json!({ "Memory": 67_108_864 }));
    let host = container.inspect()["HostConfig"].clone();
    assert_eq!(
        (&host["Memory"], &host["MemorySwap"], &host["CpuShares"]),
        (&json!(67_108_864), &json!(268_435_456), &json!(512))
    );
}

fn a_lifted_limit_is_lifted() {
    let body = json!({ "Cmd": ["sleep", "1000"], "HostConfig": { "PidsLimit": 20 } });
    let container = Container::create(body);
    container.start();
    update(&container, &json!({ "PidsLimit": -1 }));
    assert_eq!(container.exec_sh(&limit("pids.max", "pids/pids.max")).1.out(), "max\n");
    assert_eq!(container.inspect()["HostConfig"]["PidsLimit"], 0);
}

fn a_restart_policy_can_be_given_and_taken() {
    let container = Container::sh("trap 'exit 3' TERM; sleep 100000 & echo ready; wait");
    container.start();
    container.until_logged("ready");
    update(&container, &json!({ "RestartPolicy": { "Name": "on-failure", "MaximumRetryCount": 1 } }));
    let policy = container.inspect()["HostConfig"]["RestartPolicy"].clone();
    assert_eq!(policy, json!({ "Name": "on-failure", "MaximumRetryCount": 1 }));
    // Ended from inside: a stop by a user would rest the policy. In its own namespace the first process takes only
    // signals that it has a handler for.
    let id = container.exec(&json!({ "Cmd": ["kill", "-TERM", "1"] }));
    post_json(&format!("/exec/{id}/start"), &json!({ "Detach": true })).expect(200);
    let restarted = || (container.inspect()["RestartCount"] == 1).then_some(());
    eventually(SOON, "it is started again", restarted);
    update(&container, &json!({ "RestartPolicy": { "Name": "no" } }));
    assert_eq!(container.inspect()["HostConfig"]["RestartPolicy"]["Name"], "no");
}

#[track_caller]
fn refused(container: &Container, body: &Value, status: u16, words: &str) {
    post_json(&container.path("/update"), body).refuses(status, words);
}

fn what_does_not_go_together_is_refused() {
    let container = Container::idle();
    let memory =
        "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time";
    let words = format!("Cannot update container {}: {memory}", container.id);
    refused(&container, &json!({ "Memory": 67_108_864 }), 409, &words);
    update(&container, &json!({ "NanoCpus": 500_000_000 }));
    let words = "Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set";
    refused(&container, &json!({ "CpuQuota": 50_000 }), 409, words);
    let body = json!({ "Cmd": ["true"], "HostConfig": { "AutoRemove": true } });
    let once = Container::create(body);
    let words = "Restart policy cannot be updated because AutoRemove is enabled for the container";
    refused(&once, &json!({ "RestartPolicy": { "Name": "always" } }), 409, words);
    update(&once, &json!({ "RestartPolicy": { "Name": "no" } }));
}

fn what_is_no_limit_is_refused() {
    let container = Container::idle();
    let before = container.inspect()["HostConfig"].clone();
    for (body, words) in [
        (json!({ "Memory": 1024 }), "Minimum memory limit allowed is 6MB"),
        (json!({ "NanoCpus": 99_000_000_000i64 }), "range of CPUs is from 0.01 to"),
        (json!({ "CpusetCpus": "0-99" }), "Requested CPUs are not available - requested 0-99"),
        (json!({ "RestartPolicy": { "Name": "bogus" } }), "invalid restart policy"),
        (json!({ "RestartPolicy": { "Name": "always", "MaximumRetryCount": 3 } }), "maximum retry count"),
        (json!({ "MemorySwappiness": 200 }), "Invalid value: 200, valid memory swappiness range is 0-100"),
    ] {
        refused(&container, &body, 400, words);
    }
    assert_eq!(container.inspect()["HostConfig"], before);
    let path = "/containers/no-such-container/update";
    post_json(path, &json!({})).refuses(404, "No such container: no-such-container");
}

fn an_update_of_nothing_is_none() {
    let container = Container::idle();
    let before = container.inspect()["HostConfig"].clone();
    update(&container, &json!({}));
    update(&container, &Value::Null);
    assert_eq!(container.inspect()["HostConfig"], before);
}
