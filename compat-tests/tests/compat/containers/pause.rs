//! `POST /containers/{id}/pause` and `/unpause`, and what the other calls say of a container that stands still.

use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    tests![
        nothing_moves_in_a_pause_and_all_goes_on_after_it,
        a_pause_is_told_and_shown,
        what_is_paused_or_not_cannot_be_again,
        a_paused_container_can_be_looked_at,
        a_paused_container_takes_no_exec_and_no_attach,
        a_paused_container_is_stopped_and_killed,
        a_signal_that_is_not_its_end_waits,
        limits_of_a_paused_container_hold_when_it_goes_on,
    ]
}

fn paused() -> Container {
    let container = Container::idle();
    container.post("/pause").expect(204);
    container
}

#[track_caller]
fn actions(container: &Container, since: f64) -> Vec<String> {
    let filter = filters(&json!({ "container": [container.id] }));
    let events = get(&format!("/events?since={since:.9}&until={:.9}&{filter}", crate::time::now())).expect(200);
    events.json_lines().iter().map(|event| event["Action"].as_str().unwrap().to_owned()).collect()
}

fn nothing_moves_in_a_pause_and_all_goes_on_after_it() {
    let container = Container::sh("i=0; while :; do echo line $i; i=$((i+1)); sleep 0.05; done");
    container.start();
    container.until_logged("line 3\n");
    container.post("/pause").expect(204);
    // What was on its way when it stopped arrives first.
    let mut before = container.logs().out();
    eventually(SOON, "no more output", || {
        std::thread::sleep(Duration::from_millis(300));
        let now = container.logs().out();
        let still = now == before;
        before = now;
        still.then_some(())
    });
    container.post("/unpause").expect(204);
    let more = || (container.logs().out().len() > before.len() + 20).then_some(());
    eventually(SOON, "output goes on", more);
}

fn a_pause_is_told_and_shown() {
    let begun = crate::time::now();
    let container = paused();
    let state = container.inspect()["State"].clone();
    assert_eq!((&state["Status"], &state["Paused"], &state["Running"]), (&json!("paused"), &json!(true), &json!(true)));
    let listed = get(&format!("/containers/json?{}", filters(&json!({ "id": [container.id] })))).expect(200).json();
    assert!(listed[0]["Status"].as_str().unwrap().ends_with(" (Paused)"), "{listed}");
    container.post("/unpause").expect(204);
    assert_eq!(container.inspect()["State"]["Status"], "running");
    let told = || {
        let actions = actions(&container, begun);
        actions.windows(2).any(|pair| pair == ["pause", "unpause"]).then_some(())
    };
    eventually(SOON, "both are told", told);
}

fn what_is_paused_or_not_cannot_be_again() {
    let container = paused();
    let id = &container.id;
    container.post("/pause").refuses(409, &format!("container {id} is already paused"));
    container.post("/start").refuses(409, "cannot start a paused container, try unpause instead");
    delete(&container.path("")).refuses(409, "pause");
    container.post("/unpause").expect(204);
    container.post("/unpause").refuses(500, &format!("Container {id} is not paused"));
    let created = Container::sh("true");
    let id = &created.id;
    created.post("/pause").refuses(409, &format!("container {id} is not running"));
    created.post("/unpause").refuses(500, &format!("Container {id} is not paused"));
    post("/containers/no-such-container/pause").refuses(404, "No such container: no-such-container");
}

fn a_paused_container_can_be_looked_at() {
    let container = paused();
    let top = get(&container.path("/top?ps_args=-eo%20pid,args")).expect(200).json();
    // The shell and its child, which may stand still just before it becomes another program.
    let rows = top["Processes"].as_array().unwrap();
    assert!(rows.len() == 2 && rows.iter().all(|row| row[1].as_str().unwrap().contains("sleep 100000")), "{top}");
    let stats = get(&container.path("/stats?stream=0")).expect(200).json();
    assert!(stats["memory_stats"]["usage"].as_u64().unwrap() > 0, "{stats}");
    assert_eq!(stats["cpu_stats"]["cpu_usage"]["total_usage"], stats["precpu_stats"]["cpu_usage"]["total_usage"]);
    let system = |key: &str| stats[key]["system_cpu_usage"].as_u64().unwrap();
    assert!(system("cpu_stats") > system("precpu_stats"), "{stats}");
    assert!(container.logs().out().contains("ready"));
    container.post("/resize?h=30&w=90").expect(200);
    container.post("/unpause").expect(204);
    let after = get(&container.path("/stats?stream=0&one-shot=1")).expect(200).json();
    assert!(after["cpu_stats"]["system_cpu_usage"].as_u64().unwrap() > system("cpu_stats"));
}

fn a_paused_container_takes_no_exec_and_no_attach() {
    let container = paused();
    let body = json!({ "Cmd": ["true"] });
    let words = "is paused, unpause the container before exec";
    post_json(&container.path("/exec"), &body).refuses(409, words);
    let reply = container.post("/attach?stream=1&stdout=1").expect(409);
    assert!(reply.text().contains("is paused, unpause the container before attach"), "{}", reply.text());
}

fn a_paused_container_is_stopped_and_killed() {
    let container = paused();
    container.post("/stop").expect(204);
    let state = container.inspect()["State"].clone();
    assert_eq!((&state["Status"], &state["ExitCode"], &state["Paused"]), (&json!("exited"), &json!(0), &json!(false)));
    let container = paused();
    container.post("/kill").expect(204);
    assert_eq!(container.inspect()["State"]["ExitCode"], 137);
    let container = paused();
    container.post("/restart").expect(204);
    assert_eq!(container.inspect()["State"]["Status"], "running");
    let container = paused();
    delete(&container.path("?force=1")).expect(204);
    get(&container.path("/json")).expect(404);
}

fn a_signal_that_is_not_its_end_waits() {
    // With a stop signal of its own, other signals leave it paused; without one, any lets it go on.
    let script = "trap 'echo got it' HUP; trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done";
    for (stop_signal, status) in [(json!("SIGTERM"), "paused"), (Value::Null, "running")] {
        let container = Container::create(json!({ "Cmd": ["sh", "-c", script], "StopSignal": stop_signal }));
        container.start();
        container.until_logged("ready");
        container.post("/pause").expect(204);
        container.post("/kill?signal=HUP").expect(204);
        let shown = || (container.inspect()["State"]["Status"] == status).then_some(());
        eventually(SOON, status, shown);
        if status == "paused" {
            container.post("/unpause").expect(204);
        }
        container.until_logged("got it");
    }
}

fn limits_of_a_paused_container_hold_when_it_goes_on() {
    let container = paused();
    let body = json!({ "PidsLimit": 55 });
    post_json(&container.path("/update"), &body).expect(200);
    container.post("/unpause").expect(204);
    let limit = "cat /sys/fs/cgroup/pids.max 2>/dev/null || cat /sys/fs/cgroup/pids/pids.max";
    let holds = || (container.exec_sh(limit).1.out() == "55\n").then_some(());
    eventually(SOON, "the new limit holds", holds);
}
