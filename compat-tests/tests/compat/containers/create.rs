//! Create: names, what is refused, what is kept.

use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    tests![
        create_gives_an_id_and_warnings,
        a_name_is_given_where_none_is_asked_for,
        a_taken_name_is_a_conflict,
        a_name_is_free_again_after_removal,
        a_bad_name_is_refused,
        a_missing_image_is_not_found,
        a_bad_reference_is_refused,
        no_command_is_refused,
        an_image_id_is_as_good_as_a_name,
        entrypoint_and_command_of_the_image_are_merged,
        a_command_given_as_text_is_taken,
        a_missing_network_is_refused_at_the_latest_by_start,
        bad_limits_are_refused,
        auto_remove_with_a_restart_policy_is_refused,
        a_bad_restart_policy_is_refused,
        a_bad_capability_is_refused_at_the_latest_by_start,
        a_relative_working_directory_is_refused,
        a_failed_create_frees_the_name,
        twenty_at_once_get_twenty_ids,
    ]
}

#[track_caller]
fn refused(body: &Value) -> vch_compat_tests::raw::Reply {
    let mut body = body.clone();
    if body.get("Image").is_none() {
        body["Image"] = json!(BUSYBOX);
    }
    post_json("/containers/create", &body)
}

fn create_gives_an_id_and_warnings() {
    let body = json!({ "Image": BUSYBOX, "Cmd": ["true"] });
    let reply = post_json("/containers/create", &body).expect(201);
    assert_eq!(reply.head.header("Content-Type"), Some("application/json"));
    let reply = reply.json();
    let id = reply["Id"].as_str().unwrap();
    let _guard = Container::adopt(id);
    assert_eq!(id.len(), 64);
    assert!(id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)));
    assert_eq!(reply["Warnings"], json!([]));
}

fn a_name_is_given_where_none_is_asked_for() {
    let container = Container::sh("true");
    let name = container.inspect()["Name"].as_str().unwrap().to_owned();
    assert!(name.starts_with('/') && name.contains('_'), "{name}");
    let by_name = get(&format!("/containers{name}/json")).expect(200).json();
    assert_eq!(by_name["Id"], json!(container.id));
}

fn a_taken_name_is_a_conflict() {
    let name = unique("taken");
    let path = format!("/containers/create?name={name}");
    let first = Container::create_as(&path, json!({ "Cmd": ["true"] }));
    let body = json!({ "Image": BUSYBOX, "Cmd": ["true"] });
    post_json(&path, &body).refuses(
        409,
        &format!(
            "Conflict. The container name \"/{name}\" is already in use by container \"{}\". You have to remove (or \
             rename) that container to be able to reuse that name.",
            first.id
        ),
    );
}

fn a_name_is_free_again_after_removal() {
    let path = format!("/containers/create?name={}", unique("free"));
    for _ in 0..3 {
        drop(Container::create_as(&path, json!({ "Cmd": ["true"] })));
    }
}

fn a_bad_name_is_refused() {
    for name in ["a b", "-x", "_x", "ä", "a/b", "x:y"] {
        let path = format!("/containers/create?name={}", encode(name));
        let body = json!({ "Image": BUSYBOX, "Cmd": ["true"] });
        post_json(&path, &body)
            .refuses(400, &format!("Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"));
    }
}

fn a_missing_image_is_not_found() {
    refused(&json!({ "Image": "compat/nope", "Cmd": ["true"] })).refuses(404, "No such image: compat/nope:latest");
    refused(&json!({ "Image": "compat/nope:1", "Cmd": ["true"] })).refuses(404, "No such image: compat/nope:1");
}

fn a_bad_reference_is_refused() {
    refused(&json!({ "Image": "compat/UPPER", "Cmd": ["true"] })).refuses(400, "must be lowercase");
    refused(&json!({ "Image": "a//b", "Cmd": ["true"] })).refuses(400, "invalid reference format");
}

fn no_command_is_refused() {
    let layer = vch_compat_tests::image::Layer::default().file("x", 0o644, b"no command");
    let image = vch_compat_tests::image::Image {
        tag: Some(format!("compat/{}:latest", unique("no-command"))),
        layers: vec![layer.tar()],
        created: vch_compat_tests::image::CREATED.into(),
        config: json!({}),
    };
    image.load();
    refused(&json!({ "Image": image.id() })).refuses(400, "no command specified");
    delete(&format!("/images/{}", image.id())).expect(200);
}

fn an_image_id_is_as_good_as_a_name() {
    let id = vch_compat_tests::image::busybox().id();
    for name in [id.as_str(), &id[7..], &id[7..19], "docker.io/compat/busybox"] {
        let container = Container::create(json!({ "Image": name, "Cmd": ["true"] }));
        let inspected = container.inspect();
        assert_eq!(inspected["Image"], json!(id));
        assert_eq!(inspected["Config"]["Image"], json!(name));
    }
}

fn entrypoint_and_command_of_the_image_are_merged() {
    let tag = format!("compat/{}:latest", unique("merged"));
    let mut image = vch_compat_tests::image::marked(&tag, &tag);
    image.config["Entrypoint"] = json!(["echo", "entry"]);
    image.config["Cmd"] = json!(["image"]);
    image.load();
    let output = |body: Value| {
        let mut body = body;
        body["Image"] = json!(tag);
        Container::create(body).run().1.out()
    };
    assert_eq!(output(json!({})), "entry image\n");
    assert_eq!(output(json!({ "Cmd": ["own"] })), "entry own\n");
    assert_eq!(output(json!({ "Entrypoint": ["echo", "other"] })), "other\n");
    assert_eq!(output(json!({ "Entrypoint": ["echo", "other"], "Cmd": ["own"] })), "other own\n");
    assert_eq!(
        output(json!({ "Entrypoint": [""], "Cmd": ["echo", "bare"] })),
        "bare\n",
        "an empty entrypoint takes the image's away"
    );
    delete(&format!("/images/{tag}")).expect(200);
}

fn a_command_given_as_text_is_taken() {
    let container = Container::create(json!({ "Cmd": "true" }));
    assert_eq!(container.inspect()["Config"]["Cmd"], json!(["true"]));
    assert_eq!(container.run().0, 0);
}

/// Creates and starts what may be refused by either; the refusal.
#[track_caller]
fn refused_by_create_or_start(body: &Value) -> String {
    let reply = refused(body);
    if reply.head.status != 201 {
        let status = reply.head.status;
        assert!((400..500).contains(&status) || status == 501, "{status}: {}", reply.text());
        return reply.text();
    }
    let container = Container::adopt(reply.json()["Id"].as_str().unwrap());
    let reply = container.post("/start");
    assert!(reply.head.status >= 400, "started: {body}");
    assert_eq!(container.inspect()["State"]["Running"], false);
    reply.text()
}

fn a_missing_network_is_refused_at_the_latest_by_start() {
    let network = unique("no-such-network");
    let body = json!({ "Cmd": ["true"], "HostConfig": { "NetworkMode": network } });
    let text = refused_by_create_or_start(&body);
    assert!(text.to_lowercase().contains("network"), "{text}");
}

fn bad_limits_are_refused() {
    for (host, words) in [
        (json!({ "Memory": 1 << 20 }), "minimum memory limit allowed is"),
        (json!({ "Memory": 64 << 20, "MemorySwap": 32 << 20 }), "minimum memoryswap limit should be larger than"),
        (json!({ "NanoCpus": 1_000_000_000_000_i64 }), "range of CPUs is from"),
        (json!({ "NanoCpus": 500_000_000, "CpuQuota": 5000 }), "conflicting options"),
        (json!({ "ShmSize": -1 }), "SHM size can not be less than 0"),
        (json!({ "OomScoreAdj": 2000 }), "oom score"),
    ] {
        let reply = refused(&json!({ "Cmd": ["true"], "HostConfig": host }));
        assert_eq!(reply.head.status, 400, "{host}: {}", reply.text());
        reply.refuses(400, words);
    }
}

fn auto_remove_with_a_restart_policy_is_refused() {
    let host = json!({ "AutoRemove": true, "RestartPolicy": { "Name": "always" } });
    refused(&json!({ "Cmd": ["true"], "HostConfig": host }))
        .refuses(400, "can't create 'AutoRemove' container with restart policy");
}

fn a_bad_restart_policy_is_refused() {
    let with = |policy: Value| refused(&json!({ "Cmd": ["true"], "HostConfig": { "RestartPolicy": policy } }));
    with(json!({ "Name": "frobnicate" })).refuses(400, "invalid restart policy");
    with(json!({ "Name": "always", "MaximumRetryCount": 3 })).refuses(400, "maximum retry count can");
    with(json!({ "Name": "on-failure", "MaximumRetryCount": -1 }))
        .refuses(400, "maximum retry count cannot be negative");
}

fn a_bad_capability_is_refused_at_the_latest_by_start() {
    let body = json!({ "Cmd": ["true"], "HostConfig": { "CapAdd": ["CAP_FROBNICATE"] } });
    let text = refused_by_create_or_start(&body);
    assert!(text.to_lowercase().contains("capability"), "{text}");
}

fn a_relative_working_directory_is_refused() {
    refused(&json!({ "Cmd": ["true"], "WorkingDir": "relative" }))
        .refuses(400, "the working directory 'relative' is invalid, it needs to be an absolute path");
}

fn a_failed_create_frees_the_name() {
    let name = unique("undone");
    let path = format!("/containers/create?name={name}");
    let body = json!({ "Image": BUSYBOX, "Cmd": ["true"], "WorkingDir": "relative" });
    post_json(&path, &body).expect(400);
    get(&format!("/containers/{name}/json")).expect(404);
    drop(Container::create_as(&path, json!({ "Cmd": ["true"] })));
}

fn twenty_at_once_get_twenty_ids() {
    let threads: Vec<_> = (0..20).map(|_| std::thread::spawn(|| Container::sh("true"))).collect();
    let made: Vec<Container> = threads.into_iter().map(|t| t.join().unwrap()).collect();
    let ids: std::collections::HashSet<&str> = made.iter().map(|c| c.id.as_str()).collect();
    assert_eq!(ids.len(), 20);
}
