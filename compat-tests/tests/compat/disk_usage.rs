//! `system df` and `system prune`.

use vch_compat_tests::cli;
use vch_compat_tests::image::{BUSYBOX, Image, Layer, marked};
use vch_compat_tests::prelude::*;

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = tests![
        images_are_counted_to_the_byte,
        containers_are_counted,
        what_there_is_none_of_is_pruned_of_nothing,
        prunes_know_their_filters,
        the_docker_program_shows_it,
    ];
    tests.extend(tests![types_are_told_apart, an_unknown_type_is_refused].into_iter().map(|t| t.since(42)));
    // It takes every stopped container of the machine.
    tests.extend(tests![system_prune_goes_through].into_iter().map(Test::alone).map(Test::ours_only));
    tests
}

/// An image that is removed when dropped.
struct Loaded(Image);

impl Loaded {
    fn of(image: Image) -> Self {
        image.load();
        Self(image)
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        let path = format!("{VERSION}/images/{}?force=1", self.0.id());
        engine().client.call("DELETE", &path, &[], b"");
    }
}

fn image<'a>(usage: &'a Value, id: &str) -> &'a Value {
    let found = usage["Images"].as_array().unwrap().iter().find(|image| image["Id"] == json!(id));
    found.unwrap_or_else(|| panic!("{id} is not in {usage}"))
}

/// Bytes of files of these lengths, as Docker counts a layer.
fn layer_of(prefix: &str, files: &[usize]) -> Vec<u8> {
    let mut layer = Layer::default();
    for (n, length) in files.iter().enumerate() {
        let mut content = prefix.as_bytes().to_vec();
        content.resize(*length, b'x');
        layer = layer.file(&format!("{prefix}-{n}"), 0o644, &content);
    }
    layer.tar()
}

fn images_are_counted_to_the_byte() {
    let name = unique("df");
    let shared = layer_of(&name, &[5000, 300]);
    let make = |which: &str, length: usize| {
        let mut image = marked(&format!("compat/{name}-{which}:latest"), which);
        image.layers = vec![shared.clone(), layer_of(&format!("{name}-{which}"), &[length])];
        Loaded::of(image)
    };
    let (one, two) = (make("one", 700), make("two", 11));
    let usage = get("/system/df").expect(200).json();
    for (image_, size) in [(&one, 6000), (&two, 5311)] {
        let found = image(&usage, &image_.0.id());
        assert_eq!((&found["Size"], &found["SharedSize"]), (&json!(size), &json!(5300)), "{found}");
        assert_eq!(found["Containers"], 0);
    }
    // All layers once: with one image less, it is less by what only that image has.
    let all = |usage: &Value| usage["LayersSize"].as_i64().unwrap();
    assert!(all(&usage) >= 6011, "{usage}");
    let containers = usage["Containers"].as_array().unwrap();
    assert!(containers.iter().all(|one| one["SizeRootFs"].as_i64() > Some(0)), "{containers:?}");
    assert!(usage["Volumes"].is_array());
}

fn containers_are_counted() {
    let container = Container::sh("head -c 3000000 /dev/urandom > /file; sync");
    assert_eq!(container.run().0, 0);
    let usage = get("/system/df").expect(200).json();
    let all = usage["Containers"].as_array().unwrap();
    let found = all.iter().find(|one| one["Id"] == json!(container.id)).unwrap();
    // To the byte where the engine can read the files; what the disk takes else.
    let written = found["SizeRw"].as_i64().unwrap();
    assert!((3_000_000..4_500_000).contains(&written), "{found}");
    let busybox = image(&usage, container.inspect()["Image"].as_str().unwrap()).clone();
    assert_eq!(found["SizeRootFs"].as_i64().unwrap() - written, busybox["Size"].as_i64().unwrap());
    assert!(busybox["Containers"].as_i64() >= Some(1), "{busybox}");
    assert!(busybox["RepoTags"].as_array().unwrap().contains(&json!(BUSYBOX)));
    let path = format!("/containers/json?all=1&size=1&{}", filters(&json!({ "id": [container.id] })));
    assert_eq!(get(&path).expect(200).json()[0]["SizeRw"], found["SizeRw"]);
    let inspected = get(&container.path("/json?size=1")).expect(200).json();
    assert_eq!((&inspected["SizeRw"], &inspected["SizeRootFs"]), (&found["SizeRw"], &found["SizeRootFs"]));
    assert!(container.inspect().get("SizeRw").is_none());
}

fn types_are_told_apart() {
    let only = |kind: &str| get(&format!("/v1.42/system/df?type={kind}")).expect(200).json();
    let images = only("image");
    assert!(images["Images"].is_array() && images["Containers"].is_null() && images["Volumes"].is_null(), "{images}");
    let containers = only("container");
    assert!(containers["Containers"].is_array() && containers["Images"].is_null(), "{containers}");
    assert_eq!(containers["LayersSize"], 0);
    let both = get("/v1.42/system/df?type=container&type=volume").expect(200).json();
    assert!(both["Containers"].is_array() && both["Volumes"].is_array() && both["Images"].is_null(), "{both}");
}

fn an_unknown_type_is_refused() {
    get("/v1.42/system/df?type=nonsense").refuses(400, "unknown object type: nonsense");
}

fn what_there_is_none_of_is_pruned_of_nothing() {
    // By a label that nothing has, so that a peer keeps what it has.
    let of = filters(&json!({ "label": [unique("none")] }));
    assert_eq!(post(&format!("/networks/prune?{of}")).expect(200).json(), json!({ "NetworksDeleted": null }));
    let volumes = post(&format!("/volumes/prune?{of}")).expect(200).json();
    assert_eq!(volumes, json!({ "VolumesDeleted": [], "SpaceReclaimed": 0 }));
    let caches = post(&format!("/build/prune?{of}")).expect(200).json();
    assert_eq!(caches, json!({ "CachesDeleted": null, "SpaceReclaimed": 0 }));
}

fn prunes_know_their_filters() {
    let bad = filters(&json!({ "colour": ["red"] }));
    for what in ["containers", "images", "networks", "volumes", "build"] {
        let reply = post(&format!("/{what}/prune?{bad}"));
        let status = reply.head.status;
        assert!(status == 400 || engine().is_peer, "{what}: {status}");
        reply.refuses(status, "invalid filter 'colour'");
    }
}

fn the_docker_program_shows_it() {
    let container = Container::idle();
    let shown = cli::docker(&["system", "df"]).ok();
    for word in ["Images", "Containers", "Local Volumes", "Build Cache"] {
        assert!(shown.contains(word), "{shown}");
    }
    let verbose = cli::docker(&["system", "df", "--verbose"]).ok();
    assert!(verbose.contains(&container.id[..12]) && verbose.contains("compat/busybox"), "{verbose}");
}

fn system_prune_goes_through() {
    let name = unique("pruned");
    let tagged = Loaded::of(marked(&format!("compat/{name}:latest"), &name));
    let mut untagged = marked("", &format!("{name} too"));
    untagged.tag = None;
    let untagged = Loaded::of(untagged);
    let (idle, ended) = (Container::idle(), Container::sh("true"));
    ended.run();
    let shown = cli::docker(&["system", "prune", "--force"]).ok();
    assert!(shown.contains("Deleted Containers:") && shown.contains(&ended.id), "{shown}");
    assert!(shown.contains(&format!("deleted: {}", untagged.0.id())), "{shown}");
    assert!(shown.contains("Total reclaimed space: "), "{shown}");
    get(&format!("/containers/{}/json", ended.id)).expect(404);
    get(&format!("/images/{}/json", untagged.0.id())).expect(404);
    get(&format!("/images/{}/json", tagged.0.id())).expect(200);
    get(&idle.path("/json")).expect(200);
    cli::docker(&["system", "prune", "--force", "--volumes", "--filter", &format!("label={name}")]).ok();
}
