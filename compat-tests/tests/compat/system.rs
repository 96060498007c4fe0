//! The engine about itself: ping, version, info, and the headers on every reply.

use crate::time;
use vch_compat_tests::prelude::*;

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = tests![
        ping_by_get_says_ok_with_its_headers,
        ping_by_head_has_the_headers_and_no_body,
        ping_answers_with_and_without_a_version,
        version_has_what_clients_read,
        info_has_what_clients_read,
        info_and_version_agree,
        every_reply_carries_the_engines_headers,
        a_node_without_swarm_says_so,
        there_are_no_plugins,
    ];
    let newer = tests![ping_names_the_builder_and_the_swarm];
    tests.extend(newer.into_iter().map(|t| t.since(42)));
    tests.extend(tests![info_counts_containers].into_iter().map(Test::alone));
    tests
}

fn ping_by_get_says_ok_with_its_headers() {
    let reply = engine().client.call("GET", "/_ping", &[], b"").expect(200);
    assert_eq!(reply.text(), "OK");
    let header = |name| reply.head.header(name).unwrap_or_default();
    let (major, minor) = engine().api;
    assert_eq!(header("Api-Version"), format!("{major}.{minor}"));
    assert_eq!(header("Ostype"), "linux");
    assert_eq!(header("Cache-Control"), "no-cache, no-store, must-revalidate");
    assert_eq!(header("Pragma"), "no-cache");
    assert_eq!(header("Docker-Experimental"), "false");
    assert!(header("Server").starts_with("Docker/"), "{:?}", reply.head);
    assert!(header("Content-Type").starts_with("text/plain"), "{:?}", reply.head);
}

fn ping_names_the_builder_and_the_swarm() {
    for method in ["GET", "HEAD"] {
        let head = engine().client.call(method, "/_ping", &[], b"").head;
        assert!(head.header("Builder-Version").is_some(), "{head:?}");
        assert_eq!(head.header("Swarm"), Some("inactive"), "{head:?}");
    }
}

fn ping_by_head_has_the_headers_and_no_body() {
    let reply = engine().client.call("HEAD", "/_ping", &[], b"").expect(200);
    assert_eq!(reply.head.header("Content-Length"), Some("0"));
    assert_eq!(reply.head.header("Ostype"), Some("linux"));
    assert!(reply.head.header("Api-Version").is_some());
    assert!(reply.body.is_empty());
}

fn ping_answers_with_and_without_a_version() {
    for path in ["/_ping", "/v1.24/_ping", "/v1.41/_ping"] {
        let reply = engine().client.call("GET", path, &[], b"").expect(200);
        assert_eq!(reply.text(), "OK", "{path}");
    }
}

fn version_has_what_clients_read() {
    let version = get("/version").expect(200).json();
    for key in ["Version", "ApiVersion", "MinAPIVersion", "GitCommit", "KernelVersion", "BuildTime"] {
        let value = version[key].as_str().unwrap_or_default();
        assert!(!value.is_empty(), "{key} in {version}");
    }
    assert_eq!(version["Os"], "linux");
    assert_eq!(version["Arch"], "amd64");
    assert!(version["Platform"]["Name"].is_string(), "{version}");
    let engine = &version["Components"][0];
    assert_eq!(engine["Name"], "Engine");
    assert_eq!(engine["Version"], version["Version"]);
    assert_eq!(engine["Details"]["ApiVersion"], version["ApiVersion"]);
    assert_eq!(engine["Details"]["Os"], "linux");
}

fn info_has_what_clients_read() {
    let info = get("/info").expect(200).json();
    for key in [
        "ID",
        "Driver",
        "KernelVersion",
        "OperatingSystem",
        "Name",
        "ServerVersion",
        "DockerRootDir",
        "IndexServerAddress",
        "CgroupDriver",
        "LoggingDriver",
    ] {
        let value = info[key].as_str().unwrap_or_default();
        assert!(!value.is_empty(), "{key} in {info}");
    }
    for key in ["Containers", "ContainersRunning", "ContainersPaused", "ContainersStopped", "Images"] {
        assert!(info[key].is_u64(), "{key} in {info}");
    }
    for key in ["MemoryLimit", "PidsLimit", "OomKillDisable", "IPv4Forwarding"] {
        assert!(info[key].is_boolean(), "{key} in {info}");
    }
    assert_eq!(info["OSType"], "linux");
    assert_eq!(info["Architecture"], "x86_64");
    assert!(info["NCPU"].as_u64() > Some(0));
    assert!(info["MemTotal"].as_u64() > Some(64 << 20));
    assert_eq!(info["Swarm"]["LocalNodeState"], "inactive");
    assert!(info["DriverStatus"].is_array());
    for kind in ["Volume", "Network", "Log"] {
        assert!(info["Plugins"][kind].is_array(), "{kind} in {info}");
    }
    let runtime = info["DefaultRuntime"].as_str().unwrap();
    assert!(info["Runtimes"][runtime].is_object(), "{info}");
    assert!(["1", "2"].map(|v| json!(v)).contains(&info["CgroupVersion"]));
    let insecure = &info["RegistryConfig"]["InsecureRegistryCIDRs"];
    assert!(insecure.as_array().is_some_and(|list| list.contains(&json!("127.0.0.0/8"))), "{insecure}");
    assert_eq!(info["RegistryConfig"]["IndexConfigs"]["docker.io"]["Official"], true);
    time::assert_is_a_time(&info["SystemTime"]);
}

fn info_and_version_agree() {
    let (info, version) = (get("/info").json(), get("/version").json());
    assert_eq!(info["ServerVersion"], version["Version"]);
    let server = get("/version").head;
    let server = server.header("Server").unwrap();
    assert_eq!(server, format!("Docker/{} (linux)", version["Version"].as_str().unwrap()));
}

fn every_reply_carries_the_engines_headers() {
    let refused = get("/containers/no-such-container/json").expect(404);
    for reply in [get("/version"), get("/containers/json"), refused] {
        let header = |name| reply.head.header(name).unwrap_or_default();
        assert!(!header("Api-Version").is_empty(), "{:?}", reply.head);
        assert_eq!(header("Ostype"), "linux");
        assert_eq!(header("Docker-Experimental"), "false");
        assert!(header("Server").starts_with("Docker/"), "{:?}", reply.head);
        assert_eq!(header("Content-Type"), "application/json");
    }
}

fn info_counts_containers() {
    let before = get("/info").json();
    let created = Container::sh("true");
    let running = Container::idle();
    let after = get("/info").json();
    let grew = |key: &str| after[key].as_i64().unwrap() - before[key].as_i64().unwrap();
    assert_eq!(grew("Containers"), 2);
    assert_eq!(grew("ContainersRunning"), 1);
    assert_eq!(grew("ContainersStopped"), 1);
    assert_eq!(grew("ContainersPaused"), 0);
    drop((created, running));
    let end = get("/info").json();
    assert_eq!(end["Containers"], before["Containers"]);
}

fn a_node_without_swarm_says_so() {
    for path in ["/swarm", "/nodes", "/services", "/tasks", "/secrets", "/configs"] {
        get(path).refuses(503, "This node is not a swarm manager.");
    }
}

fn there_are_no_plugins() {
    assert_eq!(get("/plugins").expect(200).json(), json!([]));
    get("/plugins/no-such/json").refuses(404, "not found");
}
