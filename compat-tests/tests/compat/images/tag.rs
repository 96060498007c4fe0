//! Tagging.

use super::Loaded;
use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    let mut tests = tests![
        a_tag_adds_a_name,
        a_tag_moves_from_one_image_to_another,
        tagging_a_missing_image_is_not_found,
        a_name_with_a_registry_is_kept,
    ];
    let strict = tests![a_bad_name_is_refused].into_iter();
    tests.extend(strict.map(|t| t.older_differs(43, "answered 500")));
    tests
}

fn a_tag_adds_a_name() {
    let image = Loaded::small("tagged");
    let other = format!("compat/{}", unique("tag"));
    post(&format!("/images/{}/tag?repo={other}", image.tag)).expect(201);
    let found = get(&format!("/images/{other}:latest/json")).expect(200).json();
    assert_eq!(found["Id"], json!(image.id));
    // The same again changes nothing and is no error.
    post(&format!("/images/{}/tag?repo={other}", image.id)).expect(201);
}

fn a_tag_moves_from_one_image_to_another() {
    let (one, two) = (Loaded::small("moved"), Loaded::small("moved"));
    let name = format!("compat/{}", unique("moving"));
    for image in [&one, &two] {
        post(&format!("/images/{}/tag?repo={name}&tag=now", image.id)).expect(201);
        let found = get(&format!("/images/{name}:now/json")).expect(200).json();
        assert_eq!(found["Id"], json!(image.id));
    }
    assert_eq!(one.inspect()["RepoTags"], json!([one.tag]));
}

fn tagging_a_missing_image_is_not_found() {
    post("/images/compat/nope/tag?repo=compat/x").refuses(404, "No such image: compat/nope:latest");
}

fn a_bad_name_is_refused() {
    let image = Loaded::small("badly-named");
    let path = |query: &str| format!("/images/{}/tag?{query}", image.tag);
    post(&path("repo=compat/UPPER")).refuses(400, "must be lowercase");
    post(&path("repo=compat//x")).refuses(400, "invalid reference format");
    post(&path(&format!("repo=compat/x&tag={}", encode("a b")))).refuses(400, "invalid");
    assert_eq!(image.inspect()["RepoTags"], json!([image.tag]));
}

fn a_name_with_a_registry_is_kept() {
    let image = Loaded::small("elsewhere");
    let name = unique("elsewhere");
    let repository = format!("registry.test:5000/a/b/{name}");
    post(&format!("/images/{}/tag?repo={repository}&tag=v1.2_3-x", image.tag)).expect(201);
    let found = get(&format!("/images/{repository}:v1.2_3-x/json")).expect(200).json();
    assert_eq!(found["Id"], json!(image.id));
}
