//! Pulling from a registry on loopback.

use super::{Loaded, small_image};
use std::fs;
use std::path::Path;
use vch_compat_tests::image::{digest, marked};
use vch_compat_tests::prelude::*;
use vch_compat_tests::registry::Registry;
use vch_compat_tests::{cli, debian};

pub(super) fn tests() -> Vec<Test> {
    let mut tests = tests![
        pull_by_tag_tells_its_progress_in_order,
        pull_again_says_up_to_date,
        pull_by_digest,
        pull_without_a_tag_takes_latest_alone_or_all,
        pull_of_an_oci_image,
        a_layer_that_is_there_is_not_fetched_again,
        a_missing_tag_is_not_found,
        a_registry_that_is_away_is_an_error,
        a_bad_reference_is_refused,
        a_layer_that_does_not_match_its_digest_is_refused,
        the_docker_program_shows_progress_and_digest,
    ];
    let zstd = tests![pull_of_zstd_layers].into_iter();
    tests.extend(zstd.map(|t| t.older_differs(42, "knew no zstd")));
    let real = tests![a_real_image_of_several_layers_runs].into_iter();
    tests.extend(real.map(|test| test.alone().within(debian::MAKING)));
    tests
}

/// Pulls and gives the stream of messages, its status checked.
#[track_caller]
fn pull(image: &str, tag: &str) -> Vec<Value> {
    let path = format!("/images/create?fromImage={}&tag={}", encode(image), encode(tag));
    let lines = post(&path).expect(200).json_lines();
    for line in &lines {
        assert!(line.get("error").is_none(), "pull {image} {tag}: {line}");
    }
    lines
}

fn statuses(lines: &[Value]) -> Vec<&str> {
    lines.iter().filter_map(|line| line["status"].as_str()).collect()
}

/// An image of three layers with names and ids of its own, and its guard.
fn image(prefix: &str) -> (vch_compat_tests::image::Image, String) {
    let name = unique(prefix);
    let mut image = marked(&name, &name);
    let third = vch_compat_tests::image::Layer::default().file("third", 0o600, name.as_bytes());
    image.layers.push(third.tar());
    (image, format!("compat/{name}"))
}

/// Removes what a test pulled.
fn guard(id: String) -> Loaded {
    Loaded { tag: String::new(), id }
}

fn pull_by_tag_tells_its_progress_in_order() {
    let registry = Registry::open();
    let (image, name) = image("progress");
    let digest = registry.push(&image, &format!("{name}:one"), &[]);
    let _guard = guard(image.id());
    let reference = registry.name(&name);
    let lines = pull(&reference, "one");
    let said = statuses(&lines);
    assert_eq!(lines[0]["status"], json!(format!("Pulling from {name}")));
    assert_eq!(lines[0]["id"], "one");
    assert_eq!(said[said.len() - 2], format!("Digest: {digest}"));
    assert_eq!(said[said.len() - 1], format!("Status: Downloaded newer image for {reference}:one"));
    // Each layer that was fetched goes through these states, in this order.
    let ids: Vec<&str> = lines
        .iter()
        .filter(|line| line["status"] == "Pulling fs layer")
        .map(|line| line["id"].as_str().unwrap())
        .collect();
    assert!(ids.len() >= 2, "{lines:?}");
    for id in ids {
        assert_eq!(id.len(), 12, "a layer's short id: {id}");
        let states: Vec<&str> =
            lines.iter().filter(|line| line["id"] == json!(id)).map(|line| line["status"].as_str().unwrap()).collect();
        let at = |state: &str| states.iter().position(|s| *s == state);
        let order = [at("Pulling fs layer"), at("Download complete"), at("Pull complete")];
        assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{id}: {states:?}");
    }
    let inspected = get(&format!("/images/{reference}:one/json")).expect(200).json();
    assert_eq!(inspected["Id"], json!(image.id()));
    assert_eq!(inspected["RepoDigests"], json!([format!("{reference}@{digest}")]));
    assert_eq!(inspected["RepoTags"], json!([format!("{reference}:one")]));
}

fn pull_again_says_up_to_date() {
    let registry = Registry::open();
    let (image, name) = image("again");
    registry.push(&image, &format!("{name}:latest"), &[]);
    let _guard = guard(image.id());
    let reference = registry.name(&name);
    pull(&reference, "latest");
    let lines = pull(&reference, "latest");
    assert_eq!(statuses(&lines).last(), Some(&format!("Status: Image is up to date for {reference}:latest").as_str()));
}

fn pull_by_digest() {
    let registry = Registry::open();
    let (image, name) = image("digest");
    let digest = registry.push(&image, &format!("{name}:latest"), &[]);
    let _guard = guard(image.id());
    let reference = registry.name(&name);
    let lines = pull(&reference, &digest);
    assert_eq!(
        statuses(&lines).last(),
        Some(&format!("Status: Downloaded newer image for {reference}@{digest}").as_str())
    );
    let inspected = get(&format!("/images/{reference}@{digest}/json")).expect(200);
    let inspected = inspected.json();
    assert_eq!(inspected["Id"], json!(image.id()));
    assert_eq!(inspected["RepoTags"], json!([]));
    let wrong = format!("sha256:{}", "0".repeat(64));
    let path = format!("/images/create?fromImage={reference}&tag={wrong}");
    assert_refused(&post(&path), 404, "not found");
}

fn pull_without_a_tag_takes_latest_alone_or_all() {
    let registry = Registry::open();
    let (one, name) = image("untold");
    let (two, _) = image("untold");
    registry.push(&one, &format!("{name}:latest"), &[]);
    registry.push(&two, &format!("{name}:other"), &[]);
    let _guards = (guard(one.id()), guard(two.id()));
    let reference = registry.name(&name);
    // The program says `latest` itself; a bare call without a tag means all of them.
    pull(&format!("{reference}:latest"), "");
    get(&format!("/images/{reference}/json")).expect(200);
    get(&format!("/images/{reference}:other/json")).expect(404);
    pull(&reference, "");
    get(&format!("/images/{reference}:other/json")).expect(200);
}

fn pull_of_an_oci_image() {
    let registry = Registry::open();
    let (image, name) = image("oci");
    let digest = registry.push(&image, &format!("{name}:latest"), &["--format=oci"]);
    let reference = registry.name(&name);
    pull(&reference, "latest");
    let inspected = get(&format!("/images/{reference}@{digest}/json")).expect(200);
    let inspected = inspected.json();
    let _guard = guard(inspected["Id"].as_str().unwrap().into());
    let container = Container::create(json!({ "Image": reference, "Cmd": ["cat", "/third"] }));
    assert!(container.run().1.out().starts_with("oci"));
}

fn pull_of_zstd_layers() {
    let registry = Registry::open();
    let (image, name) = image("zstd");
    registry.push(&image, &format!("{name}:latest"), &["--format=oci", "--dest-compress-format=zstd"]);
    let reference = registry.name(&name);
    pull(&reference, "latest");
    let inspected = get(&format!("/images/{reference}/json")).expect(200).json();
    let _guard = guard(inspected["Id"].as_str().unwrap().into());
    let diff_ids: Vec<String> = image.layers.iter().map(|layer| digest(layer)).collect();
    assert_eq!(inspected["RootFS"]["Layers"], json!(diff_ids));
}

fn a_layer_that_is_there_is_not_fetched_again() {
    let registry = Registry::open();
    let (one, name) = image("shared");
    let (mut two, other) = image("shared");
    two.layers[..2].clone_from_slice(&one.layers[..2]);
    registry.push(&one, &format!("{name}:latest"), &[]);
    registry.push(&two, &format!("{other}:latest"), &[]);
    let _guards = (guard(one.id()), guard(two.id()));
    pull(&registry.name(&name), "latest");
    let lines = pull(&registry.name(&other), "latest");
    let exists = statuses(&lines).iter().filter(|status| **status == "Already exists").count();
    assert_eq!(exists, 2, "{lines:?}");
}

/// A failed pull: a status, or an error at the end of the stream.
#[track_caller]
fn assert_refused(reply: &vch_compat_tests::raw::Reply, status: u16, words: &str) {
    if reply.head.status == 200 {
        let lines = reply.json_lines();
        let last = lines.last().unwrap();
        let error = last["error"].as_str().unwrap_or_default();
        assert!(error.to_lowercase().contains(words), "{last}");
        assert_eq!(last["errorDetail"]["message"], last["error"]);
    } else {
        reply.clone().refuses(status, words);
    }
}

fn a_missing_tag_is_not_found() {
    let registry = Registry::open();
    let reference = registry.name("compat/nope");
    let reply = post(&format!("/images/create?fromImage={reference}&tag=latest"));
    let reply = reply.refuses(404, "manifest");
    assert!(reply.text().contains("unknown"), "{}", reply.text());
}

fn a_registry_that_is_away_is_an_error() {
    let registry = Registry::open();
    let reference = registry.name("compat/away");
    drop(registry);
    let reply = post(&format!("/images/create?fromImage={reference}&tag=latest"));
    let status = reply.head.status;
    assert!((500..600).contains(&status), "not the client's fault: {status}");
    reply.refuses(status, "connection refused");
}

fn a_bad_reference_is_refused() {
    for (image, words) in [
        ("compat/UPPER", "must be lowercase"),
        ("a//b", "invalid reference format"),
        ("compat/x@sha256:12", "invalid reference format"),
    ] {
        let path = format!("/images/create?fromImage={}&tag=latest", encode(image));
        post(&path).refuses(400, words);
    }
}

fn a_layer_that_does_not_match_its_digest_is_refused() {
    let registry = Registry::open();
    let name = format!("compat/{}", unique("spoilt"));
    let noise = (0..200_000u32).map(|n| digest(&n.to_be_bytes()));
    let image = small_image(None, &noise.take(2000).collect::<String>(), json!({}));
    registry.push(&image, &format!("{name}:latest"), &[]);
    spoil_the_largest_blob(&registry.storage());
    let reference = registry.name(&name);
    let reply = post(&format!("/images/create?fromImage={reference}&tag=latest"));
    let failed = reply.head.status >= 400 || reply.text().contains("\"error\"");
    assert!(failed, "{}", reply.text());
    get(&format!("/images/{reference}/json")).expect(404);
    get(&format!("/images/{}/json", image.id())).expect(404);
}

fn spoil_the_largest_blob(storage: &Path) {
    fn walk(folder: &Path, found: &mut Vec<(u64, std::path::PathBuf)>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let kind = entry.metadata().unwrap();
            if kind.is_dir() {
                walk(&entry.path(), found);
            } else if entry.file_name() == "data" {
                found.push((kind.len(), entry.path()));
            }
        }
    }
    let mut found = Vec::new();
    walk(storage, &mut found);
    let (size, path) = found.into_iter().max().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let at = usize::try_from(size / 2).unwrap();
    bytes[at] ^= 0xff;
    fs::write(&path, bytes).unwrap();
}

fn the_docker_program_shows_progress_and_digest() {
    let registry = Registry::open();
    let (image, name) = image("program");
    let digest = registry.push(&image, &format!("{name}:latest"), &[]);
    let _guard = guard(image.id());
    let reference = registry.name(&name);
    let shown = cli::docker(&["pull", &reference]).ok();
    for line in [
        format!("latest: Pulling from {name}"),
        format!("Digest: {digest}"),
        format!("Status: Downloaded newer image for {reference}:latest"),
        format!("{reference}:latest"),
    ] {
        assert!(shown.contains(&line), "{line:?} in {shown:?}");
    }
    let quiet = cli::docker(&["pull", "--quiet", &reference]).ok();
    assert_eq!(quiet, format!("{reference}:latest\n"));
    // run pulls what is not there, and says so on standard error.
    cli::docker(&["rmi", &reference]).ok();
    let run = cli::docker(&["run", "--rm", &reference, "cat", "/third"]);
    assert!(run.stderr.contains("Unable to find image"), "{run:?}");
    assert!(run.ok().starts_with("program"));
    let missing = registry.name("compat/nope");
    cli::docker(&["run", "--rm", &missing, "true"]).fails(125, "manifest unknown");
}

fn a_real_image_of_several_layers_runs() {
    let registry = debian::registry();
    let reference = registry.name(debian::NAME);
    pull(&reference, "");
    let inspected = get(&format!("/images/{reference}/json")).expect(200).json();
    let _guard = guard(inspected["Id"].as_str().unwrap().into());
    assert_eq!(inspected["RootFS"]["Layers"].as_array().unwrap().len(), 3);
    let program = "import hashlib, os, platform, ssl\n\
         print(platform.python_version_tuple()[0], os.path.exists('/usr/share/doc/python3'))\n\
         print(open('/etc/hostname').read() == platform.node() + '\\n', os.listdir('/var/cache/apt/archives'))\n\
         print(oct(os.stat('/usr/bin/passwd').st_mode), os.readlink('/bin'), platform.system())";
    let arguments = ["run", "--rm", &reference, "python3", "-c", program];
    let shown = cli::docker(&arguments).ok();
    assert_eq!(shown, "3 False\nTrue []\n0o104755 usr/bin Linux\n");
    let checked = ["run", "--rm", &reference, "sh", "-c", "dpkg --verify; echo $?"];
    let shown = cli::docker(&checked).ok();
    let broken: Vec<&str> = shown
        .lines()
        .filter(|line| !line.contains("/usr/share/doc/") && !line.contains("/apt/archives/partial"))
        .filter(|line| line.trim() != "0")
        .collect();
    assert!(broken.is_empty(), "dpkg --verify: {broken:?}");
}
