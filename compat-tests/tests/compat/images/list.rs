//! The list of images and its filters.

use super::Loaded;
use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    tests![
        an_entry_has_what_clients_read,
        filter_by_reference,
        filter_by_label,
        filter_by_dangling,
        filter_by_before_and_since,
        filters_in_map_form,
        filters_that_name_a_missing_image_fail,
        several_tags_are_one_entry,
    ]
}

/// The ids that a list gives, newest first.
#[track_caller]
fn ids(filter: &Value) -> Vec<String> {
    let listed = get(&format!("/images/json?{}", filters(filter))).expect(200);
    let listed = listed.json();
    let id = |image: &Value| image["Id"].as_str().unwrap().to_owned();
    listed.as_array().unwrap().iter().map(id).collect()
}

fn an_entry_has_what_clients_read() {
    let image = Loaded::with("entry", json!({ "Labels": { "a": "b" } }));
    let listed = get("/images/json").expect(200).json();
    let entry = listed.as_array().unwrap().iter().find(|entry| entry["Id"] == json!(image.id)).unwrap();
    assert_eq!(entry["RepoTags"], json!([image.tag]));
    assert_eq!(entry["Created"], 1_700_000_000);
    assert_eq!(entry["Labels"], json!({ "a": "b" }));
    assert_eq!(entry["Containers"], -1);
    assert_eq!(entry["SharedSize"], -1);
    assert!(entry["Size"].is_i64(), "{entry}");
    assert!(entry["ParentId"].is_string(), "{entry}");
    assert_eq!(entry["VirtualSize"], entry["Size"], "API below 1.44");
}

fn filter_by_reference() {
    let image = Loaded::small("reference");
    let name = image.tag.strip_suffix(":latest").unwrap();
    let mine = vec![image.id.clone()];
    assert_eq!(ids(&json!({ "reference": [name] })), mine);
    assert_eq!(ids(&json!({ "reference": [image.tag] })), mine);
    assert_eq!(ids(&json!({ "reference": [format!("{name}:l*")] })), mine);
    let short = name.strip_prefix("compat/").unwrap();
    assert_eq!(ids(&json!({ "reference": [format!("*/{short}")] })), mine);
    assert!(ids(&json!({ "reference": [format!("{name}:other")] })).is_empty());
    assert!(ids(&json!({ "reference": [short] })).is_empty());
}

fn filter_by_label() {
    let label = unique("label");
    let one = Loaded::with("label", json!({ "Labels": { &label: "one" } }));
    let two = Loaded::with("label", json!({ "Labels": { &label: "two", "other": "x" } }));
    let mut both = ids(&json!({ "label": [label] }));
    both.sort();
    let mut expected = [one.id.clone(), two.id.clone()];
    expected.sort();
    assert_eq!(both, expected);
    assert_eq!(ids(&json!({ "label": [format!("{label}=two")] })), [two.id.clone()]);
    assert_eq!(ids(&json!({ "label": [label, "other=x"] })), [two.id.clone()], "labels are joined by and");
    assert!(ids(&json!({ "label": [format!("{label}=three")] })).is_empty());
}

fn filter_by_dangling() {
    let label = unique("dangling");
    let config = json!({ "Labels": { &label: "" } });
    let tagged = Loaded::with("dangling", config.clone());
    let untagged = Loaded::untagged("dangling", config);
    let with = |value: &str| ids(&json!({ "label": [label], "dangling": [value] }));
    assert_eq!(with("true"), [untagged.id.clone()]);
    assert_eq!(with("false"), [tagged.id.clone()]);
    let query = filters(&json!({ "dangling": ["perhaps"] }));
    get(&format!("/images/json?{query}")).refuses(400, "invalid filter 'dangling");
}

fn filter_by_before_and_since() {
    let label = unique("age");
    let make = |created: &str| {
        let mut image = super::small_image(
            Some(&format!("compat/{}:latest", unique("age"))),
            &unique("age"),
            json!({ "Labels": { &label: "" } }),
        );
        image.created = created.to_owned();
        Loaded::load(&image)
    };
    let old = make("2001-01-01T00:00:00Z");
    let middle = make("2002-01-01T00:00:00Z");
    let new = make("2003-01-01T00:00:00Z");
    let before = json!({ "label": [label], "before": [middle.tag] });
    assert_eq!(ids(&before), [old.id.clone()]);
    let since = json!({ "label": [label], "since": [middle.id] });
    assert_eq!(ids(&since), [new.id.clone()]);
    assert_eq!(ids(&json!({ "label": [label] })), [new.id.clone(), middle.id.clone(), old.id.clone()], "newest first");
}

fn filters_in_map_form() {
    let image = Loaded::small("map");
    let filter = json!({ "reference": { &image.tag: true } });
    assert_eq!(ids(&filter), [image.id.clone()]);
}

fn filters_that_name_a_missing_image_fail() {
    for key in ["before", "since"] {
        let query = filters(&json!({ key: ["compat/nope"] }));
        get(&format!("/images/json?{query}")).refuses(404, "No such image: compat/nope:latest");
    }
}

fn several_tags_are_one_entry() {
    let image = Loaded::small("tags");
    let other = format!("compat/{}", unique("tags"));
    post(&format!("/images/{}/tag?repo={other}&tag=v2", image.tag)).expect(201);
    let listed = get("/images/json").expect(200).json();
    let entries: Vec<&Value> =
        listed.as_array().unwrap().iter().filter(|entry| entry["Id"] == json!(image.id)).collect();
    assert_eq!(entries.len(), 1);
    let mut tags: Vec<&str> =
        entries[0]["RepoTags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap()).collect();
    tags.sort_unstable();
    let second = format!("{other}:v2");
    let mut expected = [image.tag.as_str(), second.as_str()];
    expected.sort_unstable();
    assert_eq!(tags, expected);
}
