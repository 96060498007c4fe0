//! Pruning images. Always with a label of the test's own: other tests' images are none of its business.

use super::Loaded;
use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    // Alone: two prunes at once are refused by dockerd.
    let tests = tests![
        prune_takes_untagged_images,
        prune_of_all_takes_unused_images,
        prune_spares_images_in_use,
        prune_refuses_an_unknown_filter,
    ];
    tests.into_iter().map(Test::alone).collect()
}

#[track_caller]
fn prune(filter: &Value) -> Value {
    let reply = post(&format!("/images/prune?{}", filters(filter)));
    reply.expect(200).json()
}

fn deleted(reply: &Value, id: &str) -> bool {
    let entries = reply["ImagesDeleted"].as_array().cloned();
    let mut entries = entries.unwrap_or_default().into_iter();
    entries.any(|entry| entry["Deleted"] == json!(id))
}

fn prune_takes_untagged_images() {
    let label = unique("prune");
    let config = json!({ "Labels": { &label: "" } });
    let tagged = Loaded::with("prune", config.clone());
    let untagged = Loaded::untagged("prune", config);
    let reply = prune(&json!({ "label": [label] }));
    assert!(deleted(&reply, &untagged.id), "{reply}");
    assert!(!deleted(&reply, &tagged.id), "{reply}");
    assert!(reply["SpaceReclaimed"].is_u64(), "{reply}");
    get(&format!("/images/{}/json", untagged.id)).expect(404);
    let again = prune(&json!({ "label": [label] }));
    assert_eq!(again["ImagesDeleted"], Value::Null);
    assert_eq!(again["SpaceReclaimed"], 0);
}

fn prune_of_all_takes_unused_images() {
    let label = unique("prune-all");
    let tagged = Loaded::with("prune-all", json!({ "Labels": { &label: "" } }));
    let reply = prune(&json!({ "label": [label], "dangling": ["false"] }));
    assert!(deleted(&reply, &tagged.id), "{reply}");
    get(&format!("/images/{}/json", tagged.tag)).expect(404);
}

fn prune_spares_images_in_use() {
    let label = unique("prune-used");
    let config = json!({ "Labels": { &label: "" }, "Cmd": ["/true"] });
    let image = Loaded::with("prune-used", config);
    let container = Container::create(json!({ "Image": image.tag }));
    let reply = prune(&json!({ "label": [label], "dangling": ["false"] }));
    assert!(!deleted(&reply, &image.id), "{reply}");
    get(&format!("/images/{}/json", image.tag)).expect(200);
    drop(container);
}

fn prune_refuses_an_unknown_filter() {
    let query = filters(&json!({ "frobnicate": ["x"] }));
    post(&format!("/images/prune?{query}")).refuses(400, "invalid filter 'frobnicate'");
}
