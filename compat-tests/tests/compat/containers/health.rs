//! Health checks: what a probe runs as, what its outcomes make of a container, and where that shows.

use crate::time::now;
use vch_compat_tests::cli::docker;
use vch_compat_tests::image::{self, Image};
use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    let mut tests = tests![
        a_check_that_succeeds_makes_healthy,
        failures_in_a_row_make_unhealthy,
        what_takes_too_long_has_failed,
        a_missing_program_is_told,
        a_probe_runs_as_the_container_does,
        output_is_bounded,
        failures_in_the_start_period_do_not_count,
        a_paused_container_is_not_checked,
        a_start_begins_anew,
        the_image_has_it_and_the_user_changes_it,
        bad_values_are_refused,
        health_options_of_the_command_line,
    ];
    tests.extend(tests![the_start_interval_is_of_the_start_period].into_iter().map(|t| t.since(44)));
    tests.extend(tests![children_of_what_took_too_long_are_killed].into_iter().map(Test::ours_only));
    tests
}

const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1000 * MILLISECOND;

/// A started container that does nothing, with this check.
#[track_caller]
fn checked(check: Value) -> Container {
    let container = Container::create(json!({ "Cmd": ["sleep", "100000"], "Healthcheck": check }));
    container.start();
    container
}

#[track_caller]
fn shell(script: &str) -> Value {
    json!({ "Test": ["CMD-SHELL", script], "Interval": 200 * MILLISECOND, "Retries": 2 })
}

fn health(container: &Container) -> Value {
    container.inspect()["State"]["Health"].clone()
}

/// Waits until the container's health is this; all of it.
#[track_caller]
fn until(container: &Container, status: &str) -> Value {
    eventually(SOON, &format!("the container is {status}"), || {
        Some(health(container)).filter(|health| health["Status"] == status)
    })
}

/// Waits until this many probes are logged; the health then.
#[track_caller]
fn logged(container: &Container, count: usize) -> Value {
    eventually(SOON, &format!("{count} probes"), || Some(health(container)).filter(|h| log(h).len() >= count))
}

fn log(health: &Value) -> Vec<Value> {
    health["Log"].as_array().cloned().unwrap_or_default()
}

/// The STATUS column of those that a filter finds.
#[track_caller]
fn listed(container: &Container, word: &str) -> Option<String> {
    let filter = filters(&json!({ "id": [container.id], "health": [word] }));
    let list = get(&format!("/containers/json?{filter}")).expect(200).json();
    list[0]["Status"].as_str().map(str::to_owned)
}

fn a_check_that_succeeds_makes_healthy() {
    let since = now();
    let container = Container::create(json!({
        "Cmd": ["sleep", "100000"], "Healthcheck": shell("test -e /ok && echo fine"),
    }));
    assert_eq!(container.inspect()["State"].get("Health"), None, "there is none before the start");
    container.start();
    let first = health(&container);
    assert_eq!((&first["Status"], &first["FailingStreak"]), (&json!("starting"), &json!(0)));
    assert!(first["Log"].is_array());
    container.exec_sh("touch /ok");
    let healthy = until(&container, "healthy");
    assert_eq!(healthy["FailingStreak"], 0);
    let last = log(&healthy).pop().unwrap();
    assert_eq!((&last["ExitCode"], &last["Output"]), (&json!(0), &json!("fine\n")));
    for time in ["Start", "End"] {
        crate::time::assert_is_a_time(&last[time]);
    }
    assert!(last["Start"].as_str() < last["End"].as_str());
    assert!(listed(&container, "healthy").unwrap().ends_with(" (healthy)"));
    assert_eq!((listed(&container, "none"), listed(&container, "starting")), (None, None));
    let events = |filter: Value| {
        let path = format!("/events?since={since:.9}&until={:.9}&{}", now(), filters(&filter));
        get(&path).expect(200).json_lines()
    };
    let changed = eventually(SOON, "the event", || {
        let found = events(json!({ "container": [container.id], "event": ["health_status"] }));
        found.iter().find(|e| e["Action"] == "health_status: healthy").cloned()
    });
    assert_eq!(changed["Actor"]["Attributes"]["image"], json!(BUSYBOX));
    let of = |action: &str| {
        let word = action.split(':').next().unwrap();
        let mut found = events(json!({ "container": [container.id], "event": [word] }));
        found.retain(|event| event["Action"] == action);
        found
    };
    let command = "/bin/sh -c test -e /ok && echo fine";
    let id = |event: &Value| event["Actor"]["Attributes"]["execID"].clone();
    let started = of(&format!("exec_start: {command}")).remove(0);
    assert_eq!(id(&of(&format!("exec_create: {command}"))[0]), id(&started));
    let died = of("exec_die").into_iter().find(|event| id(event) == id(&started)).unwrap();
    assert!(died["Actor"]["Attributes"]["exitCode"].is_string());
}

fn failures_in_a_row_make_unhealthy() {
    let container = checked(shell("echo out; echo err >&2; exit 3"));
    let unhealthy = until(&container, "unhealthy");
    assert!(unhealthy["FailingStreak"].as_u64() >= Some(2), "{unhealthy}");
    let last = log(&unhealthy).pop().unwrap();
    assert_eq!(last["ExitCode"], 3);
    let mut lines: Vec<&str> = last["Output"].as_str().unwrap().lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["err", "out"]);
    assert!(listed(&container, "unhealthy").unwrap().ends_with(" (unhealthy)"));
    eventually(SOON, "more failures", || (health(&container)["FailingStreak"].as_u64() > Some(5)).then_some(()));
    assert_eq!(log(&health(&container)).len(), 5, "the last five are kept");
}

fn what_takes_too_long_has_failed() {
    let mut check = shell("sleep 4321");
    check["Timeout"] = json!(SECOND);
    let container = checked(check);
    let unhealthy = until(&container, "unhealthy");
    let first = log(&unhealthy).remove(0);
    assert_eq!(first["ExitCode"], -1);
    assert_eq!(first["Output"], "Health check exceeded timeout (1s)");
}

fn children_of_what_took_too_long_are_killed() {
    let mut check = shell("(sleep 4321 & wait) & timeout 4000 sleep 4321");
    check["Timeout"] = json!(SECOND);
    check["Interval"] = json!(3600 * SECOND);
    check["StartPeriod"] = json!(3600 * SECOND);
    check["StartInterval"] = json!(SECOND);
    check["Retries"] = json!(1);
    let container =
        Container::create_as("/v1.44/containers/create", json!({ "Cmd": ["sleep", "100000"], "Healthcheck": check }));
    container.start();
    logged(&container, 1);
    container.post("/pause").expect(204);
    container.post("/unpause").expect(204);
    eventually(SOON, "nothing of the probes is left", || {
        let (_, seen) = container.exec_sh("ps | grep -c '[s]leep 4321'");
        (seen.out() == "0\n").then_some(())
    });
}

fn a_missing_program_is_told() {
    let check = json!({ "Test": ["CMD", "nosuch"], "Interval": 200 * MILLISECOND, "Retries": 1 });
    let container = checked(check);
    let first = log(&until(&container, "unhealthy")).remove(0);
    assert_eq!(first["ExitCode"], -1);
    let output = first["Output"].as_str().unwrap();
    assert!(output.starts_with("OCI runtime exec failed: exec failed: unable to start container process:"), "{output}");
    assert!(output.contains("exec: \"nosuch\": executable file not found in $PATH"), "{output}");
}

fn a_probe_runs_as_the_container_does() {
    let container = Container::create(json!({
        "Cmd": ["sleep", "100000"], "User": "app", "WorkingDir": "/var", "Env": ["SAID=yes"],
        "Healthcheck": shell("id -u; pwd; echo $SAID $HOME; hostname"), "Hostname": "box",
    }));
    container.start();
    let seen = log(&until(&container, "healthy")).remove(0);
    assert_eq!(seen["Output"], "1000\n/var\nyes /home/app\nbox\n");
    let container = Container::create(json!({
        "Cmd": ["sleep", "100000"], "Shell": ["/bin/echo", "by the shell:"], "Healthcheck": shell("true"),
    }));
    container.start();
    assert_eq!(log(&until(&container, "healthy")).remove(0)["Output"], "by the shell: true\n");
    let exec = json!({ "Test": ["CMD", "echo", "$HOME"], "Interval": 200 * MILLISECOND });
    assert_eq!(log(&until(&checked(exec), "healthy")).remove(0)["Output"], "$HOME\n");
}

fn output_is_bounded() {
    let container = checked(shell("head -c 100000 /dev/zero | tr '\\0' x"));
    let output = log(&until(&container, "healthy")).remove(0)["Output"].as_str().unwrap().to_owned();
    assert_eq!(output, format!("{}...", "x".repeat(4096)));
}

fn failures_in_the_start_period_do_not_count() {
    let mut check = shell("test -e /ok");
    check["StartPeriod"] = json!(3600 * SECOND);
    check["Retries"] = json!(1);
    // Of a client that knows no start interval.
    let container =
        Container::create_as("/v1.41/containers/create", json!({ "Cmd": ["sleep", "100000"], "Healthcheck": check }));
    container.start();
    let starting = logged(&container, 2);
    assert_eq!((&starting["Status"], &starting["FailingStreak"]), (&json!("starting"), &json!(0)));
    assert!(listed(&container, "starting").unwrap().ends_with(" (health: starting)"));
    container.exec_sh("touch /ok");
    until(&container, "healthy");
    container.exec_sh("rm /ok");
    until(&container, "unhealthy");
}

fn the_start_interval_is_of_the_start_period() {
    let check = json!({
        "Test": ["CMD", "false"], "Interval": 3600 * SECOND, "StartPeriod": 3600 * SECOND,
        "StartInterval": 200 * MILLISECOND,
    });
    let body = json!({ "Cmd": ["sleep", "100000"], "Healthcheck": check });
    let container = Container::create_as("/v1.44/containers/create", body.clone());
    container.start();
    assert_eq!(logged(&container, 3)["Status"], "starting");
    let shown = container.inspect()["Config"]["Healthcheck"]["StartInterval"].clone();
    assert_eq!(shown, json!(200 * MILLISECOND));
    let older = Container::create_as("/v1.43/containers/create", body);
    assert_eq!(older.inspect()["Config"]["Healthcheck"].get("StartInterval"), None);
}

fn a_paused_container_is_not_checked() {
    let container = checked(shell("true"));
    until(&container, "healthy");
    container.post("/pause").expect(204);
    let paused = health(&container);
    assert_eq!(paused["Status"], "unhealthy", "as whenever nothing checks");
    let moment = now();
    eventually(SOON, "several intervals have passed", || (now() > moment + 1.0).then_some(()));
    assert_eq!(health(&container), paused);
    container.post("/unpause").expect(204);
    until(&container, "healthy");
}

fn a_start_begins_anew() {
    let container = checked(shell("test -e /ok"));
    container.exec_sh("touch /ok");
    until(&container, "healthy");
    container.post("/stop?t=0").expect(204);
    let stopped = health(&container);
    assert_eq!(stopped["Status"], "unhealthy");
    container.start();
    let again = health(&container);
    assert!(["starting", "healthy"].contains(&again["Status"].as_str().unwrap()), "{again}");
    assert_eq!(again["FailingStreak"], 0);
    assert!(!log(&again).is_empty(), "earlier probes are still told");
    until(&container, "healthy");
}

fn the_image_has_it_and_the_user_changes_it() {
    let tag = format!("compat/{}:latest", unique("healthy"));
    let mut image: Image = image::marked(&tag, &tag);
    image.config["Healthcheck"] = json!({
        "Test": ["CMD-SHELL", "echo of the image"], "Interval": 200 * MILLISECOND, "Timeout": 7 * SECOND, "Retries": 4,
    });
    image.load();
    let create = |healthcheck: Value| {
        let mut body = json!({ "Image": tag, "Cmd": ["sleep", "100000"] });
        if !healthcheck.is_null() {
            body["Healthcheck"] = healthcheck;
        }
        Container::create(body)
    };
    let own = create(Value::Null);
    own.start();
    assert_eq!(log(&until(&own, "healthy")).remove(0)["Output"], "of the image\n");
    let changed = create(json!({ "Interval": 300 * MILLISECOND }));
    let shown = changed.inspect()["Config"]["Healthcheck"].clone();
    let expected = json!({
        "Test": ["CMD-SHELL", "echo of the image"], "Interval": 300 * MILLISECOND, "Timeout": 7 * SECOND, "Retries": 4,
    });
    assert_eq!(shown, expected);
    let none = create(json!({ "Test": ["NONE"] }));
    none.start();
    assert_eq!(none.inspect()["State"].get("Health"), None);
    assert!(listed(&none, "none").is_some());
    drop((own, changed, none));
    delete(&format!("/images/{tag}?force=1")).expect(200);
}

fn bad_values_are_refused() {
    for (field, value, words) in [
        ("Interval", json!(1), "Interval in Healthcheck cannot be less than 1ms"),
        ("Timeout", json!(999_999), "Timeout in Healthcheck cannot be less than 1ms"),
        ("StartPeriod", json!(-1), "StartPeriod in Healthcheck cannot be less than 1ms"),
        ("Retries", json!(-1), "Retries in Healthcheck cannot be negative"),
    ] {
        let body = json!({ "Image": BUSYBOX, "Cmd": ["true"], "Healthcheck": { field: value } });
        post_json("/containers/create", &body).refuses(400, words);
    }
}

fn health_options_of_the_command_line() {
    let name = unique("health");
    let run = docker(&[
        "run",
        "-d",
        "--name",
        &name,
        "--network",
        "none",
        "--health-cmd",
        "echo said",
        "--health-interval",
        "200ms",
        "--health-timeout",
        "5s",
        "--health-retries",
        "2",
        "--health-start-period",
        "1s",
        BUSYBOX,
        "sleep",
        "100000",
    ]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let container = Container::adopt(run.stdout.trim());
    until(&container, "healthy");
    let shown = docker(&["ps", "--filter", &format!("name={name}"), "--format", "{{.Status}}"]).stdout;
    assert!(shown.starts_with("Up ") && shown.ends_with(" (healthy)\n"), "{shown}");
    let shown = docker(&["inspect", "-f", "{{.State.Health.Status}} {{(index .State.Health.Log 0).Output}}", &name]);
    assert_eq!(shown.stdout, "healthy said\n\n");
    let run = docker(&["run", "-d", "--network", "none", "--no-healthcheck", BUSYBOX, "sleep", "100000"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let container = Container::adopt(run.stdout.trim());
    let inspected = container.inspect();
    assert_eq!(inspected["Config"]["Healthcheck"]["Test"], json!(["NONE"]));
    assert_eq!(inspected["State"].get("Health"), None);
}
