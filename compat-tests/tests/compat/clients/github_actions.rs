//! What GitHub's runner asks of an engine for one job in a container, in the order of its calls.
//!
//! After actions/runner 2.3, `Container/DockerCommandManager.cs`: the job's container is made with `tail -f /dev/null` for
//! an entry point and stays up, each step is an exec in it with its environment and working folder, and everything carries
//! a label of the runner by which it is cleaned up before and after. A real job has its workspace as binds and a network of
//! its own: those come with volumes and networks, and are left out here.

use vch_compat_tests::prelude::*;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        a_job_runs_its_steps,
        a_service_is_waited_for,
        a_step_that_fails_gives_its_exit_code,
        a_container_action_runs
    ]
}

fn job(label: &str, more: Value) -> Container {
    let mut body = json!({
        "Image": BUSYBOX, "Labels": { label: "" }, "WorkingDir": "/__w/repo/repo",
        "Env": ["HOME=/github/home", "GITHUB_ACTIONS=true", "CI=true"],
        "Entrypoint": ["tail"], "Cmd": ["-f", "/dev/null"], "HostConfig": { "NetworkMode": "none" },
    });
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    Container::create_as(&format!("/containers/create?name={}", unique("gh-job")), body)
}

/// One step: its exit code and output.
fn step(container: &Container, script: &str, environment: &[&str]) -> (i64, frames::Output) {
    let id = container.exec(&json!({
        "AttachStdin": true, "AttachStdout": true, "AttachStderr": true, "WorkingDir": "/__w/repo/repo",
        "Env": environment, "Cmd": ["sh", "-e", "-c", script],
    }));
    let (_, mut stream) = exec_start(&id, &json!({ "Detach": false, "Tty": false }));
    stream.close_write();
    let output = frames::all(&mut stream);
    let state = get(&format!("/exec/{id}/json")).expect(200).json();
    assert_eq!(state["Running"], false, "{state}");
    (state["ExitCode"].as_i64().unwrap(), output)
}

fn by_label(label: &str) -> Vec<String> {
    let query = format!("/containers/json?all=1&{}", filters(&json!({ "label": [label] })));
    let found = get(&query).expect(200).json();
    found.as_array().unwrap().iter().map(|c| c["Id"].as_str().unwrap().to_owned()).collect()
}

fn a_job_runs_its_steps() {
    let label = unique("gh");
    assert_eq!(by_label(&label), Vec::<String>::new());
    let container = job(&label, json!({}));
    container.start();
    let running = format!("/containers/json?{}", filters(&json!({ "id": [container.id], "status": ["running"] })));
    assert_eq!(get(&running).expect(200).json().as_array().unwrap().len(), 1);
    // The runner reads PATH out of the container's configuration for its steps.
    let environment = container.inspect()["Config"]["Env"].clone();
    let path =
        environment.as_array().unwrap().iter().find_map(|e| e.as_str()?.strip_prefix("PATH=").map(str::to_owned));
    let path = format!("PATH=/opt/added:{}", path.unwrap());
    let (code, output) =
        step(&container, "pwd; echo made > file; echo $HOME $STEP $CI; echo $PATH", &[&path, "STEP=one"]);
    assert_eq!((code, output.err().as_str()), (0, ""));
    let lines: Vec<String> = output.out().lines().map(str::to_owned).collect();
    assert_eq!(lines[..2], ["/__w/repo/repo", "/github/home one true"]);
    assert!(lines[2].starts_with("/opt/added:/usr/local/sbin:"), "{lines:?}");
    // A later step sees what an earlier one made, and not its environment.
    let (code, output) = step(&container, "cat file; echo step ${STEP:-none}", &[]);
    assert_eq!((code, output.out().as_str()), (0, "made\nstep none\n"));
    assert_eq!(by_label(&label), [container.id.clone()]);
    delete(&container.path("?force=1")).expect(204);
    assert_eq!(by_label(&label), Vec::<String>::new());
}

fn a_service_is_waited_for() {
    let label = unique("gh-service");
    let service = json!({
        "Entrypoint": ["sh", "-c"], "Cmd": ["echo starting; sleep 0.3; touch /tmp/up; exec sleep 100000"],
        "Healthcheck": { "Test": ["CMD-SHELL", "test -e /tmp/up"], "Interval": 200_000_000, "Timeout": 20_000_000_000_i64,
            "Retries": 100 },
    });
    let container = job(&label, service);
    container.start();
    eventually(Duration::from_secs(90), "the service is healthy", || {
        (container.inspect()["State"]["Health"]["Status"] == "healthy").then_some(())
    });
    // At the job's end the runner shows a service's log.
    assert_eq!(container.logs().out(), "starting\n");
    container.post("/stop?t=1").expect(204);
    container.post("/wait").expect(200);
    delete(&container.path("")).expect(204);
}

fn a_step_that_fails_gives_its_exit_code() {
    let container = job(&unique("gh-fails"), json!({}));
    container.start();
    let (code, output) = step(&container, "echo shown; echo ::error::broken >&2; false; echo never", &[]);
    assert_eq!((code, output.out().as_str(), output.err().as_str()), (1, "shown\n", "::error::broken\n"));
    assert_eq!(step(&container, "exit 78", &[]).0, 78);
    assert_eq!(step(&container, "true", &[]).0, 0);
}

/// `docker run --rm` with the action's own entry point and arguments.
fn a_container_action_runs() {
    let label = unique("gh-action");
    let action = json!({
        "Entrypoint": ["/bin/sh"], "Cmd": ["-c", "echo \"$INPUT_WHO in $(pwd)\"; exit 5"], "WorkingDir": "/github/workspace",
        "Env": ["INPUT_WHO=action"], "AttachStdout": true, "AttachStderr": true,
        "HostConfig": { "AutoRemove": true, "NetworkMode": "none" },
    });
    let container = job(&label, action);
    let (_, mut stream) = container.attach("stream=1&stdout=1&stderr=1");
    let wait = open("POST", &container.path("/wait?condition=removed"), None);
    container.start();
    assert_eq!(frames::all(&mut stream).out(), "action in /github/workspace\n");
    assert_eq!(wait.finish().expect(200).json()["StatusCode"], 5);
    assert_eq!(by_label(&label), Vec::<String>::new());
}
