//! The list of containers: what an entry says, order and limits.

use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    tests![
        an_entry_has_what_clients_read,
        only_running_ones_unless_all_are_asked_for,
        newest_first,
        limit_takes_the_newest_of_all,
        status_is_told_in_words,
        the_command_is_told_as_text,
        an_image_that_lost_its_name_is_told_by_id,
        it_holds_while_containers_come_and_go,
        size_is_told_where_asked_for,
    ]
}

/// The entries of the containers with this label.
#[track_caller]
fn list(query: &str, label: &str) -> Vec<Value> {
    let filter = filters(&json!({ "label": [label] }));
    let listed = get(&format!("/containers/json?{query}&{filter}")).expect(200);
    listed.json().as_array().unwrap().clone()
}

fn labelled(label: &str, command: Value) -> Container {
    Container::create(json!({ "Cmd": command, "Labels": { label: "x" } }))
}

#[track_caller]
fn ids(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|e| e["Id"].as_str().unwrap()).collect()
}

fn an_entry_has_what_clients_read() {
    let label = unique("entry");
    let path = format!("/containers/create?name={label}");
    let container =
        Container::create_as(&path, json!({ "Cmd": ["sleep", "1000"], "Labels": { &label: "x", "other": "" } }));
    container.start();
    let entries = list("", &label);
    assert_eq!(entries.len(), 1);
    let entry = &entries[0];
    assert_eq!(entry["Id"], json!(container.id));
    assert_eq!(entry["Names"], json!([format!("/{label}")]));
    assert_eq!(entry["Image"], json!(BUSYBOX));
    assert_eq!(entry["ImageID"], json!(vch_compat_tests::image::busybox().id()));
    assert_eq!(entry["Command"], "sleep 1000");
    assert_eq!(entry["State"], "running");
    assert_eq!(entry["Ports"], json!([]));
    assert_eq!(entry["Mounts"], json!([]));
    assert_eq!(entry["Labels"], json!({ &label: "x", "other": "" }));
    assert!(entry["Created"].as_i64() > Some(1_700_000_000), "{entry}");
    assert!(entry["HostConfig"]["NetworkMode"].is_string(), "{entry}");
    assert!(entry["NetworkSettings"]["Networks"].is_object(), "{entry}");
    let status = entry["Status"].as_str().unwrap();
    assert!(status.starts_with("Up "), "{status}");
    assert_eq!(entry.get("SizeRw"), None);
}

fn only_running_ones_unless_all_are_asked_for() {
    let label = unique("running");
    let created = labelled(&label, json!(["true"]));
    let exited = labelled(&label, json!(["true"]));
    exited.run();
    let running = labelled(&label, json!(["sleep", "1000"]));
    running.start();
    assert_eq!(ids(&list("", &label)), [running.id.as_str()]);
    assert_eq!(ids(&list("all=0", &label)), [running.id.as_str()]);
    for all in ["1", "true", "True"] {
        assert_eq!(list(&format!("all={all}"), &label).len(), 3);
    }
    drop(created);
    assert_eq!(list("all=1", &label).len(), 2);
}

fn newest_first() {
    let label = unique("order");
    let mut made: Vec<Container> = Vec::new();
    for _ in 0..3 {
        made.push(labelled(&label, json!(["true"])));
        // Created has whole seconds in the list, yet the order is finer.
        let stamp = || made.last().unwrap().inspect()["Created"].clone();
        assert!(stamp().is_string());
    }
    let expected: Vec<&str> = made.iter().rev().map(|c| c.id.as_str()).collect();
    assert_eq!(ids(&list("all=1", &label)), expected);
}

fn limit_takes_the_newest_of_all() {
    let label = unique("limit");
    let made: Vec<Container> = (0..4).map(|_| labelled(&label, json!(["true"]))).collect();
    assert_eq!(
        ids(&list("limit=2", &label)),
        [made[3].id.as_str(), made[2].id.as_str()],
        "a limit counts stopped ones too"
    );
    assert_eq!(list("limit=0&all=1", &label).len(), 4);
    assert_eq!(list("limit=-1&all=1", &label).len(), 4);
}

fn size_is_told_where_asked_for() {
    let label = unique("size");
    let container = labelled(&label, json!(["sh", "-c", "head -c 300000 /dev/urandom > /file"]));
    container.run();
    // Written back to the disk a moment after the end, where the disk is a machine's.
    eventually(SOON, "what was written is counted", || {
        let entry = &list("all=1&size=1", &label)[0];
        let rw = entry["SizeRw"].as_i64().unwrap_or(0);
        (rw >= 300_000 && entry["SizeRootFs"].as_i64() > Some(rw)).then_some(())
    });
}

fn status_is_told_in_words() {
    let label = unique("status");
    let container = labelled(&label, json!(["sh", "-c", "exit 3"]));
    let status = || list("all=1", &label)[0]["Status"].as_str().unwrap().to_owned();
    let state = || list("all=1", &label)[0]["State"].as_str().unwrap().to_owned();
    assert_eq!((status().as_str(), state().as_str()), ("Created", "created"));
    container.run();
    assert!(status().starts_with("Exited (3) "), "{}", status());
    assert!(status().ends_with(" ago"), "{}", status());
    assert_eq!(state(), "exited");
}

fn the_command_is_told_as_text() {
    let label = unique("command");
    let container = Container::create(json!({
        "Entrypoint": ["echo", "a b"], "Cmd": ["c", "it's"], "Labels": { &label: "" },
    }));
    assert_eq!(list("all=1", &label)[0]["Command"], "echo 'a b' c it's");
    assert_eq!(container.inspect()["Path"], "echo");
    assert_eq!(container.inspect()["Args"], json!(["a b", "c", "it's"]));
}

fn an_image_that_lost_its_name_is_told_by_id() {
    let label = unique("nameless");
    let tag = format!("compat/{label}:latest");
    let image = vch_compat_tests::image::marked(&tag, &tag);
    image.load();
    let container = Container::create(json!({
        "Image": tag, "Cmd": ["true"], "Labels": { &label: "" },
    }));
    delete(&format!("/images/{tag}?force=1")).expect(200);
    assert_eq!(list("all=1", &label)[0]["Image"], json!(image.id()));
    drop(container);
    let gone = format!("/images/{}", image.id());
    let reply = delete(&gone);
    assert!(matches!(reply.head.status, 200 | 404), "{}", reply.text());
}

fn it_holds_while_containers_come_and_go() {
    let label = unique("churn");
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..10 {
                    drop(labelled(&label, json!(["true"])));
                }
            });
        }
        for _ in 0..50 {
            for entry in list("all=1&size=1", &label) {
                assert!(entry["Id"].is_string());
            }
        }
    });
}
