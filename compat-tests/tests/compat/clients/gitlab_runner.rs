//! What GitLab's runner asks of an engine for one job with its docker executor, call by call.
//!
//! After gitlab-runner 17, `executors/docker` and `helpers/docker`: a container for each stage whose shell gets the script
//! on its standard input, started only when the runner is attached and waits; labels by which a later runner finds what
//! was left. A real job has its builds folder and cache as volumes: those come with volumes, and are left out here.

use vch_compat_tests::prelude::*;
use vch_compat_tests::raw::Body;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        a_job_runs_its_stages,
        a_failing_script_gives_its_exit_code,
        a_cancelled_job_is_killed,
        what_was_left_is_found
    ]
}

/// The shell detection that the runner puts before every script (`shells/bash.go`).
const DETECT: &str = "if [ -x /usr/local/bin/bash ]; then exec /usr/local/bin/bash; elif [ -x /usr/bin/bash ]; then \
     exec /usr/bin/bash; elif [ -x /bin/bash ]; then exec /bin/bash; elif [ -x /bin/sh ]; then exec /bin/sh; else \
     echo shell not found; exit 1; fi";

fn stage(job: &str, kind: &str) -> Container {
    let image = get(&format!("/images/{BUSYBOX}/json")).expect(200).json();
    let path = format!("/containers/create?name={job}-{kind}");
    let body = json!({
        "Image": image["Id"], "Hostname": format!("{job}-{kind}"),
        "Cmd": ["sh", "-c", DETECT], "Entrypoint": null, "Env": ["CI=true", format!("CI_JOB_ID={job}")],
        "Labels": {
            "com.gitlab.gitlab-runner.managed": "true", "com.gitlab.gitlab-runner.job.id": job,
            "com.gitlab.gitlab-runner.type": kind,
        },
        "Tty": false, "AttachStdin": true, "AttachStdout": true, "AttachStderr": true, "OpenStdin": true,
        "StdinOnce": true,
        "HostConfig": {
            "Privileged": false, "RestartPolicy": { "Name": "no" }, "LogConfig": { "Type": "json-file" },
            "Binds": [], "CapAdd": [], "CapDrop": [], "Memory": 67_108_864,
        },
    });
    Container::create_as(&path, body)
}

/// Attaches, starts, and gives the script; the stream is left to be read.
fn begin(container: &Container, script: &str) -> Body {
    let (_, mut stream) = container.attach("stream=1&stdin=1&stdout=1&stderr=1");
    container.start();
    stream.write(script.as_bytes());
    stream.close_write();
    stream
}

fn a_job_runs_its_stages() {
    let job = unique("runner-job");
    for (kind, script) in
        [("predefined", "echo prepared"), ("build", "echo \"job $CI_JOB_ID on $(hostname)\"; echo warned >&2")]
    {
        let container = stage(&job, kind);
        let mut stream = begin(&container, &format!("set -eo pipefail\n{script}\nexit 0\n"));
        let wait = open("POST", &container.path("/wait?condition=not-running"), None);
        let output = frames::all(&mut stream);
        assert_eq!(wait.finish().expect(200).json()["StatusCode"], 0, "{output:?}");
        match kind {
            "build" => {
                assert_eq!(output.out(), format!("job {job} on {job}-build\n"));
                assert_eq!(output.err(), "warned\n");
            }
            _ => assert_eq!(output.out(), "prepared\n"),
        }
        // The runner asks after the wait: it trusts what inspect says.
        let state = container.inspect();
        assert_eq!((&state["State"]["Running"], &state["State"]["ExitCode"]), (&json!(false), &json!(0)));
        delete(&container.path("?force=1&v=1")).expect(204);
        get(&container.path("/json")).expect(404);
    }
}

fn a_failing_script_gives_its_exit_code() {
    let container = stage(&unique("runner-fails"), "build");
    let mut stream = begin(&container, "set -eo pipefail\necho before\n(exit 42)\necho never\n");
    let output = frames::all(&mut stream);
    assert_eq!((output.out().as_str(), container.wait()), ("before\n", 42));
}

fn a_cancelled_job_is_killed() {
    let container = stage(&unique("runner-cancel"), "build");
    let mut stream = begin(&container, "echo begun\nsleep 100000\n");
    frames::until(&mut stream, "begun");
    // As the runner's terminator: the script's own processes first, from inside.
    let sweep = container.exec(&json!({
        "AttachStdout": true, "AttachStderr": true, "Cmd": ["sh", "-c", "echo sweeping; kill -TERM $(pidof sleep)"],
    }));
    let (_, mut swept) = exec_start(&sweep, &json!({ "Detach": false, "Tty": false }));
    assert_eq!(frames::all(&mut swept).out(), "sweeping\n");
    container.post("/stop?t=1");
    container.post("/kill?signal=KILL");
    let code = container.wait();
    assert!(code != 0, "a cancelled job has failed: {code}");
    delete(&container.path("?force=1&v=1")).expect(204);
}

fn what_was_left_is_found() {
    let job = unique("runner-left");
    let (left, other) = (stage(&job, "build"), stage(&unique("runner-other"), "build"));
    let query = json!({
        "label": ["com.gitlab.gitlab-runner.managed=true", format!("com.gitlab.gitlab-runner.job.id={job}")],
    });
    let list = || get(&format!("/containers/json?all=1&{}", filters(&query))).expect(200).json();
    let found = list();
    assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
    assert_eq!(found[0]["Id"], left.id.as_str());
    assert_eq!(found[0]["Labels"]["com.gitlab.gitlab-runner.type"], "build");
    let pruned =
        post(&format!("/containers/prune?{}", filters(&json!({ "label": query["label"] })))).expect(200).json();
    assert_eq!(pruned["ContainersDeleted"], json!([left.id]));
    assert_eq!(list(), json!([]));
    other.inspect();
}
