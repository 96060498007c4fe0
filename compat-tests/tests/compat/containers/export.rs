//! `GET export`: a container's whole root file system.

use std::io::Read;
use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    tests![
        everything_is_exported,
        a_container_that_never_ran_is_exported,
        a_stopped_container_is_exported,
        what_is_mounted_is_not_exported,
        an_export_can_be_imported,
        a_missing_container_is_not_found,
    ]
}

/// Names in the tar, with the contents of files.
#[track_caller]
fn export(container: &Container) -> Vec<(String, String)> {
    let reply = get(&container.path("/export")).expect(200);
    assert_eq!(reply.head.header("Content-Type"), Some("application/octet-stream"));
    let mut archive = tar::Archive::new(&reply.body[..]);
    let mut found = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        found.push((name, String::from_utf8_lossy(&content).into_owned()));
    }
    found
}

fn content<'a>(of: &'a [(String, String)], name: &str) -> Option<&'a str> {
    of.iter().find(|(n, _)| n == name).map(|(_, content)| content.as_str())
}

fn everything_is_exported() {
    let container = Container::idle();
    container.exec_sh("echo 1 > /root/new; rm /etc/group; mkdir /dir");
    let found = export(&container);
    assert_eq!(content(&found, "root/new"), Some("1\n"));
    assert_eq!(content(&found, "etc/group"), None);
    assert!(content(&found, "etc/passwd").unwrap().starts_with("root:x:0:0"));
    assert_eq!(content(&found, "dir/"), Some(""));
    assert!(content(&found, "bin/busybox").is_some_and(|bytes| bytes.len() > 100_000));
    // In the order of a walk, every name once, and none for the root itself.
    let names: Vec<&String> = found.iter().map(|(name, _)| name).collect();
    assert!(!names.iter().any(|name| name.is_empty() || name.starts_with(['/', '.']) && *name != ".dockerenv"));
    let at = |name: &str| names.iter().position(|n| *n == name).unwrap();
    assert!(at("bin/") < at("bin/busybox") && at("bin/busybox") < at("dir/") && at("dir/") < at("etc/"));
}

fn a_container_that_never_ran_is_exported() {
    let container = Container::sh("true");
    let found = export(&container);
    for (name, expected) in
        [(".dockerenv", ""), ("dev/console", ""), ("dev/pts/", ""), ("dev/shm/", ""), ("etc/hosts", ""), ("proc/", "")]
    {
        assert_eq!(content(&found, name), Some(expected), "{name}");
    }
}

fn a_stopped_container_is_exported() {
    let container = Container::sh("echo made > /root/f");
    assert_eq!(container.run().0, 0);
    assert_eq!(content(&export(&container), "root/f"), Some("made\n"));
}

fn what_is_mounted_is_not_exported() {
    let container = Container::create(json!({
        "Cmd": ["sh", "-c", "echo 1 > /mem/f; echo ready; sleep 1000"], "HostConfig": { "Tmpfs": { "/mem": "" } },
    }));
    container.start();
    container.until_logged("ready");
    let found = export(&container);
    assert_eq!((content(&found, "mem/"), content(&found, "mem/f")), (Some(""), None));
    assert_eq!(content(&found, "etc/hosts"), Some(""));
    assert!(!found.iter().any(|(name, _)| name.starts_with("proc/") && name != "proc/"));
}

fn an_export_can_be_imported() {
    let container = Container::sh("echo kept > /root/f");
    container.run();
    let tar = get(&container.path("/export")).expect(200).body;
    let tag = unique("exported");
    let path = format!("{VERSION}/images/create?fromSrc=-&repo={tag}&changes={}", encode("CMD [\"cat\", \"/root/f\"]"));
    let reply = engine().client.call("POST", &path, &[("Content-Type", "application/x-tar")], &tar).expect(200);
    assert!(!reply.text().contains("errorDetail"), "{}", reply.text());
    let again = Container::create(json!({ "Image": tag }));
    assert_eq!(again.run().1.out(), "kept\n");
    drop(again);
    delete(&format!("/images/{tag}")).expect(200);
}

fn a_missing_container_is_not_found() {
    get("/containers/no-such/export").refuses(404, "No such container: no-such");
}
