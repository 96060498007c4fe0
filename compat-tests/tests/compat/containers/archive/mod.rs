//! `HEAD`, `GET` and `PUT` of a container's archive: what `docker cp` is made of, in every state of a container.

mod into;
mod large;
mod out;
mod states;

use std::io::Read;
use vch_compat_tests::image::Layer;
use vch_compat_tests::prelude::*;
use vch_compat_tests::raw::Reply;

pub(super) fn tests() -> Vec<Test> {
    [out::tests(), into::tests(), states::tests(), large::tests()].into_iter().flatten().collect()
}

/// HEAD, and what its header says.
#[track_caller]
fn look(container: &Container, path: &str) -> Value {
    let live = open("HEAD", &container.path(&format!("/archive?path={}", encode(path))), None);
    assert_eq!(live.head.status, 200, "{path}");
    stat_of(live.head.header("X-Docker-Container-Path-Stat"))
}

fn stat_of(header: Option<&str>) -> Value {
    use base64::Engine as _;
    let json = base64::engine::general_purpose::STANDARD.decode(header.unwrap()).unwrap();
    serde_json::from_slice(&json).unwrap()
}

#[track_caller]
fn fetch(container: &Container, path: &str) -> Reply {
    get(&container.path(&format!("/archive?path={}", encode(path))))
}

#[track_caller]
fn put(container: &Container, query: &str, tar: &[u8]) -> Reply {
    let path = format!("{VERSION}{}", container.path(&format!("/archive?{query}")));
    engine().client.call("PUT", &path, &[("Content-Type", "application/x-tar")], tar)
}

/// Names in a tar, and the contents of its files.
fn entries(tar: &[u8]) -> Vec<(String, String)> {
    let mut archive = tar::Archive::new(tar);
    let mut found = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        let mut content = Vec::new();
        match entry.link_name_bytes() {
            Some(target) => content = [b"-> ", target.as_ref()].concat(),
            None => drop(entry.read_to_end(&mut content).unwrap()),
        }
        found.push((name, String::from_utf8_lossy(&content).into_owned()));
    }
    found
}

fn names(tar: &[u8]) -> Vec<String> {
    entries(tar).into_iter().map(|(name, _)| name).collect()
}

fn one_file(name: &str, content: &str) -> Vec<u8> {
    Layer::default().file(name, 0o644, content.as_bytes()).tar()
}
