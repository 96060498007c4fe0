//! Rename, and the names a container goes by.

use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    tests![
        a_new_name_replaces_the_old,
        a_running_container_can_be_renamed,
        a_taken_name_is_a_conflict,
        a_bad_or_missing_name_is_refused,
        the_same_name_is_refused,
        a_missing_container_is_not_found,
        a_container_goes_by_name_id_and_prefix,
        a_name_wins_over_a_prefix_of_an_id,
        an_ambiguous_prefix_is_refused,
    ]
}

fn named(name: &str) -> Container {
    let path = format!("/containers/create?name={name}");
    Container::create_as(&path, json!({ "Cmd": ["sleep", "1000"] }))
}

fn a_new_name_replaces_the_old() {
    let (old, new) = (unique("old"), unique("new"));
    let container = named(&old);
    container.post(&format!("/rename?name={new}")).expect(204);
    assert_eq!(container.inspect()["Name"], json!(format!("/{new}")));
    get(&format!("/containers/{old}/json")).expect(404);
    get(&format!("/containers/{new}/json")).expect(200);
    drop(named(&old));
}

fn a_running_container_can_be_renamed() {
    let new = unique("moved");
    let container = Container::idle();
    container.post(&format!("/rename?name={new}")).expect(204);
    assert_eq!(container.inspect()["Name"], json!(format!("/{new}")));
    assert_eq!(container.exec_sh("true").0, 0);
}

fn a_taken_name_is_a_conflict() {
    let (one, two) = (unique("one"), unique("two"));
    let (first, second) = (named(&one), named(&two));
    second.post(&format!("/rename?name={one}")).refuses(
        409,
        &format!("Conflict. The container name \"/{one}\" is already in use by container \"{}\"", first.id),
    );
    assert_eq!(second.inspect()["Name"], json!(format!("/{two}")));
}

fn a_bad_or_missing_name_is_refused() {
    let container = Container::sh("true");
    let name = container.inspect()["Name"].clone();
    container.post("/rename?name=a%20b").refuses(400, "a b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
    container.post("/rename?name=").refuses(400, "");
    assert_eq!(container.inspect()["Name"], name);
}

fn the_same_name_is_refused() {
    let name = unique("same");
    let container = named(&name);
    container
        .post(&format!("/rename?name={name}"))
        .refuses(400, "Renaming a container with the same name as its current name");
}

fn a_missing_container_is_not_found() {
    post("/containers/no-such/rename?name=x1").refuses(404, "No such container: no-such");
}

fn a_container_goes_by_name_id_and_prefix() {
    let name = unique("many-names");
    let container = named(&name);
    for known in [name.as_str(), &container.id, &container.id[..12], &container.id[..20]] {
        let found = get(&format!("/containers/{known}/json")).expect(200).json();
        assert_eq!(found["Id"], json!(container.id), "{known}");
    }
    // A name is exact: its beginning is no name.
    get(&format!("/containers/{}/json", &name[..name.len() - 1])).expect(404);
}

fn a_name_wins_over_a_prefix_of_an_id() {
    let one = Container::sh("true");
    let prefix = one.id[..14].to_owned();
    let two = named(&prefix);
    let found = get(&format!("/containers/{prefix}/json")).expect(200).json();
    assert_eq!(found["Id"], json!(two.id));
}

fn an_ambiguous_prefix_is_refused() {
    // Seventeen ids share a first digit somewhere.
    let many: Vec<Container> = (0..17).map(|_| Container::sh("true")).collect();
    let starts = |digit: char| many.iter().filter(|c| c.id.starts_with(digit)).count();
    let shared = "0123456789abcdef".chars().find(|d| starts(*d) > 1).unwrap();
    let reply = get(&format!("/containers/{shared}/json"));
    let status = reply.head.status;
    assert!(matches!(status, 400 | 500), "dockerd's versions differ: {status}");
    reply.refuses(status, &format!("Multiple IDs found with provided prefix: {shared}"));
}
