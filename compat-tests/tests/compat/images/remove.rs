//! Removing images, and what stands in the way.

use super::Loaded;
use vch_compat_tests::image::{busybox, marked};
use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    tests![
        the_last_name_takes_the_image_along,
        one_of_two_names_is_only_untagged,
        by_id_with_two_repositories_must_be_forced,
        by_id_with_one_name_untags_and_deletes,
        a_missing_image_is_not_found,
        a_stopped_container_stands_in_the_way_unless_forced,
        a_running_container_cannot_be_forced_by_id,
        a_container_outlives_the_name_of_its_image,
        layers_of_other_images_stay,
    ]
}

/// The values of one key in a reply to a removal.
fn list<'a>(reply: &'a Value, key: &str) -> Vec<&'a str> {
    let entries = reply.as_array().unwrap().iter();
    entries.filter_map(|entry| entry[key].as_str()).collect()
}

/// A tagged image that can run, gone at the end of the test.
#[track_caller]
fn runnable(prefix: &str) -> Loaded {
    let name = unique(prefix);
    Loaded::load(&marked(&format!("compat/{name}:latest"), &name))
}

fn the_last_name_takes_the_image_along() {
    let image = runnable("last");
    let reply = delete(&format!("/images/{}", image.tag)).expect(200).json();
    assert_eq!(list(&reply, "Untagged"), [image.tag.as_str()]);
    let deleted = list(&reply, "Deleted");
    assert_eq!(deleted.first(), Some(&image.id.as_str()), "{reply}");
    assert!(deleted.iter().all(|d| d.starts_with("sha256:")), "{reply}");
    get(&format!("/images/{}/json", image.id)).expect(404);
    get(&format!("/images/{}/json", image.tag)).expect(404);
}

fn one_of_two_names_is_only_untagged() {
    let image = Loaded::small("two");
    let other = format!("compat/{}", unique("two"));
    post(&format!("/images/{}/tag?repo={other}", image.tag)).expect(201);
    let reply = delete(&format!("/images/{other}")).expect(200).json();
    assert_eq!(reply, json!([{ "Untagged": format!("{other}:latest") }]));
    assert_eq!(image.inspect()["RepoTags"], json!([image.tag]));
}

fn by_id_with_two_repositories_must_be_forced() {
    let image = Loaded::small("many");
    let other = format!("compat/{}", unique("many"));
    post(&format!("/images/{}/tag?repo={other}", image.tag)).expect(201);
    let short = &image.id["sha256:".len()..][..12];
    delete(&format!("/images/{}", image.id)).refuses(
        409,
        &format!("conflict: unable to delete {short} (must be forced) - image is referenced in multiple repositories"),
    );
    let reply = delete(&format!("/images/{}?force=1", image.id)).expect(200);
    let reply = reply.json();
    let mut untagged = list(&reply, "Untagged");
    untagged.sort_unstable();
    let second = format!("{other}:latest");
    let mut expected = [image.tag.as_str(), second.as_str()];
    expected.sort_unstable();
    assert_eq!(untagged, expected);
    assert_eq!(list(&reply, "Deleted")[0], image.id);
}

fn by_id_with_one_name_untags_and_deletes() {
    let image = Loaded::small("by-id");
    let reply = delete(&format!("/images/{}", image.id)).expect(200).json();
    assert_eq!(list(&reply, "Untagged"), [image.tag.as_str()]);
    assert_eq!(list(&reply, "Deleted")[0], image.id);
}

fn a_missing_image_is_not_found() {
    delete("/images/compat/nope").refuses(404, "No such image: compat/nope:latest");
    delete("/images/compat/nope:1?force=1").refuses(404, "No such image: compat/nope:1");
}

fn a_stopped_container_stands_in_the_way_unless_forced() {
    let image = runnable("used");
    let container = Container::create(json!({ "Image": image.tag, "Cmd": ["true"] }));
    let (short, used) = (&container.id[..12], &image.id["sha256:".len()..][..12]);
    let name = image.tag.strip_suffix(":latest").unwrap();
    delete(&format!("/images/{name}")).refuses(
        409,
        &format!(
            "conflict: unable to remove repository reference \"{name}\" (must force) - container {short} is using \
             its referenced image {used}"
        ),
    );
    delete(&format!("/images/{}", image.id)).refuses(
        409,
        &format!(
            "conflict: unable to delete {used} (must be forced) - image is being used by stopped container {short}"
        ),
    );
    let reply = delete(&format!("/images/{name}?force=1")).expect(200).json();
    assert_eq!(list(&reply, "Untagged"), [image.tag.as_str()]);
    get(&format!("/images/{}/json", image.tag)).expect(404);
}

fn a_running_container_cannot_be_forced_by_id() {
    let image = runnable("running");
    let container = Container::create(json!({ "Image": image.tag, "Cmd": ["sleep", "1000"] }));
    container.start();
    let (short, used) = (&container.id[..12], &image.id["sha256:".len()..][..12]);
    delete(&format!("/images/{}?force=1", image.id)).refuses(
        409,
        &format!(
            "conflict: unable to delete {used} (cannot be forced) - image is being used by running container {short}"
        ),
    );
    get(&format!("/images/{}/json", image.id)).expect(200);
}

fn a_container_outlives_the_name_of_its_image() {
    let image = runnable("outlived");
    let container = Container::create(json!({ "Image": image.tag, "Cmd": ["cat", "/etc/mark"] }));
    delete(&format!("/images/{}?force=1", image.tag)).expect(200);
    let (code, output) = container.run();
    assert_eq!(code, 0);
    assert!(output.out().starts_with("outlived"), "{output:?}");
    assert_eq!(container.inspect()["Image"], json!(image.id));
    assert_eq!(container.inspect()["Config"]["Image"], json!(image.tag));
}

fn layers_of_other_images_stay() {
    let image = runnable("shared");
    let reply = delete(&format!("/images/{}", image.tag)).expect(200).json();
    let deleted = list(&reply, "Deleted");
    let kept = vch_compat_tests::image::digest(&busybox().layers[0]);
    assert!(!deleted.contains(&kept.as_str()), "{reply}");
    assert_eq!(Container::sh("exit 3").run().0, 3);
}
