//! `GET changes`: what `docker diff` lists.

use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    tests![
        nothing_changed_is_null,
        additions_deletions_and_changes_are_told,
        a_stopped_container_tells_the_same,
        a_deleted_directory_is_one_deletion,
        a_directory_in_a_deleted_ones_place_is_told,
        directories_above_a_change_are_told,
        what_came_and_went_is_no_change,
        a_kind_that_changed_is_one_change,
        mounts_are_no_changes,
        copies_are_changes,
        a_missing_container_is_not_found,
    ]
}

#[track_caller]
fn changes(container: &Container) -> Vec<(String, u64)> {
    let reply = get(&container.path("/changes")).expect(200).json();
    let change = |item: &Value| (item["Path"].as_str().unwrap().to_owned(), item["Kind"].as_u64().unwrap());
    reply.as_array().into_iter().flatten().map(change).collect()
}

/// Checks all changes. dockerd tells those of one directory in any order, but the directory before them.
#[track_caller]
fn expect(container: &Container, expected: &[(&str, u64)]) {
    let mut found = changes(container);
    for (at, (path, _)) in found.iter().enumerate() {
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        assert!(parent.is_empty() || found[..at].iter().any(|(before, _)| before == parent), "{path} in {found:?}");
    }
    found.sort();
    assert_eq!(found.iter().map(|(path, kind)| (path.as_str(), *kind)).collect::<Vec<_>>(), expected);
}

const MODIFIED: u64 = 0;
const ADDED: u64 = 1;
const DELETED: u64 = 2;

fn nothing_changed_is_null() {
    let container = Container::sh("true");
    for _ in 0..2 {
        let reply = get(&container.path("/changes")).expect(200);
        assert_eq!(reply.text().trim(), "null");
        assert_eq!(reply.head.header("Content-Type"), Some("application/json"));
        assert_eq!(container.run().0, 0);
    }
}

const SCRIPT: &str = "mkdir -p /new/deep; echo 1 > /new/deep/f; echo more >> /etc/passwd; rm /etc/group; \
                      chmod 700 /var; ln -s x /root/link; echo ready; sleep 1000";

const EXPECTED: &[(&str, u64)] = &[
    ("/etc", MODIFIED),
    ("/etc/group", DELETED),
    ("/etc/passwd", MODIFIED),
    ("/new", ADDED),
    ("/new/deep", ADDED),
    ("/new/deep/f", ADDED),
    ("/root", MODIFIED),
    ("/root/link", ADDED),
    ("/var", MODIFIED),
];

fn additions_deletions_and_changes_are_told() {
    let container = Container::sh(SCRIPT);
    container.start();
    container.until_logged("ready");
    expect(&container, EXPECTED);
}

fn a_stopped_container_tells_the_same() {
    let container = Container::sh(SCRIPT);
    container.start();
    container.until_logged("ready");
    container.post("/kill").expect(204);
    container.wait();
    expect(&container, EXPECTED);
}

fn a_deleted_directory_is_one_deletion() {
    let container = Container::idle();
    container.exec_sh("rm -r /home/app");
    expect(&container, &[("/home", MODIFIED), ("/home/app", DELETED)]);
}

fn a_directory_in_a_deleted_ones_place_is_told() {
    let container = Container::idle();
    container.exec_sh("rm -r /home; mkdir /home; echo 1 > /home/f");
    expect(&container, &[("/home", MODIFIED), ("/home/app", DELETED), ("/home/f", ADDED)]);
}

fn directories_above_a_change_are_told() {
    let container = Container::idle();
    container.exec_sh("echo more >> /etc/passwd; mkdir -p /var/a/b; echo 1 > /home/app/f");
    expect(
        &container,
        &[
            ("/etc", MODIFIED),
            ("/etc/passwd", MODIFIED),
            ("/home", MODIFIED),
            ("/home/app", MODIFIED),
            ("/home/app/f", ADDED),
            ("/var", MODIFIED),
            ("/var/a", ADDED),
            ("/var/a/b", ADDED),
        ],
    );
}

fn what_came_and_went_is_no_change() {
    let container = Container::idle();
    container.exec_sh(
        "echo 1 > /root/f; rm /root/f; touch -r /etc/passwd /tmp/t; echo x >> /etc/passwd; \
                       sed -i '$d' /etc/passwd; chmod 644 /etc/passwd; touch -r /tmp/t /etc/passwd; rm /tmp/t",
    );
    expect(&container, &[]);
}

fn a_kind_that_changed_is_one_change() {
    let container = Container::idle();
    container.exec_sh("rm -r /home; echo 1 > /home; rm /etc/group; mkdir -p /etc/group/in");
    expect(&container, &[("/etc", MODIFIED), ("/etc/group", MODIFIED), ("/etc/group/in", ADDED), ("/home", MODIFIED)]);
}

fn mounts_are_no_changes() {
    let container = Container::create(json!({
        "Cmd": ["sh", "-c", "echo 1 > /mem/f; echo 2 > /dev/shm/f; echo 3 >> /etc/hosts"],
        "HostConfig": { "Tmpfs": { "/mem": "" } },
    }));
    assert_eq!(container.run().0, 0);
    expect(&container, &[("/mem", ADDED)]);
}

fn copies_are_changes() {
    let container = Container::sh("true");
    let tar = vch_compat_tests::image::Layer::default().file("f", 0o644, b"1").tar();
    let path = format!("{VERSION}{}", container.path("/archive?path=/var"));
    engine().client.call("PUT", &path, &[], &tar).expect(200);
    expect(&container, &[("/var", MODIFIED), ("/var/f", ADDED)]);
}

fn a_missing_container_is_not_found() {
    get("/containers/no-such/changes").refuses(404, "No such container: no-such");
}
