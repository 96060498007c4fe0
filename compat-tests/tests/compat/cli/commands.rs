//! The other commands of the program: ps, logs, events, and the rest of a container's life.

use super::detached;
use std::io::Read;
use vch_compat_tests::cli::{docker, finish, spawn};
use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    tests![
        version_and_info,
        ps_shows_columns,
        ps_filters_and_formats,
        logs_with_its_options,
        logs_follow_to_the_end,
        the_life_of_a_container,
        rm_and_rmi_say_what_they_did,
        images_lists_and_inspects,
        load_import_and_tag,
        events_as_they_come,
        prune_says_what_it_took,
        commands_on_several_containers,
    ]
}

fn version_and_info() {
    let format = "{{.Server.Os}}/{{.Server.Arch}} {{.Server.APIVersion}}";
    let shown = docker(&["version", "--format", format]).ok();
    assert!(shown.starts_with("linux/amd64 1."), "{shown}");
    let shown = docker(&["info"]).ok();
    for line in ["Server Version:", "Storage Driver:", "Swarm: inactive", "Kernel Version:", "Docker Root Dir:"] {
        assert!(shown.contains(line), "{line:?} in {shown}");
    }
}

fn ps_shows_columns() {
    let name = unique("ps");
    let container = detached(&["--name", &name], "sleep 1000");
    let shown = docker(&["ps", "--filter", &format!("id={}", container.id)]).ok();
    let mut lines = shown.lines();
    let head: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(head, ["CONTAINER", "ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"]);
    let line = lines.next().unwrap();
    for part in [&container.id[..12], BUSYBOX, "\"sh -c 'sleep 1000'\"", "Up ", &name] {
        assert!(line.contains(part), "{part:?} in {line:?}");
    }
}

fn ps_filters_and_formats() {
    let label = unique("ps");
    let stopped = detached(&["-l", &label], "exit 3");
    stopped.wait();
    let running = detached(&["-l", &label], "sleep 1000");
    let filter = format!("label={label}");
    let ids = |more: &[&str]| {
        let mut arguments = vec!["ps", "-q", "--no-trunc", "--filter", &filter];
        arguments.extend(more);
        docker(&arguments).ok()
    };
    assert_eq!(ids(&[]), format!("{}\n", running.id));
    assert_eq!(ids(&["-a"]), format!("{}\n{}\n", running.id, stopped.id));
    assert_eq!(ids(&["-a", "--filter", "exited=3"]), format!("{}\n", stopped.id));
    assert_eq!(ids(&["-l"]), format!("{}\n", running.id));
    let format = "{{.State}} {{.Status}}";
    let shown = docker(&["ps", "-a", "--filter", "exited=3", "--filter", &filter, "--format", format]).ok();
    assert!(shown.starts_with("exited Exited (3) "), "{shown}");
    let sized = docker(&["ps", "-s", "--filter", &filter, "--format", "{{.Size}}"]).ok();
    assert!(sized.contains("(virtual "), "{sized}");
}

fn logs_with_its_options() {
    let container = detached(&[], "seq 1 20; sleep 0.3; echo bad >&2");
    container.wait();
    let outcome = docker(&["logs", "--tail", "2", &container.id]);
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("20\n", "bad\n"));
    let stamped = docker(&["logs", "-t", "--tail", "1", &container.id]);
    assert!(stamped.stderr.ends_with("Z bad\n"), "{stamped:?}");
    let since = docker(&["logs", "--since", "10m", &container.id]).ok();
    assert_eq!(since.lines().count(), 20);
    let until = docker(&["logs", "--until", "10m", &container.id]).ok();
    assert_eq!(until, "");
    docker(&["logs", "compat-no-such"]).fails(1, "No such container: compat-no-such");
}

fn logs_follow_to_the_end() {
    let script = "echo first; while [ ! -e /go ]; do sleep 0.1; done; echo last; exit 3";
    let container = detached(&[], script);
    let arguments = ["logs", "-f", &container.id];
    let mut child = spawn(&arguments);
    let mut stdout = child.stdout.take().unwrap();
    let mut first = [0; 6];
    stdout.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"first\n");
    container.exec_sh("touch /go");
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "last\n");
    assert_eq!(finish(child, &arguments).code, 0);
}

fn the_life_of_a_container() {
    let name = unique("life");
    let script = "trap 'exit 0' TERM; sleep 99999 & wait";
    let id = docker(&["create", "--name", &name, BUSYBOX, "sh", "-c", script]).ok();
    let _guard = Container::adopt(id.trim());
    let state = || docker(&["inspect", "-f", "{{.State.Status}}", &name]).ok();
    let does = |arguments: &[&str], said: &str, then: &str| {
        let mut all = arguments.to_vec();
        all.push(&name);
        assert_eq!(docker(&all).ok(), said, "{arguments:?}");
        assert_eq!(state(), format!("{then}\n"), "{arguments:?}");
    };
    let said = format!("{name}\n");
    does(&["start"], &said, "running");
    does(&["start"], &said, "running");
    does(&["restart", "-t", "5"], &said, "running");
    does(&["stop", "-t", "5"], &said, "exited");
    does(&["stop"], &said, "exited");
    does(&["start"], &said, "running");
    does(&["kill"], &said, "exited");
    let new = unique("life");
    docker(&["rename", &name, &new]).ok();
    assert_eq!(docker(&["rm", &new]).ok(), format!("{new}\n"));
    docker(&["rm", &new]).fails(1, &format!("No such container: {new}"));
}

fn rm_and_rmi_say_what_they_did() {
    let container = detached(&[], "sleep 1000");
    docker(&["rm", &container.id]).fails(1, "stop the container before");
    assert_eq!(docker(&["rm", "-f", &container.id]).ok(), format!("{}\n", container.id));
    let quiet = docker(&["rm", "-f", "compat-no-such"]);
    assert!(quiet.stderr.contains("No such container"), "{quiet:?}");
    let tag = format!("compat/{}:latest", unique("rmi"));
    let image = vch_compat_tests::image::marked(&tag, &tag);
    image.load();
    let shown = docker(&["rmi", &tag]).ok();
    assert!(shown.starts_with(&format!("Untagged: {tag}\nDeleted: {}\n", image.id())), "{shown}");
    docker(&["rmi", &tag]).fails(1, &format!("No such image: {tag}"));
}

fn images_lists_and_inspects() {
    let shown = docker(&["images", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}", "compat/busybox"]).ok();
    let id = vch_compat_tests::image::busybox().id();
    assert_eq!(shown, format!("{BUSYBOX} {}\n", &id[7..19]));
    assert_eq!(docker(&["images", "-q", "--no-trunc", BUSYBOX]).ok(), format!("{id}\n"));
    let format = "{{.Os}}/{{.Architecture}} {{json .Config.Cmd}} {{len .RootFS.Layers}}";
    let shown = docker(&["image", "inspect", "-f", format, BUSYBOX]).ok();
    assert_eq!(shown, "linux/amd64 [\"sh\"] 1\n");
    let shown = docker(&["history", "--no-trunc", "--format", "{{.CreatedBy}}", BUSYBOX]).ok();
    assert_eq!(shown, "step 0\n");
    docker(&["image", "inspect", "compat/nope"]).fails(1, "No such image: compat/nope:latest");
}

fn load_import_and_tag() {
    use vch_compat_tests::cli::docker_fed;
    let tag = format!("compat/{}:latest", unique("loaded"));
    let image = vch_compat_tests::image::marked(&tag, &tag);
    let shown = docker_fed(&["load"], &image.archive()).ok();
    assert_eq!(shown, format!("Loaded image: {tag}\n"));
    let other = format!("compat/{}", unique("other"));
    docker(&["tag", &tag, &other]).ok();
    docker(&["rmi", &tag, &other]).ok();
    let layer = vch_compat_tests::image::busybox_layer();
    let change = "CMD echo from $WHERE";
    let arguments = ["import", "-c", change, "-c", "ENV WHERE=import", "-m", "note", "-", &other];
    let id = docker_fed(&arguments, &layer).ok();
    assert!(id.starts_with("sha256:"), "{id}");
    assert_eq!(docker(&["run", "--rm", &other]).ok(), "from import\n");
    docker(&["rmi", &other]).ok();
}

fn events_as_they_come() {
    let label = unique("events");
    let filter = format!("label={label}");
    let arguments = ["events", "--filter", &filter, "--format", "{{.Action}}"];
    let mut child = spawn(&arguments);
    let mut stdout = child.stdout.take().unwrap();
    // Nothing says when the program listens: containers run until it has seen one whole.
    let seen = std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let mut seen = String::new();
            let mut chunk = [0; 256];
            while !seen.contains("start\ndie\ndestroy\n") {
                match stdout.read(&mut chunk) {
                    Ok(n) if n > 0 => seen += &String::from_utf8_lossy(&chunk[..n]),
                    _ => break,
                }
            }
            seen
        });
        eventually(SOON, "a whole life is seen", || {
            docker(&["run", "--rm", "-l", &label, BUSYBOX, "true"]).ok();
            reader.is_finished().then_some(())
        });
        reader.join().unwrap()
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(seen.contains("start\ndie\ndestroy\n"), "{seen}");
    // The program cuts `until` down to whole seconds: the last one shows up a moment later.
    let past = ["events", "--since", "10m", "--until", "0s", "--filter", &filter, "--format", "{{.Action}}"];
    eventually(SOON, "the past is shown", || docker(&past).ok().contains("destroy\n").then_some(()));
}

fn prune_says_what_it_took() {
    let label = unique("prune");
    let container = detached(&["-l", &label], "true");
    container.wait();
    let filter = format!("label={label}");
    let pruned = || {
        let outcome = docker(&["container", "prune", "-f", "--filter", &filter]);
        // dockerd refuses a second prune while one runs.
        (!outcome.stderr.contains("already running")).then_some(outcome)
    };
    let shown = eventually(SOON, "the prune is let in", pruned).ok();
    assert!(shown.contains(&container.id), "{shown}");
    assert!(shown.contains("Total reclaimed space: "), "{shown}");
}

fn commands_on_several_containers() {
    let (one, two) = (detached(&[], "sleep 1000"), detached(&[], "sleep 1000"));
    let shown = docker(&["kill", &one.id, &two.id]).ok();
    assert_eq!(shown, format!("{}\n{}\n", one.id, two.id));
    let missing = docker(&["rm", &one.id, "compat-no-such", &two.id]);
    assert_eq!(missing.code, 1);
    assert_eq!(missing.stdout, format!("{}\n{}\n", one.id, two.id));
    assert!(missing.stderr.contains("No such container: compat-no-such"));
}
