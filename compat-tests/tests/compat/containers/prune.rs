//! Pruning containers. Always with a label of the test's own.

use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    // Alone: two prunes at once are refused by dockerd.
    let tests = tests![prune_takes_stopped_ones, prune_by_age, prune_refuses_an_unknown_filter,];
    tests.into_iter().map(Test::alone).collect()
}

fn prune_takes_stopped_ones() {
    let label = unique("prune");
    let make = |script: &str| Container::create(json!({ "Cmd": ["sh", "-c", script], "Labels": { &label: "x" } }));
    let (created, exited, running) = (make("true"), make("true"), make("sleep 1000"));
    exited.run();
    running.start();
    let other = Container::sh("true");
    let path = format!("/containers/prune?{}", filters(&json!({ "label": [format!("{label}=x")] })));
    let reply = post(&path).expect(200).json();
    let mut deleted: Vec<&str> =
        reply["ContainersDeleted"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    deleted.sort_unstable();
    let mut expected = [created.id.as_str(), exited.id.as_str()];
    expected.sort_unstable();
    assert_eq!(deleted, expected);
    assert!(reply["SpaceReclaimed"].is_u64(), "{reply}");
    assert_eq!(running.inspect()["State"]["Running"], true);
    other.inspect();
    let again = post(&path).expect(200).json();
    assert_eq!(again["ContainersDeleted"], Value::Null);
}

fn prune_by_age() {
    let label = unique("prune-age");
    let container = Container::create(json!({ "Cmd": ["true"], "Labels": { &label: "" } }));
    let with = |until: &str| {
        let filter = filters(&json!({ "label": [label], "until": [until] }));
        post(&format!("/containers/prune?{filter}")).expect(200).json()
    };
    assert_eq!(with("10m")["ContainersDeleted"], Value::Null);
    container.inspect();
    let far = format!("{:.0}", crate::time::now() + 100.0);
    assert_eq!(with(&far)["ContainersDeleted"], json!([container.id]));
}

fn prune_refuses_an_unknown_filter() {
    let query = filters(&json!({ "frobnicate": ["x"] }));
    post(&format!("/containers/prune?{query}")).refuses(400, "invalid filter 'frobnicate'");
}
