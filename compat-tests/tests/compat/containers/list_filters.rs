//! Every filter of the list of containers.

use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    tests![
        by_id,
        by_name_as_a_pattern,
        by_label_joined_by_and,
        by_status,
        by_exit_code,
        by_ancestor,
        by_before_and_since,
        by_several_at_once,
        by_network,
        by_volume,
        by_publish_and_expose,
        by_health,
        by_is_task,
        in_the_older_form_of_a_map,
        bad_values_are_refused,
    ]
}

/// The ids that a filter gives, stopped containers included.
#[track_caller]
fn found(filter: Value) -> Vec<String> {
    let path = format!("/containers/json?all=1&{}", filters(&filter));
    let listed = get(&path).expect(200).json();
    let id = |entry: &Value| entry["Id"].as_str().unwrap().to_owned();
    listed.as_array().unwrap().iter().map(id).collect()
}

fn labelled(label: &str, script: &str) -> Container {
    Container::create(json!({
        "Cmd": ["sh", "-c", script], "Labels": { label: "x" },
    }))
}

fn by_id() {
    let container = Container::sh("true");
    for id in [&container.id[..], &container.id[..12], &container.id[..20]] {
        assert_eq!(found(json!({ "id": [id] })), [container.id.clone()]);
    }
    assert!(found(json!({ "id": ["ffffffffffffffffffffffff"] })).is_empty());
}

fn by_name_as_a_pattern() {
    let name = unique("pattern");
    let make = |suffix: &str| {
        let path = format!("/containers/create?name={name}-{suffix}");
        Container::create_as(&path, json!({ "Cmd": ["true"] }))
    };
    let (a, b) = (make("a"), make("b"));
    let mut both = found(json!({ "name": [name] }));
    both.sort();
    let mut expected = [a.id.clone(), b.id.clone()];
    expected.sort();
    assert_eq!(both, expected, "part of a name is enough");
    assert_eq!(found(json!({ "name": [format!("^/?{name}-a$")] })), [a.id.clone()]);
    assert_eq!(found(json!({ "name": [format!("/{name}-b")] })), [b.id.clone()]);
    assert_eq!(found(json!({ "name": [format!("{name}-[b-z]")] })), [b.id.clone()]);
    let several = json!({ "name": [format!("{name}-a"), format!("{name}-b")] });
    assert_eq!(found(several).len(), 2, "several names are joined by or");
    assert!(found(json!({ "name": [format!("^{name}$")] })).is_empty());
}

fn by_label_joined_by_and() {
    let (one, two) = (unique("l"), unique("l"));
    let with = |labels: Value| Container::create(json!({ "Cmd": ["true"], "Labels": labels }));
    let a = with(json!({ &one: "1", &two: "2" }));
    let b = with(json!({ &one: "1" }));
    assert_eq!(found(json!({ "label": [one] })).len(), 2);
    assert_eq!(found(json!({ "label": [format!("{one}=1")] })).len(), 2);
    assert_eq!(found(json!({ "label": [one, two] })), [a.id.clone()]);
    assert_eq!(found(json!({ "label": [format!("{one}=1"), format!("{two}=2")] })), [a.id.clone()]);
    assert!(found(json!({ "label": [format!("{two}=3")] })).is_empty());
    drop(b);
}

fn by_status() {
    let label = unique("status");
    let created = labelled(&label, "true");
    let exited = labelled(&label, "true");
    exited.run();
    let running = labelled(&label, "sleep 1000");
    running.start();
    let of = |status: &[&str]| found(json!({ "label": [label], "status": status }));
    assert_eq!(of(&["created"]), [created.id.clone()]);
    assert_eq!(of(&["exited"]), [exited.id.clone()]);
    assert_eq!(of(&["running"]), [running.id.clone()]);
    assert_eq!(of(&["created", "exited"]).len(), 2);
    for none in ["paused", "restarting", "dead", "removing"] {
        assert!(of(&[none]).is_empty(), "{none}");
    }
}

fn by_exit_code() {
    let label = unique("exited");
    let zero = labelled(&label, "exit 0");
    let three = labelled(&label, "exit 3");
    let never = labelled(&label, "exit 0");
    zero.run();
    three.run();
    let of = |codes: &[&str]| found(json!({ "label": [label], "exited": codes }));
    assert_eq!(of(&["0"]), [zero.id.clone()], "not one that never ran");
    assert_eq!(of(&["3"]), [three.id.clone()]);
    assert_eq!(of(&["0", "3"]).len(), 2);
    assert!(of(&["7"]).is_empty());
    drop(never);
}

fn by_ancestor() {
    let label = unique("ancestor");
    let tag = format!("compat/{label}:latest");
    let image = vch_compat_tests::image::marked(&tag, &tag);
    image.load();
    let mine = Container::create(json!({
        "Image": tag, "Cmd": ["true"], "Labels": { &label: "" },
    }));
    let other = labelled(&label, "true");
    let of = |ancestor: &str| found(json!({ "label": [label], "ancestor": [ancestor] }));
    assert_eq!(of(&tag), [mine.id.clone()]);
    assert_eq!(of(&image.id()), [mine.id.clone()]);
    assert_eq!(of(&image.id()[7..19]), [mine.id.clone()]);
    assert!(of(BUSYBOX).contains(&other.id));
    assert!(of("compat/nope").is_empty(), "a missing image is no error");
    drop(mine);
    delete(&format!("/images/{tag}")).expect(200);
}

fn by_before_and_since() {
    let label = unique("age");
    let made: Vec<Container> = (0..3).map(|_| labelled(&label, "true")).collect();
    let of = |key: &str, id: &str| found(json!({ "label": [label], key: [id] }));
    assert_eq!(of("before", &made[1].id), [made[0].id.clone()]);
    assert_eq!(of("since", &made[1].id), [made[2].id.clone()]);
    assert!(of("since", &made[2].id).is_empty());
    let query = filters(&json!({ "before": ["no-such"] }));
    let reply = get(&format!("/containers/json?all=1&{query}"));
    let status = reply.head.status;
    assert!(matches!(status, 404 | 500), "dockerd's versions differ: {status}");
    reply.refuses(status, "no such container");
}

fn by_several_at_once() {
    let label = unique("several");
    let mine = labelled(&label, "exit 3");
    mine.run();
    let filter = json!({
        "label": [label], "status": ["exited"], "exited": ["3"], "ancestor": [BUSYBOX], "id": [mine.id],
    });
    assert_eq!(found(filter), [mine.id.clone()]);
    assert!(found(json!({ "label": [label], "status": ["running"] })).is_empty());
}

fn by_network() {
    let label = unique("network");
    let none = Container::create(json!({
        "Cmd": ["true"], "Labels": { &label: "" }, "HostConfig": { "NetworkMode": "none" },
    }));
    none.run();
    let of = |network: &str| found(json!({ "label": [label], "network": [network] }));
    assert_eq!(of("none"), [none.id.clone()]);
    assert!(of("no-such-network").is_empty());
}

fn by_volume() {
    let label = unique("volume");
    let container = labelled(&label, "true");
    assert!(found(json!({ "label": [label], "volume": ["no-such"] })).is_empty());
    drop(container);
}

fn by_publish_and_expose() {
    let label = unique("ports");
    let container = Container::create(json!({
        "Cmd": ["true"], "Labels": { &label: "" }, "ExposedPorts": { "8080/tcp": {}, "53/udp": {} },
    }));
    let of = |key: &str, port: &str| found(json!({ "label": [label], key: [port] }));
    assert!(of("publish", "8080").is_empty());
    for bad in ["99999999/tcp", "x"] {
        let query = filters(&json!({ "publish": [bad] }));
        let status = get(&format!("/containers/json?{query}")).head.status;
        assert!(matches!(status, 400 | 500), "{bad}: {status}");
    }
    drop(container);
}

fn by_health() {
    let label = unique("health");
    let container = labelled(&label, "true");
    let of = |health: &str| found(json!({ "label": [label], "health": [health] }));
    assert_eq!(of("none"), [container.id.clone()]);
    assert!(of("healthy").is_empty());
    assert!(of("starting").is_empty());
}

fn by_is_task() {
    let label = unique("task");
    let container = labelled(&label, "true");
    let of = |value: &str| found(json!({ "label": [label], "is-task": [value] }));
    assert_eq!(of("false"), [container.id.clone()]);
    assert!(of("true").is_empty());
}

fn in_the_older_form_of_a_map() {
    let label = unique("map");
    let container = labelled(&label, "true");
    let filter = json!({ "label": { format!("{label}=x"): true } });
    assert_eq!(found(filter), [container.id.clone()]);
}

fn bad_values_are_refused() {
    for (filter, words) in [
        (json!({ "status": ["frobnicated"] }), "invalid filter 'status=frobnicated'"),
        (json!({ "health": ["frobnicated"] }), "invalid filter 'health=frobnicated'"),
    ] {
        let query = filters(&filter);
        let reply = get(&format!("/containers/json?all=1&{query}"));
        let status = reply.head.status;
        assert!(matches!(status, 400 | 500), "{status}");
        let text = reply.text().to_lowercase();
        assert!(text.contains(words) || text.contains("unrecognised filter value"), "{text}");
    }
    for (key, value) in [("exited", "many"), ("is-task", "perhaps")] {
        let query = filters(&json!({ key: [value] }));
        let status = get(&format!("/containers/json?all=1&{query}")).head.status;
        assert!(matches!(status, 400 | 500), "{key}: {status}");
    }
}
