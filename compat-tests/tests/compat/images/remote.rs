//! What registries have: distribution inspect and search.

use vch_compat_tests::cli;
use vch_compat_tests::image::marked;
use vch_compat_tests::prelude::*;
use vch_compat_tests::raw::Reply;
use vch_compat_tests::registry::{PASSWORD, Registry, USER};

pub(super) fn tests() -> Vec<Test> {
    let mut tests = tests![
        distribution_tells_descriptor_and_platform,
        distribution_of_what_is_not_there_is_not_found,
        distribution_needs_the_login_that_the_registry_needs,
        distribution_of_what_is_no_name_is_refused,
        distribution_of_a_registry_that_is_away_is_an_error,
        search_knows_its_filters_and_limits,
        search_of_a_registry_that_is_away_is_an_error,
        search_with_a_scheme_is_refused,
    ];
    // dockerd asks the index only, which no registry of today has.
    tests.extend(tests![search_falls_back_to_the_catalogue].into_iter().map(Test::ours_only));
    tests
}

fn distribution_tells_descriptor_and_platform() {
    let registry = Registry::open();
    let name = format!("compat/{}", unique("distribution"));
    let image = marked(&name, &name);
    for (format, kind) in [
        ("--format=v2s2", "application/vnd.docker.distribution.manifest.v2+json"),
        ("--format=oci", "application/vnd.oci.image.manifest.v1+json"),
    ] {
        let digest = registry.push(&image, &format!("{name}:one"), &[format]);
        for tail in [":one".to_owned(), format!("@{digest}")] {
            let found = get(&format!("/distribution/{}{tail}/json", registry.name(&name))).expect(200).json();
            let descriptor = &found["Descriptor"];
            assert_eq!(descriptor["digest"], json!(digest), "{found}");
            assert!(descriptor["size"].as_u64() > Some(200), "{found}");
            // dockerd 20.10 knows no platform of an OCI image.
            if format == "--format=v2s2" || !engine().is_peer {
                assert_eq!(descriptor["mediaType"], kind);
                assert_eq!(found["Platforms"], json!([{ "architecture": "amd64", "os": "linux" }]), "{found}");
            }
        }
    }
}

fn distribution_of_what_is_not_there_is_not_found() {
    let registry = Registry::open();
    let digest = format!("sha256:{}", "0".repeat(64));
    for name in ["compat/none:x".to_owned(), "compat/none".to_owned(), format!("compat/none@{digest}")] {
        get(&format!("/distribution/{}/json", registry.name(&name))).refuses(404, "manifest unknown");
    }
}

#[track_caller]
fn with_login(path: &str, password: &str) -> Reply {
    let login = json!({ "username": USER, "password": password }).to_string();
    let login = String::from_utf8(super::through("base64", &["-w0"], login.as_bytes())).unwrap();
    engine().client.call("GET", &format!("{VERSION}{path}"), &[("X-Registry-Auth", &login)], b"")
}

fn distribution_needs_the_login_that_the_registry_needs() {
    let registry = Registry::guarded();
    let name = format!("compat/{}", unique("guarded"));
    let digest = registry.push(&marked(&name, &name), &format!("{name}:one"), &[]);
    let path = format!("/distribution/{}/json", registry.name(&format!("{name}:one")));
    get(&path).refuses(500, "no basic auth credentials");
    with_login(&path, "guess").refuses(401, "unauthorized: authentication required");
    let found = with_login(&path, PASSWORD).expect(200).json();
    assert_eq!(found["Descriptor"]["digest"], json!(digest));
}

fn distribution_of_what_is_no_name_is_refused() {
    get("/distribution/UPPER/json").refuses(400, "invalid reference format");
    get(&format!("/distribution/{}/json", "0".repeat(64))).refuses(500, "no manifest found for full image ID");
}

fn distribution_of_a_registry_that_is_away_is_an_error() {
    let registry = Registry::open();
    let name = registry.name("compat/away");
    drop(registry);
    get(&format!("/distribution/{name}/json")).refuses(500, "connection refused");
}

fn search_knows_its_filters_and_limits() {
    let registry = Registry::open();
    let term = registry.name("compat");
    for (query, status, words) in [
        ("limit=101", 400, "limit 101 is outside the range of [1, 100]"),
        ("limit=-1", 400, "limit -1 is outside the range of [1, 100]"),
        ("limit=many", 0, "parsing \"many\": invalid syntax"),
        (&filters(&json!({ "colour": ["red"] })), 400, "invalid filter 'colour'"),
        (&filters(&json!({ "stars": ["many"] })), 400, "invalid filter 'stars=many'"),
        (&filters(&json!({ "is-official": ["perhaps"] })), 400, "invalid filter 'is-official=[perhaps]'"),
    ] {
        let reply = get(&format!("/images/search?term={term}&{query}"));
        let status = if status == 0 { reply.head.status } else { status };
        reply.refuses(status, words);
    }
}

fn search_of_a_registry_that_is_away_is_an_error() {
    let registry = Registry::open();
    let name = registry.name("compat/away");
    drop(registry);
    let reply = get(&format!("/images/search?term={name}"));
    let status = reply.head.status;
    assert!((500..600).contains(&status), "{status}");
    reply.refuses(status, "connection refused");
}

fn search_with_a_scheme_is_refused() {
    let reply = get("/images/search?term=http://127.0.0.1/x");
    let status = reply.head.status;
    assert!(status == 400 || engine().is_peer, "{status}");
    reply.refuses(status, "invalid repository name");
}

fn search_falls_back_to_the_catalogue() {
    let registry = Registry::open();
    let name = unique("searched");
    registry.push(&marked(&name, &name), &format!("compat/{name}:one"), &[]);
    registry.push(&marked(&name, "other"), "other/thing:one", &[]);
    let found = |query: &str| get(&format!("/images/search?term={}&{query}", registry.name(&name))).expect(200).json();
    let expected = json!([{
        "star_count": 0, "is_official": false, "is_automated": false, "description": "",
        "name": registry.name(&format!("compat/{name}")),
    }]);
    assert_eq!(found("limit=5"), expected);
    assert_eq!(found(&filters(&json!({ "is-official": ["false"] }))), expected);
    for nothing in [json!({ "is-official": ["true"] }), json!({ "stars": ["1"] }), json!({ "is-automated": ["true"] })]
    {
        assert_eq!(found(&filters(&nothing)), json!([]), "{nothing}");
    }
    let shown = cli::docker(&["search", &registry.name(&name)]).ok();
    assert!(shown.contains(&registry.name(&format!("compat/{name}"))), "{shown}");
}
