//! Inspect: everything that was asked for, told back as it was asked.

use crate::time::assert_is_a_time;
use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    tests![
        it_has_what_clients_read,
        what_was_asked_for_is_told_back,
        settings_of_restarts_and_logs_are_told_back,
        defaults_are_dockers,
        the_images_settings_are_merged_in,
        network_settings_have_their_shape,
        a_missing_container_is_not_found,
        size_is_told_where_asked_for,
        the_docker_program_can_format_it,
    ]
}

fn it_has_what_clients_read() {
    let container = Container::sh("true");
    let inspected = container.inspect();
    assert_eq!(inspected["Id"], json!(container.id));
    assert_eq!(inspected["Image"], json!(vch_compat_tests::image::busybox().id()));
    assert_eq!(inspected["Path"], "sh");
    assert_eq!(inspected["Args"], json!(["-c", "true"]));
    assert_is_a_time(&inspected["Created"]);
    assert_eq!(inspected["RestartCount"], 0);
    assert_eq!(inspected["Platform"], "linux");
    assert_eq!(inspected["ExecIDs"], Value::Null);
    assert_eq!(inspected["Mounts"], json!([]));
    for key in [
        "ResolvConfPath",
        "HostnamePath",
        "HostsPath",
        "LogPath",
        "Driver",
        "MountLabel",
        "ProcessLabel",
        "AppArmorProfile",
    ] {
        assert!(inspected[key].is_string(), "{key} in {inspected}");
    }
    assert!(inspected["GraphDriver"]["Name"].is_string(), "{inspected}");
    for key in ["State", "HostConfig", "Config", "NetworkSettings"] {
        assert!(inspected[key].is_object(), "{key}");
    }
    let config = &inspected["Config"];
    assert_eq!(config["Hostname"], json!(container.id[..12]));
    assert_eq!(config["Image"], json!(BUSYBOX));
    for key in ["Domainname", "User", "WorkingDir"] {
        assert_eq!(config[key], "", "{key}");
    }
    assert_eq!(config["Labels"], json!({}));
    assert_eq!(config["Volumes"], Value::Null);
    assert_eq!(config["Entrypoint"], Value::Null);
    assert_eq!(config["OnBuild"], Value::Null);
    assert_eq!(config.get("Healthcheck"), None);
    assert_eq!(inspected["State"].get("Health"), None);
}

fn what_was_asked_for_is_told_back() {
    let config = json!({
        "Hostname": "given", "Domainname": "example.org", "User": "app:extra", "Tty": true, "OpenStdin": true,
        "StdinOnce": true, "AttachStdin": true, "AttachStdout": true, "AttachStderr": false,
        "Env": ["A=1", "NO_VALUE", "B=two words"], "Cmd": ["sleep", "1"], "Entrypoint": ["/bin/sh", "-c"],
        "WorkingDir": "/tmp", "Labels": { "a.b/c": "d=e", "empty": "" }, "StopSignal": "SIGINT",
        "StopTimeout": 7, "ExposedPorts": { "80/tcp": {} }, "Image": BUSYBOX,
    });
    let host = json!({
        "Memory": 67_108_864, "MemorySwap": 134_217_728, "NanoCpus": 500_000_000, "CpuShares": 512, "PidsLimit": 50,
        "CapAdd": ["CAP_SYS_TIME"], "CapDrop": ["CAP_CHOWN"], "ReadonlyRootfs": true, "Tmpfs": { "/run": "size=1m" },
        "ShmSize": 1_048_576, "Init": true, "Privileged": false, "OomScoreAdj": 100, "NetworkMode": "none",
        "Ulimits": [{ "Name": "nofile", "Soft": 100, "Hard": 200 }], "GroupAdd": ["2000"],
        "ExtraHosts": ["one:10.0.0.1"], "SecurityOpt": ["no-new-privileges"],
        "Sysctls": { "net.ipv4.ip_forward": "1" },
        "LogConfig": { "Type": "json-file", "Config": {} },
    });
    let mut body = config.clone();
    body["HostConfig"] = host.clone();
    let inspected = Container::create(body).inspect();
    for (key, value) in config.as_object().unwrap() {
        if key != "Env" {
            assert_eq!(&inspected["Config"][key], value, "Config.{key}");
        }
    }
    let env = inspected["Config"]["Env"].as_array().unwrap();
    for entry in config["Env"].as_array().unwrap() {
        assert!(env.contains(entry), "{entry} in {env:?}");
    }
    for (key, value) in host.as_object().unwrap() {
        assert_eq!(&inspected["HostConfig"][key], value, "HostConfig.{key}");
    }
}

fn settings_of_restarts_and_logs_are_told_back() {
    let host = json!({
        "RestartPolicy": { "Name": "on-failure", "MaximumRetryCount": 3 },
        "LogConfig": { "Type": "json-file", "Config": { "max-size": "1m" } },
    });
    let inspected = Container::create(json!({ "Cmd": ["true"], "HostConfig": host })).inspect();
    for key in ["RestartPolicy", "LogConfig"] {
        assert_eq!(inspected["HostConfig"][key], host[key]);
    }
}

fn defaults_are_dockers() {
    let inspected = Container::sh("true").inspect();
    let host = &inspected["HostConfig"];
    // "" before dockerd 25.
    let policy = ["", "no"].map(|name| json!({ "Name": name, "MaximumRetryCount": 0 }));
    assert!(policy.contains(&host["RestartPolicy"]), "{}", host["RestartPolicy"]);
    assert_eq!(host["ShmSize"], 64 << 20);
    assert_eq!(host["Memory"], 0);
    assert_eq!(host["PidsLimit"], Value::Null);
    for key in ["Privileged", "AutoRemove", "ReadonlyRootfs", "PublishAllPorts"] {
        assert_eq!(host[key], false, "{key}");
    }
    for key in ["Binds", "CapAdd", "CapDrop", "Links", "VolumesFrom", "GroupAdd"] {
        assert_eq!(host[key], Value::Null, "{key}");
    }
    for masked in ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"] {
        let list = host["MaskedPaths"].as_array().unwrap();
        assert!(list.contains(&json!(masked)), "{masked} in {list:?}");
    }
    for path in ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"] {
        let list = host["ReadonlyPaths"].as_array().unwrap();
        assert!(list.contains(&json!(path)), "{path} in {list:?}");
    }
    assert_eq!(host["LogConfig"]["Type"], "json-file");
    assert!(host["LogConfig"]["Config"].is_object());
}

fn the_images_settings_are_merged_in() {
    let tag = format!("compat/{}:latest", unique("settings"));
    let mut image = vch_compat_tests::image::marked(&tag, &tag);
    image.config = json!({
        "Cmd": ["image"], "Entrypoint": ["echo"], "Env": ["A=image", "B=image"], "User": "app",
        "WorkingDir": "/tmp", "Labels": { "a": "image", "b": "image" }, "StopSignal": "SIGHUP",
        "ExposedPorts": { "80/tcp": {} },
    });
    image.load();
    let container = Container::create(json!({
        "Image": tag, "Env": ["B=own", "C=own"], "Labels": { "b": "own" },
    }));
    let config = container.inspect()["Config"].clone();
    let env = config["Env"].as_array().unwrap();
    for entry in ["A=image", "B=own", "C=own"] {
        assert!(env.contains(&json!(entry)), "{entry} in {env:?}");
    }
    assert!(!env.contains(&json!("B=image")), "{env:?}");
    assert_eq!(config["Labels"], json!({ "a": "image", "b": "own" }));
    assert_eq!(config["User"], "app");
    assert_eq!(config["WorkingDir"], "/tmp");
    assert_eq!(config["StopSignal"], "SIGHUP");
    assert_eq!(config["Entrypoint"], json!(["echo"]));
    assert_eq!(config["Cmd"], json!(["image"]));
    assert_eq!(config["ExposedPorts"], json!({ "80/tcp": {} }));
    drop(container);
    delete(&format!("/images/{tag}")).expect(200);
}

fn network_settings_have_their_shape() {
    let container = Container::create(json!({
        "Cmd": ["sleep", "1000"], "HostConfig": { "NetworkMode": "none" },
    }));
    container.start();
    let settings = container.inspect()["NetworkSettings"].clone();
    for key in ["IPAddress", "Gateway", "MacAddress", "SandboxID"] {
        assert!(settings[key].is_string(), "{key} in {settings}");
    }
    assert_eq!(settings["Ports"], json!({}));
    let none = &settings["Networks"]["none"];
    assert!(none.is_object(), "{settings}");
    for key in ["NetworkID", "EndpointID", "IPAddress", "MacAddress"] {
        assert!(none[key].is_string(), "{key} in {none}");
    }
}

fn size_is_told_where_asked_for() {
    let container = Container::sh("head -c 300000 /dev/urandom > /file");
    container.run();
    assert_eq!(container.inspect().get("SizeRw"), None);
    // Written back to the disk a moment after the end, where the disk is a machine's.
    eventually(SOON, "what was written is counted", || {
        let sized = get(&container.path("/json?size=1")).expect(200).json();
        let rw = sized["SizeRw"].as_i64().unwrap_or(0);
        (rw >= 300_000 && sized["SizeRootFs"].as_i64() > Some(rw)).then_some(())
    });
}

fn a_missing_container_is_not_found() {
    get("/containers/no-such/json").refuses(404, "No such container: no-such");
}

fn the_docker_program_can_format_it() {
    use vch_compat_tests::cli::docker;
    let container = Container::sh("exit 3");
    container.run();
    let format = "{{.State.Status}} {{.State.ExitCode}} {{json .Config.Cmd}} {{.HostConfig.NetworkMode}}";
    let shown = docker(&["inspect", "--format", format, &container.id]).ok();
    assert!(shown.starts_with(r#"exited 3 ["sh","-c","exit 3"] "#), "{shown}");
    docker(&["inspect", "compat-no-such"]).fails(1, "no such object: compat-no-such");
}
