//! Inspect and history.

use super::{Loaded, small_image};
use crate::time::assert_is_a_time;
use vch_compat_tests::image::{busybox, digest, marked};
use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    tests![
        inspect_has_what_clients_read,
        an_image_goes_by_many_names,
        a_missing_image_is_named_with_its_tag,
        a_bad_reference_is_no_image,
        an_ambiguous_prefix_is_refused,
        history_is_newest_first,
        history_of_a_missing_image_is_not_found,
    ]
}

fn inspect_has_what_clients_read() {
    let name = format!("compat/{}:latest", unique("inspected"));
    let image = marked(&name, &name);
    let loaded = Loaded::load(&image);
    let inspected = loaded.inspect();
    let diff_ids: Vec<String> = image.layers.iter().map(|layer| digest(layer)).collect();
    assert_eq!(inspected["Id"], json!(image.id()));
    assert_eq!(inspected["RepoTags"], json!([name]));
    assert_eq!(inspected["RepoDigests"], json!([]));
    assert_eq!(inspected["RootFS"], json!({ "Type": "layers", "Layers": diff_ids }));
    assert_eq!(inspected["Config"]["Cmd"], json!(["sh"]));
    assert_eq!(inspected["Created"], "2023-11-14T22:13:20Z");
    assert!(inspected["Size"].as_i64() > Some(100_000), "{inspected}");
    assert!(inspected["GraphDriver"]["Name"].is_string(), "{inspected}");
    assert_is_a_time(&inspected["Metadata"]["LastTagTime"]);
    for key in ["Parent", "Comment", "Author", "Architecture", "Os"] {
        assert!(inspected[key].is_string(), "{key} in {inspected}");
    }
}

fn an_image_goes_by_many_names() {
    let id = busybox().id();
    let hex = &id["sha256:".len()..];
    for name in [
        "compat/busybox",
        "compat/busybox:latest",
        "docker.io/compat/busybox",
        "docker.io/compat/busybox:latest",
        &id,
        hex,
        &hex[..12],
        &format!("sha256:{}", &hex[..20]),
    ] {
        let image = get(&format!("/images/{name}/json")).expect(200).json();
        assert_eq!(image["Id"], json!(id), "{name}");
    }
}

fn a_missing_image_is_named_with_its_tag() {
    get("/images/compat/nope/json").refuses(404, "No such image: compat/nope:latest");
    get("/images/compat/nope:1/json").refuses(404, "No such image: compat/nope:1");
    get("/images/nope/json").refuses(404, "No such image: nope:latest");
    let id = format!("sha256:{}", "ab".repeat(32));
    get(&format!("/images/{id}/json")).refuses(404, "No such image: sha256:abab");
}

fn a_bad_reference_is_no_image() {
    for name in ["UPPER", "-x", "x:..", "x@sha256:12"] {
        let reply = get(&format!("/images/{}/json", encode(name)));
        assert!(matches!(reply.head.status, 400 | 404), "{name}: {} {}", reply.head.status, reply.text());
        assert!(reply.json()["message"].is_string());
    }
}

fn an_ambiguous_prefix_is_refused() {
    // Enough images that two share their first hexadecimal digit.
    let _many: Vec<Loaded> = (0..17).map(|_| Loaded::small("ambiguous")).collect();
    let listed = get("/images/json").expect(200).json();
    let ids: Vec<&str> =
        listed.as_array().unwrap().iter().filter_map(|image| image["Id"].as_str()?.strip_prefix("sha256:")).collect();
    let starts = |digit: char| ids.iter().filter(|id| id.starts_with(digit)).count();
    let shared = "0123456789abcdef".chars().find(|d| starts(*d) > 1).unwrap();
    let reply = get(&format!("/images/sha256:{shared}/json"));
    assert!((400..500).contains(&reply.head.status), "{} {}", reply.head.status, reply.text());
}

fn history_is_newest_first() {
    let name = format!("compat/{}:latest", unique("history"));
    let image = marked(&name, &name);
    let _guard = Loaded::load(&image);
    let history = get(&format!("/images/{name}/history")).expect(200).json();
    let steps: Vec<&str> = history.as_array().unwrap().iter().map(|step| step["CreatedBy"].as_str().unwrap()).collect();
    assert_eq!(steps, ["step 1", "step 0"]);
    assert_eq!(history[0]["Id"], json!(image.id()));
    assert_eq!(history[0]["Tags"], json!([name]));
    assert_eq!(history[1]["Id"], "<missing>");
    assert_eq!(history[1]["Tags"], Value::Null);
    assert_eq!(history[0]["Created"], 1_700_000_000);
    assert!(history[1]["Size"].as_i64() > history[0]["Size"].as_i64());
    assert_eq!(history[0]["Comment"], "");
}

fn history_of_a_missing_image_is_not_found() {
    get("/images/compat/nope/history").refuses(404, "No such image: compat/nope:latest");
    // An image that is there, but not under this tag.
    let image = Loaded::load(&small_image(Some("compat/other-tag:1"), &unique("other-tag"), json!({})));
    get("/images/compat/other-tag:2/history").refuses(404, "No such image: compat/other-tag:2");
    drop(image);
}
