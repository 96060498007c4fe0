//! `POST /commit`: containers become images.

use vch_compat_tests::cli::docker;
use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    let mut tests = tests![
        changes_are_in_the_image,
        a_running_container_stands_still_meanwhile,
        a_running_container_need_not_stand_still,
        a_container_that_never_ran_adds_no_layer,
        a_stopped_container_is_committed,
        deletions_are_in_the_image,
        files_keep_what_they_are,
        instructions_change_the_config,
        an_entry_point_takes_the_command_away,
        a_body_is_filled_in_from_the_container,
        a_commit_of_a_commit_runs,
        bad_commits_are_refused,
        an_event_tells_of_it,
        the_program_commits,
    ];
    let newer = tests![a_stop_signal_is_taken].into_iter();
    tests.extend(newer.map(|t| t.older_differs(42, "does not take it there")));
    tests
}

/// An image made by a commit, removed when dropped.
struct Committed {
    id: String,
}

impl Committed {
    #[track_caller]
    fn of(container: &Container, query: &str) -> Self {
        let reply = post_json(&format!("/commit?container={}&{query}", container.id), &json!(null)).expect(201);
        Self::adopt(reply.json()["Id"].as_str().unwrap())
    }

    fn adopt(id: &str) -> Self {
        assert!(id.starts_with("sha256:"), "{id}");
        Self { id: id.to_owned() }
    }

    #[track_caller]
    fn inspect(&self) -> Value {
        get(&format!("/images/{}/json", self.id)).expect(200).json()
    }

    /// What a script prints in a container of it.
    #[track_caller]
    fn run(&self, script: &str) -> String {
        let container = Container::create(json!({ "Image": self.id, "Cmd": ["sh", "-c", script] }));
        container.start();
        container.wait();
        container.logs().out()
    }
}

impl Drop for Committed {
    fn drop(&mut self) {
        let reply = delete(&format!("/images/{}?force=1&noprune=1", self.id));
        assert!(std::thread::panicking() || reply.head.status == 200, "{}", reply.text());
    }
}

fn base() -> Value {
    get(&format!("/images/{BUSYBOX}/json")).expect(200).json()
}

fn changes_are_in_the_image() {
    let container = Container::idle();
    container.exec_sh("echo kept > /root/f; mkdir -p /new/dir");
    let tag = unique("committed");
    let image = Committed::of(&container, &format!("repo=compat/{tag}&tag=one&author=me&comment=a%20remark"));
    assert_eq!(image.run("cat /root/f; ls -d /new/dir"), "kept\n/new/dir\n");
    let said = image.inspect();
    assert_eq!(said["RepoTags"], json!([format!("compat/{tag}:one")]));
    assert_eq!((&said["Author"], &said["Comment"]), (&json!("me"), &json!("a remark")));
    assert_eq!((&said["Os"], &said["Architecture"]), (&json!("linux"), &json!("amd64")));
    let (layers, below) = (&said["RootFS"]["Layers"], base()["RootFS"]["Layers"].clone());
    assert_eq!(layers.as_array().unwrap().len(), below.as_array().unwrap().len() + 1);
    assert_eq!(layers[0], below[0]);
    let history = get(&format!("/images/{}/history", image.id)).expect(200).json();
    let last = &history[0];
    assert_eq!((&last["Id"], &last["Comment"]), (&json!(image.id), &json!("a remark")));
    assert!(last["CreatedBy"].as_str().unwrap().starts_with("sh -c trap"), "{last}");
    assert!(last["Size"].as_i64().unwrap() > 0, "{last}");
    assert_eq!(last["Tags"], json!([format!("compat/{tag}:one")]));
    assert_eq!(history.as_array().unwrap().len(), 2);
}

fn states_told(container: &Container, since: f64) -> Vec<String> {
    let wanted = filters(&json!({ "container": [container.id], "event": ["pause", "unpause", "commit"] }));
    let path = format!("/events?since={since:.9}&until={:.9}&{wanted}", now());
    let told = get(&path).expect(200).json_lines();
    told.iter().map(|event| event["Action"].as_str().unwrap().to_owned()).collect()
}

fn now() -> f64 {
    crate::time::seconds(&get("/info").expect(200).json()["SystemTime"])
}

fn a_running_container_stands_still_meanwhile() {
    let container = Container::idle();
    let since = now();
    let _image = Committed::of(&container, "");
    assert_eq!(states_told(&container, since), ["pause", "commit", "unpause"]);
    assert_eq!(container.inspect()["State"]["Status"], "running");
    assert_eq!(container.exec_sh("true").0, 0);
}

fn a_running_container_need_not_stand_still() {
    let container = Container::idle();
    container.exec_sh("echo 1 > /root/f");
    let since = now();
    let image = Committed::of(&container, "pause=0");
    assert_eq!(states_told(&container, since), ["commit"]);
    assert_eq!(image.run("cat /root/f"), "1\n");
}

fn a_container_that_never_ran_adds_no_layer() {
    let container = Container::sh("echo hi");
    let image = Committed::of(&container, "");
    assert_eq!(image.inspect()["RootFS"]["Layers"], base()["RootFS"]["Layers"]);
    let history = get(&format!("/images/{}/history", image.id)).expect(200).json();
    assert_eq!((&history[0]["Size"], &history[0]["CreatedBy"]), (&json!(0), &json!("sh -c echo hi")));
    let again = Container::create(json!({ "Image": image.id }));
    assert_eq!(again.run().1.out(), "hi\n");
}

fn a_stopped_container_is_committed() {
    let container = Container::sh("echo made > /root/f");
    assert_eq!(container.run().0, 0);
    let image = Committed::of(&container, "");
    assert_eq!(image.run("cat /root/f"), "made\n");
    assert_eq!(container.inspect()["State"]["Status"], "exited");
}

fn deletions_are_in_the_image() {
    let container = Container::idle();
    container.exec_sh("rm /etc/group; rm -r /home; mkdir /home; echo 1 > /home/f; rm -r /var");
    let image = Committed::of(&container, "");
    assert_eq!(image.run("ls /etc/group /var 2>&1 | wc -l; find /home"), "2\n/home\n/home/f\n");
}

fn files_keep_what_they_are() {
    let container = Container::idle();
    container.exec_sh(
        "cd /root; echo 1 > f; chown 1000:1001 f; chmod 4750 f; ln f g; ln -s f l; mkfifo p; mknod n c 1 3; \
         touch -d '2001-02-03 04:05:06' f; long=$(printf 'x%.0s' $(seq 200)); echo long > $long",
    );
    let image = Committed::of(&container, "");
    let script = "cd /root; stat -c '%a %u %g %h %Y %F' f p n; readlink l; cat xxxxx*; test g -ef f && echo same";
    let expected = "4750 1000 1001 2 981173106 regular file\n644 0 0 1 TIME fifo\n644 0 0 1 TIME character special file\n\
                    f\nlong\nsame\n";
    let printed = image.run(script);
    // The times of the other two are those of their making.
    let masked: Vec<String> = printed
        .lines()
        .map(|line| match line.split(' ').collect::<Vec<_>>()[..] {
            [a, b, c, d, _, ref rest @ ..] if rest != ["regular", "file"] => {
                format!("{a} {b} {c} {d} TIME {}\n", rest.join(" "))
            }
            _ => format!("{line}\n"),
        })
        .collect();
    assert_eq!(masked.concat(), expected);
}

fn instructions_change_the_config() {
    let container = Container::create(json!({ "Cmd": ["sh"], "Env": ["A=1", "B=2"], "Labels": { "own": "x" } }));
    let changes = [
        "CMD [\"cat\",\"/etc/passwd\"]",
        "ENV B=3 C=4",
        "EXPOSE 80 53/udp",
        "LABEL k=v",
        "ONBUILD RUN true",
        "USER app",
        "VOLUME /data",
        "WORKDIR /srv",
        "HEALTHCHECK --interval=5s CMD true",
    ];
    let query: Vec<String> = changes.iter().map(|change| format!("changes={}", encode(change))).collect();
    let image = Committed::of(&container, &query.join("&"));
    let config = image.inspect()["Config"].clone();
    assert_eq!(config["Cmd"], json!(["cat", "/etc/passwd"]));
    let env: Vec<&str> = config["Env"].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
    assert_eq!(env[..2], ["A=1", "B=3"]);
    assert!(env.contains(&"C=4") && env.iter().any(|v| v.starts_with("PATH=")), "{env:?}");
    assert_eq!(config["ExposedPorts"], json!({ "53/udp": {}, "80/tcp": {} }));
    assert_eq!(config["Labels"], json!({ "k": "v", "own": "x" }));
    assert_eq!(config["OnBuild"], json!(["RUN true"]));
    assert_eq!((&config["User"], &config["WorkingDir"]), (&json!("app"), &json!("/srv")));
    assert_eq!(config["Volumes"], json!({ "/data": {} }));
    assert_eq!(config["Healthcheck"]["Test"], json!(["CMD-SHELL", "true"]));
    assert_eq!(config["Healthcheck"]["Interval"], json!(5_000_000_000_i64));
}

fn a_stop_signal_is_taken() {
    let container = Container::sh("true");
    let image = Committed::of(&container, "changes=STOPSIGNAL%20SIGINT");
    assert_eq!(image.inspect()["Config"]["StopSignal"], "SIGINT");
}

fn an_entry_point_takes_the_command_away() {
    let container = Container::create(json!({ "Cmd": ["from", "container"] }));
    let of = |changes: &[&str]| {
        let query: Vec<String> = changes.iter().map(|change| format!("changes={}", encode(change))).collect();
        let config = Committed::of(&container, &query.join("&")).inspect()["Config"].clone();
        (config["Entrypoint"].clone(), config["Cmd"].clone())
    };
    assert_eq!(of(&["ENTRYPOINT [\"e\"]"]), (json!(["e"]), json!(null)));
    assert_eq!(of(&["CMD [\"c\"]", "ENTRYPOINT [\"e\"]"]), (json!(["e"]), json!(["c"])));
    assert_eq!(of(&["ENTRYPOINT [\"e\"]", "CMD [\"c\"]"]), (json!(["e"]), json!(["c"])));
    assert_eq!(of(&[]), (json!(null), json!(["from", "container"])));
}

fn a_body_is_filled_in_from_the_container() {
    let container = Container::create(json!({ "Cmd": ["old"], "Env": ["A=1", "B=2"], "User": "app" }));
    let body = json!({ "Cmd": ["new"], "Env": ["A=3"], "Labels": { "by": "body" } });
    let reply = post_json(&format!("/commit?container={}", container.id), &body).expect(201);
    let image = Committed::adopt(reply.json()["Id"].as_str().unwrap());
    let config = image.inspect()["Config"].clone();
    assert_eq!((&config["Cmd"], &config["User"]), (&json!(["new"]), &json!("app")));
    assert_eq!(config["Labels"], json!({ "by": "body" }));
    let env = config["Env"].as_array().unwrap();
    assert!(env.contains(&json!("A=3")) && env.contains(&json!("B=2")) && !env.contains(&json!("A=1")), "{env:?}");
}

fn a_commit_of_a_commit_runs() {
    let first = Container::sh("echo one > /root/a; rm /etc/group");
    first.run();
    let below = Committed::of(&first, "");
    let second = Container::create(json!({ "Image": below.id, "Cmd": ["sh", "-c", "echo two > /root/b; rm /root/a"] }));
    second.run();
    let image = Committed::of(&second, "");
    assert_eq!(image.run("cat /root/*; ls /etc/group 2>&1"), "two\nls: /etc/group: No such file or directory\n");
    assert_eq!(image.inspect()["RootFS"]["Layers"].as_array().unwrap().len(), 3);
    // What is told of a container is what it changed, not what its image did.
    let again = Container::create(json!({ "Image": image.id, "Cmd": ["touch", "/root/c"] }));
    again.run();
    let told = get(&again.path("/changes")).expect(200).json();
    assert_eq!(told, json!([{ "Path": "/root", "Kind": 0 }, { "Path": "/root/c", "Kind": 1 }]));
    drop((first, second, again));
    drop(image);
}

fn bad_commits_are_refused() {
    post_json("/commit?container=no-such", &json!(null)).refuses(404, "No such container: no-such");
    let container = Container::sh("true");
    let commit = |query: &str| post_json(&format!("/commit?container={}&{query}", container.id), &json!(null));
    commit("changes=RUN%20x").refuses(400, "run is not a valid change command");
    commit("changes=SHELL%20%5B%22x%22%5D").refuses(400, "shell is not a valid change command");
    let reply = commit("repo=Upper");
    let status = reply.head.status;
    assert!(matches!(status, 400 | 500), "dockerd's versions differ: {status}");
    reply.refuses(status, "must be lowercase");
}

fn an_event_tells_of_it() {
    let container = Container::sh("true");
    let since = now();
    let tag = unique("told");
    let image = Committed::of(&container, &format!("repo={tag}&comment=why"));
    let wanted = filters(&json!({ "container": [container.id], "event": ["commit"] }));
    let told = get(&format!("/events?since={since:.9}&until={:.9}&{wanted}", now())).expect(200).json_lines();
    let attributes = &told[0]["Actor"]["Attributes"];
    assert_eq!((&attributes["comment"], &attributes["imageID"]), (&json!("why"), &json!(image.id)));
    // dockerd tells the tag since it is always there.
    let name = attributes["imageRef"].as_str().unwrap();
    assert!(name == tag || name == format!("{tag}:latest"), "{name}");
}

fn the_program_commits() {
    let container = Container::idle();
    container.exec_sh("echo typed > /root/f");
    let tag = unique("typed");
    let arguments = ["commit", "-a", "me", "-m", "a remark", "-c", "CMD [\"cat\", \"/root/f\"]", &container.id, &tag];
    let image = Committed::adopt(docker(&arguments).ok().trim());
    assert_eq!(docker(&["run", "--rm", &tag]).ok(), "typed\n");
    let history = docker(&["history", "--format", "{{.Comment}}", &tag]).ok();
    assert_eq!(history.lines().next(), Some("a remark"));
    assert_eq!(docker(&["inspect", "--format", "{{.Id}}", &tag]).ok().trim(), image.id);
}
