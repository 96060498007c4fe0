//! Load and import: images from a body.

use super::{Loaded, post_bytes, small_image, through};
use vch_compat_tests::image::{busybox, busybox_layer, marked};
use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    tests![
        load_says_which_image,
        load_says_the_id_of_an_untagged_image,
        load_takes_gzip,
        load_twice_changes_nothing,
        load_of_a_cut_archive_leaves_nothing,
        load_of_garbage_is_refused,
        load_keeps_configuration_and_layers,
        a_loaded_image_of_several_layers_runs,
        whiteouts_of_upper_layers_hide_lower_files,
        import_gives_an_image_that_runs,
        import_takes_gzip_and_changes,
        import_with_a_bad_reference_is_refused,
        import_of_garbage_leaves_nothing,
    ]
}

fn load_says_which_image() {
    let name = format!("compat/{}:latest", unique("said"));
    let image = small_image(Some(&name), &name, json!({}));
    let reply = post_bytes("/images/load?quiet=1", &image.archive()).expect(200);
    let _guard = Loaded { tag: name.clone(), id: image.id() };
    assert_eq!(reply.head.header("Content-Type"), Some("application/json"), "{:?}", reply.head);
    assert_eq!(reply.json_lines(), [json!({ "stream": format!("Loaded image: {name}\n") })]);
}

fn load_says_the_id_of_an_untagged_image() {
    let image = small_image(None, &unique("untagged"), json!({}));
    let reply = post_bytes("/images/load?quiet=1", &image.archive()).expect(200);
    let guard = Loaded { tag: String::new(), id: image.id() };
    assert_eq!(reply.json_lines(), [json!({ "stream": format!("Loaded image ID: {}\n", image.id()) })]);
    assert_eq!(guard.inspect()["RepoTags"], json!([]));
}

fn load_takes_gzip() {
    let name = format!("compat/{}:latest", unique("gzip"));
    let image = small_image(Some(&name), &name, json!({}));
    let packed = through("gzip", &["-c"], &image.archive());
    post_bytes("/images/load?quiet=1", &packed).expect(200);
    let guard = Loaded { tag: name.clone(), id: image.id() };
    assert_eq!(guard.inspect()["RepoTags"], json!([name]));
}

fn load_twice_changes_nothing() {
    let image = small_image(Some("compat/twice:latest"), &unique("twice"), json!({}));
    let first = Loaded::load(&image);
    let before = first.inspect();
    image.load();
    let after = first.inspect();
    assert_eq!(before["RootFS"], after["RootFS"]);
    assert_eq!(before["Id"], after["Id"]);
    assert_eq!(before["RepoTags"], after["RepoTags"]);
}

fn load_of_a_cut_archive_leaves_nothing() {
    let name = format!("compat/{}:latest", unique("cut"));
    let image = marked(&name, &name);
    let archive = image.archive();
    let reply = post_bytes("/images/load?quiet=1", &archive[..archive.len() / 2]);
    let failed = reply.head.status >= 400 || reply.text().contains("\"error\"");
    assert!(failed, "{} {}", reply.head.status, reply.text());
    get(&format!("/images/{name}/json")).expect(404);
    get(&format!("/images/{}/json", image.id())).expect(404);
}

fn load_of_garbage_is_refused() {
    let reply = post_bytes("/images/load?quiet=1", &[b'x'; 4096]);
    let failed = reply.head.status >= 400 || reply.text().contains("\"error\"");
    assert!(failed, "{} {}", reply.head.status, reply.text());
}

fn load_keeps_configuration_and_layers() {
    let config = json!({
        "Cmd": ["/a", "b c"], "Entrypoint": ["/entry"], "Env": ["A=1", "B=two words"],
        "WorkingDir": "/work", "User": "app:extra", "Labels": { "one": "1", "two": "" },
        "ExposedPorts": { "80/tcp": {} }, "Volumes": { "/data": {} }, "StopSignal": "SIGINT",
    });
    let loaded = Loaded::with("kept", config.clone());
    let inspected = loaded.inspect();
    for (key, value) in config.as_object().unwrap() {
        assert_eq!(&inspected["Config"][key], value, "{key}");
    }
    assert_eq!(inspected["Id"], json!(loaded.id));
    assert_eq!(inspected["Architecture"], "amd64");
    assert_eq!(inspected["Os"], "linux");
}

fn a_loaded_image_of_several_layers_runs() {
    let name = format!("compat/{}:latest", unique("layers"));
    let image = marked(&name, "here I am");
    let _guard = Loaded::load(&image);
    let container = Container::create(json!({ "Image": name, "Cmd": ["cat", "/etc/mark"] }));
    let (code, output) = container.run();
    assert_eq!((code, output.out()), (0, "here I am".into()));
}

fn whiteouts_of_upper_layers_hide_lower_files() {
    let name = format!("compat/{}:latest", unique("whiteout"));
    let mut image = marked(&name, &name);
    let lower = vch_compat_tests::image::Layer::default()
        .folder("opaque", 0o755)
        .file("opaque/lower", 0o644, b"")
        .folder("plain", 0o755)
        .file("plain/gone", 0o644, b"")
        .file("plain/kept", 0o644, b"");
    let upper = vch_compat_tests::image::Layer::default()
        .folder("opaque", 0o755)
        .file("opaque/.wh..wh..opq", 0o644, b"")
        .file("opaque/upper", 0o644, b"")
        .file("plain/.wh.gone", 0o644, b"")
        .file("etc/.wh.mark", 0o644, b"");
    image.layers.extend([lower.tar(), upper.tar()]);
    let _guard = Loaded::load(&image);
    let script = "ls -A /opaque /plain; ls /etc/mark";
    let container = Container::create(json!({ "Image": name, "Cmd": ["sh", "-c", script] }));
    let (code, output) = container.run();
    assert_eq!((code, output.out().as_str()), (1, "/opaque:\nupper\n\n/plain:\nkept\n"), "{output:?}");
}

fn import_gives_an_image_that_runs() {
    let repository = format!("compat/{}", unique("imported"));
    let path = format!("/images/create?fromSrc=-&repo={repository}&tag=one&message=by+hand");
    let reply = post_bytes(&path, &busybox_layer()).expect(200);
    let lines = reply.json_lines();
    let id = lines.last().unwrap()["status"].as_str().unwrap().to_owned();
    assert!(id.starts_with("sha256:"), "{lines:?}");
    let image = Loaded { tag: format!("{repository}:one"), id };
    let inspected = image.inspect();
    assert_eq!(inspected["RepoTags"], json!([image.tag]));
    assert_eq!(inspected["Comment"], "by hand");
    assert_eq!(inspected["RootFS"]["Layers"], json!([busybox_layer_digest()]));
    let container = Container::create(json!({ "Image": image.tag, "Cmd": ["/bin/echo", "imported"] }));
    assert_eq!(container.run().1.out(), "imported\n");
}

fn busybox_layer_digest() -> String {
    vch_compat_tests::image::digest(&busybox().layers[0])
}

fn import_takes_gzip_and_changes() {
    let repository = format!("compat/{}", unique("changed"));
    let mut path = format!("/images/create?fromSrc=-&repo={repository}");
    let changes = [
        "CMD [\"/bin/sh\", \"-c\", \"echo $GREETING in $PWD\"]",
        "ENV GREETING=hello",
        "WORKDIR /tmp",
        "LABEL a=b",
        "USER app",
    ];
    for change in changes {
        path += &format!("&changes={}", encode(change));
    }
    let packed = through("gzip", &["-c"], &busybox_layer());
    let reply = post_bytes(&path, &packed).expect(200);
    let id = reply.json_lines().last().unwrap()["status"].clone();
    let image = Loaded { tag: format!("{repository}:latest"), id: id.as_str().unwrap().into() };
    let inspected = image.inspect();
    assert_eq!(inspected["Config"]["Labels"], json!({ "a": "b" }));
    assert_eq!(inspected["Config"]["User"], "app");
    let container = Container::create(json!({ "Image": image.tag }));
    assert_eq!(container.run().1.out(), "hello in /tmp\n");
}

fn import_with_a_bad_reference_is_refused() {
    let path = "/images/create?fromSrc=-&repo=Compat/UPPER";
    post_bytes(path, &busybox_layer()).refuses(400, "must be lowercase");
}

fn import_of_garbage_leaves_nothing() {
    let repository = format!("compat/{}", unique("garbage"));
    let path = format!("/images/create?fromSrc=-&repo={repository}");
    let reply = post_bytes(&path, &[b'x'; 4096]);
    let failed = reply.head.status >= 400 || reply.text().contains("\"error\"");
    assert!(failed, "{} {}", reply.head.status, reply.text());
    get(&format!("/images/{repository}/json")).expect(404);
}
