//! Save, and load of what was saved: by us, by an older dockerd, by others.

use super::{Loaded, post_bytes, small_image};
use std::collections::BTreeMap;
use std::io::Read;
use std::process::Command;
use vch_compat_tests::cli;
use vch_compat_tests::image::{Image, Layer, digest, marked};
use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    let mut tests = tests![
        save_by_name_holds_configuration_and_layers,
        save_of_several_holds_each_once,
        save_by_repository_holds_all_its_tags,
        save_by_id_holds_no_name,
        save_of_what_is_not_there_is_refused,
        save_is_an_event,
        what_was_saved_loads_and_runs,
        the_docker_program_saves_and_loads,
        load_of_links_and_old_files_as_dockerd_20_wrote_them,
        load_of_blobs_as_dockerd_25_writes_them,
        skopeo_copies_out_of_the_daemon,
        skopeo_copies_into_the_daemon,
    ];
    tests.extend(tests![save_holds_an_oci_layout_too].into_iter().map(|t| t.older_differs(44, "wrote no layout")));
    tests.extend(
        tests![save_and_load_heed_the_platform, save_for_several_platforms_is_refused].into_iter().map(|t| t.since(48)),
    );
    tests
}

/// The files of an archive by name; links as what they lead to.
fn files(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let (mut files, mut links) = (BTreeMap::new(), Vec::new());
    for entry in tar::Archive::new(archive).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        if let Some(target) = entry.link_name().unwrap() {
            links.push((name, target.display().to_string().trim_start_matches("../").to_owned()));
            continue;
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        files.insert(name, bytes);
    }
    for (name, target) in links {
        let bytes = files[&target].clone();
        files.insert(name, bytes);
    }
    files
}

fn items(files: &BTreeMap<String, Vec<u8>>) -> Vec<Value> {
    let manifest: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    manifest.as_array().unwrap().clone()
}

/// Checks that an item of the manifest leads to an image's configuration and layers.
#[track_caller]
fn assert_holds(files: &BTreeMap<String, Vec<u8>>, item: &Value, image: &Image) {
    assert!(files[item["Config"].as_str().unwrap()] == image.configuration(), "{item}");
    let layers: Vec<&Vec<u8>> =
        item["Layers"].as_array().unwrap().iter().map(|name| &files[name.as_str().unwrap()]).collect();
    assert_eq!(layers.len(), image.layers.len(), "{item}");
    let same = layers.iter().zip(&image.layers).all(|(found, layer)| digest(found) == digest(layer));
    assert!(same, "the layers of {item} are those that were loaded");
}

fn of_two_layers(prefix: &str) -> (Image, Loaded) {
    let tag = format!("compat/{}:latest", unique(prefix));
    let image = marked(&tag, &tag);
    let loaded = Loaded::load(&image);
    (image, loaded)
}

fn save_by_name_holds_configuration_and_layers() {
    let (image, loaded) = of_two_layers("saved");
    let reply = get(&format!("/images/{}/get", loaded.tag)).expect(200);
    assert_eq!(reply.head.header("Content-Type"), Some("application/x-tar"));
    let files = files(&reply.body);
    let items = items(&files);
    assert_eq!(items.len(), 1);
    assert_eq!(items[0]["RepoTags"], json!([loaded.tag]));
    assert_holds(&files, &items[0], &image);
    let repositories: Value = serde_json::from_slice(&files["repositories"]).unwrap();
    let name = loaded.tag.trim_end_matches(":latest");
    assert!(repositories[name]["latest"].is_string(), "{repositories}");
}

fn save_of_several_holds_each_once() {
    let (one, first) = of_two_layers("several");
    let (two, second) = of_two_layers("several");
    let path = format!("/images/get?names={}&names={}&names={}", first.tag, encode(&second.id), first.tag);
    let files = files(&get(&path).expect(200).body);
    let items = items(&files);
    assert_eq!(items.len(), 2, "{items:?}");
    let named = |tags: Value| items.iter().find(|item| item["RepoTags"] == tags).unwrap();
    assert_holds(&files, named(json!([first.tag])), &one);
    assert_holds(&files, named(json!(null)), &two);
}

fn save_by_repository_holds_all_its_tags() {
    let (_, loaded) = of_two_layers("tags");
    let name = loaded.tag.trim_end_matches(":latest");
    post(&format!("/images/{}/tag?repo={name}&tag=other", loaded.id)).expect(201);
    let saved = |name: &str| {
        let items = items(&files(&get(&format!("/images/get?names={name}")).expect(200).body));
        let mut tags: Vec<String> = serde_json::from_value(items[0]["RepoTags"].clone()).unwrap();
        tags.sort();
        (items.len(), tags)
    };
    assert_eq!(saved(name), (1, vec![loaded.tag.clone(), format!("{name}:other")]));
    assert_eq!(saved(&format!("{name}:other")), (1, vec![format!("{name}:other")]));
}

fn save_by_id_holds_no_name() {
    let (image, loaded) = of_two_layers("nameless");
    for id in [&loaded.id[..], &loaded.id[7..19]] {
        let files = files(&get(&format!("/images/{id}/get")).expect(200).body);
        let items = items(&files);
        assert_eq!(items[0]["RepoTags"], json!(null), "{id}");
        assert_holds(&files, &items[0], &image);
    }
}

fn save_of_what_is_not_there_is_refused() {
    let there = Loaded::small("there");
    let name = format!("compat/{}", unique("absent"));
    for path in [
        format!("/images/{name}/get"),
        format!("/images/get?names={name}"),
        format!("/images/get?names={}&names={name}", there.tag),
    ] {
        let reply = get(&path);
        let status = reply.head.status;
        assert!((404..=500).contains(&status), "{path}: {status}");
        reply.refuses(status, &format!("No such image: {name}"));
    }
    let reply = get(&format!("/images/{name}:tag/get"));
    let status = reply.head.status;
    reply.refuses(status, "reference does not exist");
    let reply = get("/images/get?names=UPPER");
    let status = reply.head.status;
    reply.refuses(status, "must be lowercase");
    cli::docker(&["save", &name]).fails(1, "No such image");
}

fn save_is_an_event() {
    let since = now();
    let loaded = Loaded::small("event");
    get(&format!("/images/{}/get", loaded.tag)).expect(200);
    let query = format!(
        "/events?since={since}&until={}&{}",
        now() + 1,
        filters(&json!({ "event": ["save"], "image": [loaded.id] }))
    );
    let events = get(&query).expect(200).json_lines();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["Actor"]["ID"], json!(loaded.id));
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

fn what_was_saved_loads_and_runs() {
    let (_, loaded) = of_two_layers("again");
    let archive = get(&format!("/images/{}/get", loaded.tag)).expect(200).body;
    delete(&format!("/images/{}", loaded.tag)).expect(200);
    get(&format!("/images/{}/json", loaded.id)).expect(404);
    let reply = post_bytes("/images/load?quiet=1", &archive).expect(200);
    assert_eq!(reply.json_lines(), [json!({ "stream": format!("Loaded image: {}\n", loaded.tag) })]);
    assert_eq!(loaded.inspect()["Id"], json!(loaded.id));
    let container = Container::create(json!({ "Image": loaded.tag, "Cmd": ["cat", "/etc/mark"] }));
    assert_eq!(container.run().1.out(), loaded.tag);
}

fn the_docker_program_saves_and_loads() {
    let (_, loaded) = of_two_layers("program");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("image.tar").display().to_string();
    cli::docker(&["save", "--output", &file, &loaded.tag]).ok();
    cli::docker(&["rmi", &loaded.tag]).ok();
    let shown = cli::docker(&["load", "--input", &file]).ok();
    assert_eq!(shown, format!("Loaded image: {}\n", loaded.tag));
    cli::docker(&["image", "inspect", &loaded.id]).ok();
}

fn load_of_links_and_old_files_as_dockerd_20_wrote_them() {
    let tag = format!("compat/{}:latest", unique("twenty"));
    let (mut image, legacy) = (marked(&tag, &tag), b"{\"id\":\"0000\"}");
    // The same layer twice: dockerd writes the second as a link to the first.
    image.layers.push(image.layers[1].clone());
    let config = format!("{}.json", &image.id()[7..]);
    let manifest =
        json!([{ "Config": config, "RepoTags": [tag], "Layers": ["a/layer.tar", "b/layer.tar", "c/layer.tar"] }]);
    let name = tag.trim_end_matches(":latest");
    let archive = Layer::default()
        .folder("a", 0o755)
        .file("a/VERSION", 0o644, b"1.0")
        .file("a/json", 0o644, legacy)
        .file("a/layer.tar", 0o644, &image.layers[0])
        .folder("b", 0o755)
        .file("b/layer.tar", 0o644, &image.layers[1])
        .folder("c", 0o755)
        .link("c/layer.tar", "../b/layer.tar")
        .file(&config, 0o644, &image.configuration())
        .file("manifest.json", 0o644, manifest.to_string().as_bytes())
        .file("repositories", 0o644, json!({ name: { "latest": "c" } }).to_string().as_bytes());
    let reply = post_bytes("/images/load?quiet=1", &archive.tar()).expect(200);
    let loaded = Loaded { tag: tag.clone(), id: image.id() };
    assert_eq!(reply.json_lines(), [json!({ "stream": format!("Loaded image: {tag}\n") })]);
    assert_eq!(loaded.inspect()["RootFS"]["Layers"].as_array().unwrap().len(), 3);
    let container = Container::create(json!({ "Image": tag, "Cmd": ["cat", "/etc/mark"] }));
    assert_eq!(container.run().1.out(), tag);
}

fn load_of_blobs_as_dockerd_25_writes_them() {
    let tag = format!("compat/{}:latest", unique("blobs"));
    let image = marked(&tag, &tag);
    let blob = |bytes: &[u8]| format!("blobs/sha256/{}", &digest(bytes)[7..]);
    let config = image.configuration();
    let layers: Vec<Value> = image
        .layers
        .iter()
        .map(|layer| json!({ "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest(layer), "size": layer.len() }))
        .collect();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": image.id(), "size": config.len() },
        "layers": layers,
    })
    .to_string();
    let index = json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [{
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest(manifest.as_bytes()),
        "size": manifest.len(), "platform": { "architecture": "amd64", "os": "linux" },
        "annotations": { "io.containerd.image.name": format!("docker.io/{tag}"), "org.opencontainers.image.ref.name": "latest" },
    }]});
    let paths: Vec<String> = image.layers.iter().map(|layer| blob(layer)).collect();
    let items = json!([{ "Config": blob(&config), "RepoTags": [tag], "Layers": paths, "LayerSources": {} }]);
    let mut archive = Layer::default().folder("blobs", 0o755).folder("blobs/sha256", 0o755);
    for bytes in image.layers.iter().chain([&config, &manifest.clone().into_bytes()]) {
        archive = archive.file(&blob(bytes), 0o644, bytes);
    }
    let archive = archive
        .file("index.json", 0o644, index.to_string().as_bytes())
        .file("manifest.json", 0o644, items.to_string().as_bytes())
        .file("oci-layout", 0o644, br#"{"imageLayoutVersion":"1.0.0"}"#);
    let reply = post_bytes("/images/load?quiet=1", &archive.tar()).expect(200);
    let loaded = Loaded { tag: tag.clone(), id: image.id() };
    assert_eq!(reply.json_lines(), [json!({ "stream": format!("Loaded image: {tag}\n") })]);
    assert_eq!(loaded.inspect()["RepoTags"], json!([tag]));
}

fn save_holds_an_oci_layout_too() {
    let (image, loaded) = of_two_layers("layout");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("image.tar");
    std::fs::write(&file, get(&format!("/images/{}/get", loaded.tag)).expect(200).body).unwrap();
    let target = format!("dir:{}", folder.path().join("dir").display());
    skopeo(&["copy", &format!("oci-archive:{}:latest", file.display()), &target]);
    let manifest = std::fs::read(folder.path().join("dir/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["config"]["digest"], json!(image.id()));
}

fn save_and_load_heed_the_platform() {
    let (_, loaded) = of_two_layers("platform");
    let (own, other) =
        (json!({"os": "linux", "architecture": "amd64"}), json!({"os": "linux", "architecture": "arm64"}));
    let path =
        |platform: &Value| format!("/v1.48/images/{}/get?platform={}", loaded.tag, encode(&platform.to_string()));
    let archive = get(&path(&own)).expect(200).body;
    get(&path(&other)).refuses(404, "no suitable export target found for platform linux/arm64");
    let client = &engine().client;
    let load = |platform: &Value| {
        let path = format!("/v1.48/images/load?platform={}", encode(&platform.to_string()));
        client.call("POST", &path, &[("Content-Type", "application/x-tar")], &archive).expect(200).json_lines()
    };
    assert_eq!(load(&other), Vec::<Value>::new(), "images of other platforms are passed over");
    assert_eq!(load(&own), [json!({ "stream": format!("Loaded image: {}\n", loaded.tag) })]);
}

fn save_for_several_platforms_is_refused() {
    let loaded = Loaded::small("platforms");
    let platform = encode(&json!({"os": "linux", "architecture": "amd64"}).to_string());
    let path = format!("/v1.48/images/{}/get?platform={platform}&platform={platform}", loaded.tag);
    get(&path).refuses(400, "multiple platform parameters not supported");
}

/// Runs skopeo and gives what it printed.
#[track_caller]
fn skopeo(arguments: &[&str]) -> String {
    let output = Command::new("skopeo").arg("--insecure-policy").args(arguments).output();
    let output = output.unwrap_or_else(|e| panic!("starting skopeo: {e}"));
    assert!(output.status.success(), "skopeo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn skopeo_copies_out_of_the_daemon() {
    let (image, loaded) = of_two_layers("out");
    let folder = tempfile::tempdir().unwrap();
    let target = format!("dir:{}", folder.path().join("dir").display());
    let source = format!("docker-daemon:{}", loaded.tag);
    skopeo(&["copy", "--src-daemon-host", &engine().host(), &source, &target]);
    let manifest = std::fs::read(folder.path().join("dir/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["config"]["digest"], json!(image.id()));
    assert_eq!(manifest["layers"].as_array().unwrap().len(), image.layers.len());
    let inspected = skopeo(&["inspect", "--daemon-host", &engine().host(), &source]);
    assert!(inspected.contains(&digest(&image.layers[0])) || inspected.contains("\"Layers\""), "{inspected}");
}

fn skopeo_copies_into_the_daemon() {
    let name = unique("into");
    let tag = format!("compat/{name}:one");
    let image = small_image(None, &name, json!({ "Cmd": ["/true"] }));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("image.tar");
    std::fs::write(&file, image.archive()).unwrap();
    let (source, target) = (format!("docker-archive:{}", file.display()), format!("docker-daemon:{tag}"));
    skopeo(&["copy", "--dest-daemon-host", &engine().host(), &source, &target]);
    let loaded = Loaded { tag: tag.clone(), id: image.id() };
    assert_eq!(loaded.inspect()["RepoTags"], json!([tag]));
}
