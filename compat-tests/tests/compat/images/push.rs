//! Push, to Debian's `docker-registry`.

use super::{Loaded, small_image};
use std::fs;
use std::process::Command;
use vch_compat_tests::cli;
use vch_compat_tests::image::{Layer, digest, marked};
use vch_compat_tests::prelude::*;
use vch_compat_tests::registry::{PASSWORD, Registry, USER};

pub(super) fn tests() -> Vec<Test> {
    let mut tests = tests![
        push_tells_its_progress_and_the_digest,
        push_again_sends_nothing,
        push_to_a_neighbour_mounts_the_layers,
        push_without_a_tag_pushes_all,
        what_was_pulled_and_pushed_has_the_same_digest,
        what_was_pushed_can_be_pulled_and_runs,
        push_of_what_is_not_there_is_told_in_the_stream,
        push_of_a_bad_reference_is_refused,
        push_without_a_login_is_refused,
        push_with_a_login_is_taken,
        push_to_a_registry_that_is_away_is_an_error,
        push_is_an_event,
        the_docker_program_pushes,
    ];
    // dockerd without containerd's image store makes a manifest of its own form.
    tests.extend(tests![an_oci_image_keeps_its_digest].into_iter().map(Test::ours_only));
    tests.extend(tests![push_heeds_the_platform].into_iter().map(|t| t.since(46)));
    tests
}

/// A header that logs in as nobody.
const NOBODY: (&str, &str) = ("X-Registry-Auth", "e30=");

/// Pushes and gives the stream of messages.
#[track_caller]
fn push(name: &str, query: &str, login: (&str, &str)) -> Vec<Value> {
    let path = format!("{VERSION}/images/{name}/push{query}");
    engine().client.call("POST", &path, &[login], b"").expect(200).json_lines()
}

#[track_caller]
fn pushed(name: &str, query: &str) -> Vec<Value> {
    let lines = push(name, query, NOBODY);
    assert!(lines.iter().all(|line| line.get("error").is_none()), "{lines:?}");
    lines
}

fn statuses(lines: &[Value]) -> Vec<&str> {
    lines.iter().filter_map(|line| line["status"].as_str()).collect()
}

/// Which of the words about layers were said, bars left out.
fn of_layers(lines: &[Value]) -> Vec<&str> {
    let told = lines.iter().filter(|line| line.get("id").is_some() && line.get("progress").is_none());
    told.filter_map(|line| line["status"].as_str())
        .filter(|word| !["Preparing", "Waiting", "Pushing"].contains(word))
        .collect()
}

/// What a registry has of a manifest: its digest and its bytes.
#[track_caller]
fn manifest(registry: &Registry, name: &str, tag: &str) -> (String, Value) {
    let target = format!("docker://{}:{tag}", registry.name(name));
    let output = Command::new("skopeo").args(["inspect", "--raw", "--tls-verify=false", &target]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (digest(&output.stdout), serde_json::from_slice(&output.stdout).unwrap())
}

/// A loaded image of two layers, tagged for a registry.
fn tagged(registry: &Registry, prefix: &str) -> (Loaded, String) {
    let name = format!("compat/{}", unique(prefix));
    let loaded = Loaded::load(&marked(&format!("{name}:own"), &name));
    let target = registry.name(&name);
    post(&format!("/images/{}/tag?repo={target}&tag=one", loaded.id)).expect(201);
    (loaded, name)
}

fn push_tells_its_progress_and_the_digest() {
    let registry = Registry::open();
    let (loaded, name) = tagged(&registry, "progress");
    let lines = pushed(&registry.name(&name), "?tag=one");
    let said = statuses(&lines);
    assert_eq!(said[0], format!("The push refers to repository [{}]", registry.name(&name)));
    // The topmost layer comes first.
    let mut layers: Vec<String> = serde_json::from_value(loaded.inspect()["RootFS"]["Layers"].clone()).unwrap();
    layers.reverse();
    let ids: Vec<String> = layers.iter().map(|layer| layer[7..19].to_owned()).collect();
    let prepared: Vec<&str> =
        lines.iter().filter(|line| line["status"] == "Preparing").map(|line| line["id"].as_str().unwrap()).collect();
    assert_eq!(prepared, ids);
    assert_eq!(of_layers(&lines), ["Pushed", "Pushed"]);
    let (digest, manifest) = manifest(&registry, &name, "one");
    let aux = &lines.last().unwrap()["aux"];
    assert_eq!((&aux["Tag"], &aux["Digest"]), (&json!("one"), &json!(digest)));
    assert_eq!(lines.last().unwrap()["progressDetail"], json!({}));
    assert_eq!(said.last(), Some(&format!("one: digest: {digest} size: {}", aux["Size"]).as_str()));
    assert_eq!(manifest["mediaType"], "application/vnd.docker.distribution.manifest.v2+json");
    assert_eq!(manifest["config"]["digest"], json!(loaded.id));
    for layer in manifest["layers"].as_array().unwrap() {
        assert_eq!(layer["mediaType"], "application/vnd.docker.image.rootfs.diff.tar.gzip");
    }
    let known: Vec<String> = serde_json::from_value(loaded.inspect()["RepoDigests"].clone()).unwrap();
    assert_eq!(known, [format!("{}@{digest}", registry.name(&name))]);
}

fn push_again_sends_nothing() {
    let registry = Registry::open();
    let (_loaded, name) = tagged(&registry, "again");
    let first = pushed(&registry.name(&name), "?tag=one");
    let second = pushed(&registry.name(&name), "?tag=one");
    assert_eq!(of_layers(&second), ["Layer already exists", "Layer already exists"]);
    assert_eq!(first.last(), second.last());
}

fn push_to_a_neighbour_mounts_the_layers() {
    let registry = Registry::open();
    let (loaded, name) = tagged(&registry, "mount");
    pushed(&registry.name(&name), "?tag=one");
    let other = format!("{name}-two");
    post(&format!("/images/{}/tag?repo={}&tag=one", loaded.id, registry.name(&other))).expect(201);
    let lines = pushed(&registry.name(&other), "?tag=one");
    let mounted = format!("Mounted from {name}");
    assert_eq!(of_layers(&lines), [&mounted[..], &mounted[..]]);
    assert_eq!(manifest(&registry, &name, "one"), manifest(&registry, &other, "one"));
}

fn push_without_a_tag_pushes_all() {
    let registry = Registry::open();
    let (loaded, name) = tagged(&registry, "all");
    post(&format!("/images/{}/tag?repo={}&tag=two", loaded.id, registry.name(&name))).expect(201);
    let lines = pushed(&registry.name(&name), "");
    let tags: Vec<&Value> = lines.iter().filter_map(|line| line.get("aux")).map(|aux| &aux["Tag"]).collect();
    assert_eq!(tags, ["one", "two"]);
    assert_eq!(manifest(&registry, &name, "one").0, manifest(&registry, &name, "two").0);
}

/// Pulls an image that skopeo pushed in a format, pushes it to a second registry, and gives both digests.
fn through(format: &str) -> (String, String) {
    let (first, second) = (Registry::open(), Registry::open());
    let name = format!("compat/{}", unique("through"));
    let digest = first.push(&marked(&name, &name), &format!("{name}:one"), &[format]);
    post(&format!("/images/create?fromImage={}&tag=one", first.name(&name))).expect(200);
    let inspected = get(&format!("/images/{}:one/json", first.name(&name))).expect(200).json();
    let _guard = Loaded { tag: String::new(), id: inspected["Id"].as_str().unwrap().into() };
    post(&format!("/images/{}:one/tag?repo={}&tag=one", first.name(&name), second.name(&name))).expect(201);
    let lines = pushed(&second.name(&name), "?tag=one");
    let found = manifest(&second, &name, "one").0;
    assert_eq!(lines.last().unwrap()["aux"]["Digest"], json!(found));
    (digest, found)
}

fn what_was_pulled_and_pushed_has_the_same_digest() {
    let (pulled, pushed) = through("--format=v2s2");
    assert_eq!(pulled.len(), pushed.len());
    // dockerd compresses anew and promises nothing; here the bytes are those that came.
    assert!(engine().is_peer || pulled == pushed, "{pulled} {pushed}");
}

fn an_oci_image_keeps_its_digest() {
    let (pulled, pushed) = through("--format=oci");
    assert_eq!(pulled, pushed);
}

fn what_was_pushed_can_be_pulled_and_runs() {
    let registry = Registry::open();
    let (loaded, name) = tagged(&registry, "back");
    let target = registry.name(&name);
    pushed(&target, "?tag=one");
    delete(&format!("/images/{}?force=1", loaded.id)).expect(200);
    post(&format!("/images/create?fromImage={target}&tag=one")).expect(200);
    assert_eq!(loaded.inspect()["RepoTags"], json!([format!("{target}:one")]));
    let container = Container::create(json!({ "Image": format!("{target}:one"), "Cmd": ["cat", "/etc/mark"] }));
    assert_eq!(container.run().1.out(), name);
}

#[track_caller]
fn assert_fails(lines: &[Value], words: &str) {
    let last = lines.last().unwrap();
    let error = last["error"].as_str().unwrap_or_default();
    assert!(error.to_lowercase().contains(&words.to_lowercase()), "{words:?} in {last}");
    assert_eq!(last["errorDetail"]["message"], last["error"]);
}

fn push_of_what_is_not_there_is_told_in_the_stream() {
    let registry = Registry::open();
    let (_loaded, name) = tagged(&registry, "missing");
    let target = registry.name(&name);
    assert_fails(&push(&target, "?tag=nope", NOBODY), &format!("tag does not exist: {target}:nope"));
    let none = registry.name("compat/none");
    let words = format!("An image does not exist locally with the tag: {none}");
    for query in ["?tag=one", ""] {
        let lines = push(&none, query, NOBODY);
        assert_eq!(lines[0]["status"], json!(format!("The push refers to repository [{none}]")));
        assert_fails(&lines, &words);
    }
    let digest = format!("sha256:{}", "0".repeat(64));
    assert_fails(&push(&format!("{target}@{digest}"), "", NOBODY), "cannot push a digest reference");
}

fn push_of_a_bad_reference_is_refused() {
    for name in ["UPPER", "compat/-x"] {
        let reply = engine().client.call("POST", &format!("{VERSION}/images/{name}/push?tag=x"), &[NOBODY], b"");
        let status = reply.head.status;
        assert!(status == 400 || engine().is_peer, "{name}: {status}");
        reply.refuses(status, "invalid reference format");
    }
    post("/images/compat/x/push?tag=one").refuses(400, "bad parameters and missing X-Registry-Auth");
}

fn login(password: &str) -> String {
    use std::io::Write;
    let mut out = Vec::new();
    write!(out, "{}", json!({ "username": USER, "password": password })).unwrap();
    super::through("base64", &["-w0"], &out).iter().map(|byte| char::from(*byte)).collect()
}

fn push_without_a_login_is_refused() {
    let registry = Registry::guarded();
    let (_loaded, name) = tagged(&registry, "nologin");
    let target = registry.name(&name);
    assert_fails(&push(&target, "?tag=one", NOBODY), "no basic auth credentials");
    let wrong = login("guess");
    assert_fails(&push(&target, "?tag=one", ("X-Registry-Auth", &wrong)), "unauthorized: authentication required");
    assert!(!registry.storage().join("docker/registry/v2/repositories").join(&name).join("_manifests").exists());
}

fn push_with_a_login_is_taken() {
    let registry = Registry::guarded();
    let (_loaded, name) = tagged(&registry, "login");
    let right = login(PASSWORD);
    let lines = push(&registry.name(&name), "?tag=one", ("X-Registry-Auth", &right));
    assert_eq!(lines.last().unwrap()["aux"]["Tag"], "one", "{lines:?}");
    // In the body, as clients did before there was the header.
    let body = json!({ "username": USER, "password": PASSWORD });
    let lines = post_json(&format!("/images/{}/push?tag=one", registry.name(&name)), &body).expect(200).json_lines();
    assert_eq!(lines.last().unwrap()["aux"]["Tag"], "one", "{lines:?}");
}

fn push_to_a_registry_that_is_away_is_an_error() {
    let registry = Registry::open();
    let (_loaded, name) = tagged(&registry, "away");
    let target = registry.name(&name);
    drop(registry);
    assert_fails(&push(&target, "?tag=one", NOBODY), "connection refused");
}

fn push_is_an_event() {
    let registry = Registry::open();
    let (_loaded, name) = tagged(&registry, "event");
    let target = registry.name(&name);
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let since = now();
    pushed(&target, "?tag=one");
    let query = format!("/events?since={since}&until={}&{}", now() + 1, filters(&json!({ "event": ["push"] })));
    let events = get(&query).expect(200).json_lines();
    let ours = events.iter().find(|event| event["Actor"]["ID"] == json!(format!("{target}:one")));
    assert_eq!(ours.map(|event| &event["Actor"]["Attributes"]["name"]), Some(&json!(target)), "{events:?}");
}

fn push_heeds_the_platform() {
    let registry = Registry::open();
    let (_loaded, name) = tagged(&registry, "platform");
    let push = |architecture: &str| {
        let platform = encode(&json!({ "os": "linux", "architecture": architecture }).to_string());
        let path = format!("/v1.46/images/{}/push?tag=one&platform={platform}", registry.name(&name));
        engine().client.call("POST", &path, &[NOBODY], b"")
    };
    push("arm64").refuses(404, "does not match the specified platform");
    assert_eq!(push("amd64").expect(200).json_lines().last().unwrap()["aux"]["Tag"], "one");
}

fn the_docker_program_pushes() {
    let registry = Registry::open();
    let name = format!("compat/{}", unique("program"));
    let mut image = small_image(Some(&format!("{name}:own")), &name, json!({}));
    image.layers.push(Layer::default().file("noise", 0o644, &fs::read("/bin/busybox").unwrap()).tar());
    let loaded = Loaded::load(&image);
    let target = format!("{}:latest", registry.name(&name));
    cli::docker(&["tag", &loaded.id, &target]).ok();
    let shown = cli::docker(&["push", &target]).ok();
    let (digest, _) = manifest(&registry, &name, "latest");
    assert!(shown.contains(&format!("latest: digest: {digest} size: ")), "{shown}");
    let quiet = cli::docker(&["push", "--quiet", &target]).ok();
    assert_eq!(quiet, format!("{target}\n"));
    cli::docker(&["push", &format!("{target}-nope")]).fails(1, "tag does not exist");
}
