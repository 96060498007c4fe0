//! The table is complete, and paths find the right row of it.

use super::*;
use std::collections::BTreeSet;

/// Methods and paths of the OpenAPI file of API 1.50, one a line.
const OPERATIONS: &str = include_str!("../../tests/operations-1.50.txt");

#[test]
fn the_table_has_every_operation_and_no_other() {
    let anonymous = |path: &str| path.replace("{name}", "{}").replace("{id}", "{}");
    let wanted: BTreeSet<String> = OPERATIONS.lines().map(anonymous).collect();
    let have: BTreeSet<String> = ROUTES.iter().map(|r| anonymous(&format!("{} {}", r.method, r.pattern))).collect();
    assert_eq!(wanted.len(), 107);
    assert_eq!(have.difference(&wanted).collect::<Vec<_>>(), Vec::<&String>::new());
    assert_eq!(wanted.difference(&have).collect::<Vec<_>>(), Vec::<&String>::new());
    assert_eq!(ROUTES.len(), 107, "a row stands twice");
}

#[test]
fn paths_find_their_route() {
    for (method, path, pattern, name) in [
        ("GET", "/_ping", "/_ping", ""),
        ("GET", "/images/json", "/images/json", ""),
        ("GET", "/images/json/json", "/images/{name}/json", "json"),
        ("GET", "/images/a/b/json", "/images/{name}/json", "a/b"),
        ("GET", "/images/localhost:5000/a/b:c/json", "/images/{name}/json", "localhost:5000/a/b:c"),
        ("DELETE", "/images/a/b", "/images/{name}", "a/b"),
        ("GET", "/images/a/get", "/images/{name}/get", "a"),
        ("GET", "/images/get", "/images/get", ""),
        ("POST", "/containers/create", "/containers/create", ""),
        ("POST", "/containers/a/attach", "/containers/{name}/attach", "a"),
        ("GET", "/containers/a/attach/ws", "/containers/{name}/attach/ws", "a"),
        ("DELETE", "/containers/a", "/containers/{name}", "a"),
        ("GET", "/plugins/privileges", "/plugins/privileges", ""),
        ("GET", "/plugins/a/b/json", "/plugins/{name}/json", "a/b"),
        ("GET", "/tasks/a/logs", "/tasks/{id}/logs", "a"),
    ] {
        let (route, captured) = find(method, path).unwrap_or_else(|| panic!("{method} {path} finds nothing"));
        assert_eq!((route.pattern, captured), (pattern, name), "{method} {path}");
    }
}

#[test]
fn what_is_no_route_finds_none() {
    for (method, path) in [
        ("GET", "/"),
        ("GET", ""),
        ("GET", "/containers"),
        ("POST", "/_ping"),
        ("DELETE", "/containers/"),
        ("GET", "/containers//json"),
        ("GET", "/tasks/a/b"),
        ("PATCH", "/containers/json"),
        ("get", "/_ping"),
    ] {
        assert!(find(method, path).is_none(), "{method} {path}");
    }
}

#[test]
fn versions_are_split_off() {
    for (path, version, rest) in [
        ("/v1.41/info", Some("1.41"), "/info"),
        ("/info", None, "/info"),
        ("/version", None, "/version"),
        ("/volumes", None, "/volumes"),
        ("/v1.41", None, "/v1.41"),
        ("/v1.41x/info", None, "/v1.41x/info"),
        ("/v/info", None, "/v/info"),
        ("/v1/_ping", Some("1"), "/_ping"),
    ] {
        assert_eq!(split_version(path), (version, rest), "{path}");
    }
}

#[test]
fn refusals_speak_as_dockerd_does() {
    let words = |method, path| {
        let (route, name) = find(method, path).unwrap();
        let error = route.refusal(name).unwrap();
        (error.status.as_u16(), error.message)
    };
    assert_eq!(words("GET", "/swarm"), (503, NO_SWARM.into()));
    assert_eq!(words("GET", "/networks/web"), (404, "network web not found".into()));
    assert_eq!(words("GET", "/volumes/data"), (404, "get data: no such volume".into()));
    assert_eq!(words("GET", "/plugins/p/json"), (404, "plugin \"p\" not found".into()));
    assert_eq!(
        words("POST", "/build"),
        (501, "POST /build is not implemented: images are pulled, loaded or imported".into())
    );
}

#[test]
fn the_committed_page_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api.md");
    if std::env::var_os("VCH_WRITE_DOCS").is_some() {
        std::fs::write(path, markdown()).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == markdown(),
        "docs/api.md is out of date: run this test with VCH_WRITE_DOCS=1 and commit the page"
    );
}
