//! Removing containers.

use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    tests![
        a_stopped_container_goes,
        a_running_container_is_a_conflict,
        a_running_container_goes_by_force,
        a_missing_container_is_not_found,
        by_name_and_with_volumes,
        auto_remove_happens_at_the_end,
        what_was_removed_is_gone_everywhere,
        twice_at_once_removes_it_once,
    ]
}

fn a_stopped_container_goes() {
    for container in [Container::sh("true"), {
        let ran = Container::sh("true");
        ran.run();
        ran
    }] {
        let reply = delete(&container.path("")).expect(204);
        assert!(reply.body.is_empty());
        get(&container.path("/json")).refuses(404, "No such container");
        delete(&container.path("")).refuses(404, "No such container");
    }
}

fn a_running_container_is_a_conflict() {
    let container = Container::idle();
    let reply = delete(&container.path("")).refuses(409, "stop the container before");
    assert!(reply.text().contains("orce remov"), "{}", reply.text());
    assert_eq!(container.inspect()["State"]["Running"], true);
}

fn a_running_container_goes_by_force() {
    let container = Container::idle();
    delete(&container.path("?force=1")).expect(204);
    get(&container.path("/json")).expect(404);
}

fn a_missing_container_is_not_found() {
    delete("/containers/no-such").refuses(404, "No such container: no-such");
    delete("/containers/no-such?force=1").refuses(404, "No such container: no-such");
}

fn by_name_and_with_volumes() {
    let name = unique("by-name");
    let path = format!("/containers/create?name={name}");
    let container = Container::create_as(&path, json!({ "Cmd": ["true"] }));
    delete(&format!("/containers/{name}?v=1")).expect(204);
    get(&container.path("/json")).expect(404);
}

fn auto_remove_happens_at_the_end() {
    let container = Container::create(json!({
        "Cmd": ["true"], "HostConfig": { "AutoRemove": true },
    }));
    get(&container.path("/json")).expect(200);
    container.start();
    let gone = || (get(&container.path("/json")).head.status == 404).then_some(());
    eventually(SOON, "the container is removed", gone);
}

fn what_was_removed_is_gone_everywhere() {
    let container = Container::sh("echo x");
    container.run();
    delete(&container.path("")).expect(204);
    get(&container.path("/logs?stdout=1")).expect(404);
    container.post("/start").expect(404);
    container.post("/wait").expect(404);
    let listed = get(&format!("/containers/json?all=1&{}", filters(&json!({ "id": [container.id] }))));
    assert_eq!(listed.expect(200).json(), json!([]));
}

fn twice_at_once_removes_it_once() {
    let container = Container::idle();
    let path = container.path("?force=1");
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..4).map(|_| scope.spawn(|| delete(&path).head.status)).collect();
        calls.into_iter().map(|c| c.join().unwrap()).collect()
    });
    let gone = || (get(&container.path("/json")).head.status == 404).then_some(());
    eventually(SOON, "the container is removed", gone);
    assert!(statuses.contains(&204), "{statuses:?}");
    // Those that came too late: not found any more, or a removal under way.
    assert!(statuses.iter().all(|s| matches!(s, 204 | 404 | 409)), "{statuses:?}");
}
