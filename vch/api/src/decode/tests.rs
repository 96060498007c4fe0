//! A create as a client sends it: what comes of it, and dockerd's words where it is wrong.

use super::*;
use crate::version::negotiate;
use proptest::prelude::*;
use serde_json::{Value, json};
use vch_engine::container::spec::{ContainerSpec, TmpfsMount, Ulimit};

fn create(body: Value) -> Result<(ContainerSpec, Vec<String>)> {
    create_as(body, None)
}

fn create_as(body: Value, version: Option<&str>) -> Result<(ContainerSpec, Vec<String>)> {
    container(serde_json::from_value(body).unwrap(), negotiate(version).unwrap())
}

/// Status and words of a create with this `HostConfig`.
fn refusal(host: Value) -> (u16, String) {
    let error = create(json!({"Image": "busybox", "HostConfig": host})).unwrap_err();
    (error.status.as_u16(), error.message)
}

#[test]
fn what_the_cli_sends_for_a_plain_run_is_taken() {
    let body = include_str!("../../tests/create-by-cli-28.json");
    let (spec, warnings) = create(serde_json::from_str(body).unwrap()).unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!((spec.image.as_str(), spec.cmd.as_deref()), ("busybox", Some(&["true".to_owned()][..])));
    assert!(spec.attach_stdout && spec.attach_stderr && !spec.attach_stdin && spec.host.auto_remove);
    let host = &spec.host;
    assert_eq!(
        (host.network_mode.as_str(), host.ipc_mode.as_str(), host.cgroupns_mode.as_str(), host.runtime.as_str()),
        ("bridge", "private", "private", "runc")
    );
    assert_eq!((host.shm_size, host.restart.name.as_str(), host.console_size), (64 << 20, "no", [24, 80]));
    assert_eq!((host.resources.pids_limit, host.log.driver.as_str()), (None, ""));
}

#[test]
fn fields_arrive_where_they_belong() {
    let (spec, _) = create(json!({
        "Image": "a", "Hostname": "h", "User": "u:g", "Env": ["A=b", "C"], "WorkingDir": "/a/../b//c/", "Tty": true,
        "Entrypoint": "sh", "Cmd": [], "Labels": {"l": "v"}, "ExposedPorts": {"80/tcp": {}}, "StopSignal": "SIGINT", "StopTimeout": 3,
        "HostConfig": {
            "Memory": 64 << 20, "CapAdd": ["net_admin", "CAP_SYS_TIME", "all"], "CapDrop": "chown", "Init": true,
            "Tmpfs": {"/t": "size=1m,noexec"}, "Mounts": [{"Type": "tmpfs", "Target": "/m/", "TmpfsOptions": {"SizeBytes": 5, "Mode": 448}}],
            "Ulimits": [{"Name": "nofile", "Soft": 1, "Hard": 2}], "ExtraHosts": ["a:1.2.3.4", "b:::1"], "MaskedPaths": [],
            "SecurityOpt": ["no-new-privileges", "seccomp=unconfined", "label=disable"], "StorageOpt": {"size": "2G"},
            "Devices": [{"PathOnHost": "/dev/fuse"}], "Sysctls": {"net.core.somaxconn": "9"}, "PidsLimit": 7, "ReadonlyRootfs": true
        }
    }))
    .unwrap();
    assert_eq!((spec.hostname.as_str(), spec.user.as_str(), spec.working_dir.as_str()), ("h", "u:g", "/b/c"));
    assert_eq!((spec.entrypoint, spec.cmd), (Some(vec!["sh".into()]), Some(vec![])));
    assert_eq!((spec.stop_signal.as_deref(), spec.stop_timeout), (Some("SIGINT"), Some(3)));
    let host = spec.host;
    assert_eq!(
        (host.resources.memory, host.resources.memory_swap, host.resources.pids_limit),
        (64 << 20, 128 << 20, Some(7))
    );
    assert_eq!(host.cap_add, ["CAP_NET_ADMIN", "CAP_SYS_TIME", "ALL"]);
    assert_eq!(host.cap_drop, ["CAP_CHOWN"]);
    assert_eq!(host.tmpfs_mounts, [TmpfsMount { target: "/m".into(), size: 5, mode: 0o700, read_only: false }]);
    assert_eq!(host.ulimits, [Ulimit { name: "nofile".into(), soft: 1, hard: 2 }]);
    assert_eq!((host.masked_paths, host.readonly_paths), (Some(vec![]), None));
    assert_eq!(
        (host.devices[0].path_in_container.as_str(), host.devices[0].cgroup_permissions.as_str()),
        ("/dev/fuse", "rwm")
    );
    assert!(host.readonly_rootfs && host.init == Some(true));
}

#[test]
fn invalid_values_of_config_are_told_in_dockers_words() {
    for (body, words) in [
        (json!({}), "config cannot be empty in order to create a container"),
        (json!({"HostConfig": {}}), "config cannot be empty in order to create a container"),
        (json!({"Env": ["=a"]}), "invalid environment variable: =a"),
        (json!({"Env": [""]}), "invalid environment variable: "),
        (json!({"StopSignal": "FOO"}), "invalid signal: FOO"),
        (json!({"WorkingDir": "a"}), "the working directory 'a' is invalid, it needs to be an absolute path"),
        (json!({"Healthcheck": {"Interval": 5}}), "Interval in Healthcheck cannot be less than 1ms"),
        (json!({"Healthcheck": {"Retries": -1}}), "Retries in Healthcheck cannot be negative"),
        (json!({"Hostname": "a", "HostConfig": {"UTSMode": "host"}}), "conflicting options: hostname and the UTS mode"),
        (
            json!({"Hostname": "a", "HostConfig": {"NetworkMode": "container:b"}}),
            "conflicting options: hostname and the network mode",
        ),
    ] {
        let error = create(body.clone()).unwrap_err();
        assert_eq!((error.status.as_u16(), error.message.as_str()), (400, words), "{body}");
    }
}

#[test]
fn invalid_values_of_host_config_are_told_in_dockers_words() {
    for (host, words) in [
        (json!({"Memory": 1}), "Minimum memory limit allowed is 6MB"),
        (json!({"Memory": -5}), "Minimum memory limit allowed is 6MB"),
        (json!({"MemorySwap": 5}), "You should always set the Memory limit when using Memoryswap limit, see usage"),
        (
            json!({"Memory": 8 << 20, "MemorySwap": 7 << 20}),
            "Minimum memoryswap limit should be larger than memory limit, see usage",
        ),
        (json!({"MemoryReservation": 5}), "Minimum memory reservation allowed is 6MB"),
        (json!({"MemorySwappiness": 101}), "Invalid value: 101, valid memory swappiness range is 0-100"),
        (json!({"CpuShares": -1}), "invalid CPU shares (-1): value must be a positive integer"),
        (json!({"NanoCpus": 1, "CpuQuota": 1}), "Conflicting options: Nano CPUs and CPU Quota cannot both be set"),
        (
            json!({"CpuPeriod": 1}),
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
        ),
        (json!({"CpuQuota": 1}), "CPU cfs quota can not be less than 1ms (i.e. 1000)"),
        (json!({"CpusetCpus": "a"}), "Invalid value a for cpuset cpus"),
        (json!({"CpuRealtimePeriod": 1}), "kernel does not support CPU real-time scheduler"),
        (
            json!({"IOMaximumBandwidth": 1}),
            "invalid option: QoS maximum bandwidth configuration is not supported on linux",
        ),
        (json!({"CapAdd": ["foo"]}), r#"invalid CapAdd: unknown capability: "CAP_FOO""#),
        (json!({"CapDrop": ["CAP_FOO"]}), r#"invalid CapDrop: unknown capability: "CAP_FOO""#),
        (
            json!({"AutoRemove": true, "RestartPolicy": {"Name": "always"}}),
            "can't create 'AutoRemove' container with restart policy",
        ),
        (
            json!({"RestartPolicy": {"Name": "always", "MaximumRetryCount": 1}}),
            "invalid restart policy: maximum retry count can only be used with 'on-failure'",
        ),
        (
            json!({"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": -1}}),
            "invalid restart policy: maximum retry count cannot be negative",
        ),
        (
            json!({"RestartPolicy": {"Name": "often"}}),
            "invalid restart policy: unknown policy 'often'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'",
        ),
        (json!({"IpcMode": "x"}), "invalid IPC mode: x"),
        (json!({"PidMode": "x"}), "invalid PID mode: x"),
        (json!({"PidMode": "container:"}), "invalid PID mode: container:"),
        (json!({"UTSMode": "x"}), "invalid UTS mode: x"),
        (json!({"CgroupnsMode": "x"}), "invalid cgroup namespace mode: x"),
        (json!({"Isolation": "hyperv"}), "invalid isolation (hyperv): linux only supports 'default'"),
        (json!({"ShmSize": -1}), "SHM size can not be less than 0"),
        (json!({"OomScoreAdj": 2000}), "Invalid value 2000, range for oom score adj is [-1000, 1000]"),
        (json!({"Runtime": "runsc"}), "unknown or invalid runtime name: runsc"),
        (json!({"ExtraHosts": ["a"]}), r#"bad format for add-host: "a""#),
        (json!({"ExtraHosts": ["a:b"]}), r#"invalid IP address in add-host: "b""#),
        (json!({"Dns": ["a"]}), r#"bad nameserver address: "a""#),
        (json!({"SecurityOpt": ["x"]}), r#"invalid --security-opt 1: "x""#),
        (json!({"SecurityOpt": ["x=y"]}), r#"invalid --security-opt 2: "x=y""#),
        (json!({"SecurityOpt": ["no-new-privileges=x"]}), r#"invalid --security-opt 2: "no-new-privileges=x""#),
        (json!({"Ulimits": [{"Name": "x"}]}), "invalid ulimit type: x"),
        (
            json!({"Ulimits": [{"Name": "core", "Soft": 2, "Hard": 1}]}),
            "ulimit soft limit must be less than or equal to hard limit: 2 > 1",
        ),
        (json!({"PortBindings": {"x/tcp": []}}), r#"invalid port specification: "x""#),
        (json!({"PortBindings": {"80/tcp": [{"HostPort": "99999"}]}}), r#"invalid port specification: "99999""#),
        (json!({"Tmpfs": {"t": ""}}), "invalid mount path: 't' mount path must be absolute"),
        (json!({"Tmpfs": {"/": ""}}), "invalid specification: destination can't be '/'"),
        (json!({"Tmpfs": {"/t": "size=1,foo"}}), r#"invalid tmpfs option "foo""#),
        (
            json!({"Mounts": [{"Type": "x", "Target": "/t"}]}),
            r#"invalid mount config for type "x": mount type unknown"#,
        ),
        (
            json!({"Mounts": [{"Type": "tmpfs"}]}),
            r#"invalid mount config for type "tmpfs": field Target must not be empty"#,
        ),
        (
            json!({"Mounts": [{"Type": "tmpfs", "Target": "/t", "Source": "s"}]}),
            r#"invalid mount config for type "tmpfs": field Source must not be specified"#,
        ),
        (
            json!({"Mounts": [{"Type": "bind", "Target": "/t", "Source": "s"}]}),
            r#"invalid mount config for type "bind": invalid mount path: 's' mount path must be absolute"#,
        ),
        (json!({"NetworkMode": "container:"}), "invalid network mode: invalid container format container:<name|id>"),
        (
            json!({"Annotations": {"": "x"}}),
            "invalid Annotations: the empty string is not permitted as an annotation key",
        ),
    ] {
        assert_eq!(refusal(host.clone()), (400, words.to_owned()), "{host}");
    }
}

#[test]
fn what_is_not_done_is_refused_by_name() {
    for (host, begins) in [
        (json!({"Binds": ["/a:/b"]}), "HostConfig.Binds is not supported: "),
        (json!({"PortBindings": {"80/tcp": [{"HostPort": "8080"}]}}), "HostConfig.PortBindings is not supported: "),
        (json!({"PublishAllPorts": true}), "HostConfig.PublishAllPorts is not supported: "),
        (json!({"VolumesFrom": ["a"]}), "HostConfig.VolumesFrom is not supported: "),
        (json!({"VolumeDriver": "a"}), "HostConfig.VolumeDriver is not supported: "),
        (json!({"Links": ["a"]}), "HostConfig.Links is not supported: "),
        (json!({"CgroupParent": "a"}), "HostConfig.CgroupParent is not supported: "),
        (json!({"Cgroup": "a"}), "HostConfig.Cgroup is not supported: "),
        (json!({"BlkioWeight": 10}), "HostConfig.BlkioWeight is not supported: "),
        (
            json!({"BlkioDeviceReadBps": [{"Path": "/a", "Rate": 1}]}),
            "HostConfig.BlkioDeviceReadBps is not supported: ",
        ),
        (json!({"DeviceRequests": [{"Count": -1}]}), "HostConfig.DeviceRequests is not supported: "),
        (json!({"DeviceCgroupRules": ["c 1:3 r"]}), "HostConfig.DeviceCgroupRules is not supported: "),
        (json!({"NetworkMode": "web"}), r#"HostConfig.NetworkMode "web" is not supported: "#),
        (json!({"ExtraHosts": ["a:host-gateway"]}), r#"HostConfig.ExtraHosts "host-gateway" is not supported: "#),
        (json!({"SecurityOpt": ["seccomp={}"]}), r#"HostConfig.SecurityOpt "seccomp" is not supported: "#),
        (
            json!({"Mounts": [{"Type": "volume", "Target": "/t"}]}),
            r#"HostConfig.Mounts of type "volume" are not supported: "#,
        ),
        (json!({"StorageOpt": {"a": "b"}}), r#"HostConfig.StorageOpt "a" is not supported: "#),
    ] {
        let (status, words) = refusal(host.clone());
        assert_eq!(status, 501, "{host}: {words}");
        assert!(words.starts_with(begins), "{host}: {words}");
    }
    for (config, field) in [(json!({"Volumes": {"/a": {}}}), "Volumes"), (json!({"MacAddress": "a"}), "MacAddress")] {
        let error = create(config).unwrap_err();
        assert!(
            error.status == 501 && error.message.starts_with(&format!("Config.{field} is not supported")),
            "{error}"
        );
    }
}

#[test]
fn endpoints_may_only_repeat_the_containers_own_network() {
    let with = |endpoints: Value| create(json!({"Image": "a", "NetworkingConfig": {"EndpointsConfig": endpoints}}));
    assert!(with(json!({"default": {}})).is_ok());
    assert!(with(json!({"bridge": {"Aliases": [], "IPAMConfig": {}, "GwPriority": 3}})).is_ok());
    for (endpoints, status, words) in [
        (
            json!({"web": {}}),
            501,
            r#"NetworkingConfig.EndpointsConfig "web" is not supported: containers have a loopback interface only"#,
        ),
        (
            json!({"bridge": {"IPAMConfig": {"IPv4Address": "1.2.3.4"}}}),
            400,
            "user specified IP address is supported on user defined networks only",
        ),
        (
            json!({"bridge": {"Aliases": ["a"]}}),
            400,
            "network-scoped alias is supported only for containers in user defined networks",
        ),
        (
            json!({"bridge": {"MacAddress": "02:00:00:00:00:01"}}),
            501,
            "EndpointSettings.MacAddress is not supported: containers have a loopback interface only",
        ),
    ] {
        let error = with(endpoints).unwrap_err();
        assert_eq!((error.status.as_u16(), error.message.as_str()), (status, words));
    }
}

#[test]
fn what_dockerd_discards_with_a_warning_is_warned_of() {
    let warned = |host: Value| create(json!({"Image": "a", "HostConfig": host})).unwrap().1;
    assert_eq!(
        warned(json!({"MemorySwappiness": -1, "KernelMemory": 5, "OomKillDisable": false})),
        Vec::<String>::new()
    );
    assert_eq!(
        warned(json!({"MemorySwappiness": 50})),
        [
            "Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded."
        ]
    );
    assert_eq!(
        warned(json!({"OomKillDisable": true})),
        ["Your kernel does not support OomKillDisable. OomKillDisable discarded."]
    );
    assert_eq!(warned(json!({"CpuPercent": 50})), ["linux does not support CPU percent. Percent discarded."]);
    let old = create_as(json!({"Image": "a", "HostConfig": {"KernelMemory": 8 << 20}}), Some("1.41")).unwrap().1;
    assert!(old[0].starts_with("Your kernel does not support kernel memory limit"), "{old:?}");
}

#[test]
fn unknown_fields_are_passed_over() {
    assert!(create(json!({"Image": "a", "Colour": "red", "HostConfig": {"Shape": {"round": true}}})).is_ok());
}

#[test]
fn paths_are_cleaned_as_go_cleans_them() {
    for (path, clean) in [("/", "/"), ("/a/", "/a"), ("/a//b/./c/..", "/a/b"), ("/../..", "/")] {
        assert_eq!(clean_path(path), clean);
    }
}

#[test]
fn platforms_are_objects_with_os_and_architecture() {
    assert_eq!(platform_object(r#"{"os":"linux","architecture":"amd64"}"#).unwrap().os, "linux");
    let words = |text| platform_object(text).unwrap_err().message;
    assert_eq!(words(r#"{"os":"linux"}"#), "both OS and Architecture must be provided");
    assert_eq!(words("{}"), "both OS and Architecture must be provided");
    assert_eq!(words(r#"{"variant":"v8"}"#), "optional platform fields provided, but OS and Architecture are missing");
    assert!(words("linux/amd64").starts_with("failed to parse platform: "));
}

#[test]
fn terminal_sizes_are_two_numbers_that_fit() {
    assert_eq!(console_size(Some(vec![24, 80])), Some([24, 80]));
    for size in [None, Some(vec![]), Some(vec![24]), Some(vec![24, 80, 1]), Some(vec![24, 70_000])] {
        assert_eq!(console_size(size), None);
    }
}

/// Any JSON, members named as a create's are likely to be.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~]{0,12}".prop_map(Value::from),
    ];
    let fields = crate::wire::config::Config::FIELDS.iter().chain(crate::wire::host::HostConfig::FIELDS);
    let names: Vec<&'static str> =
        fields.copied().chain(["HostConfig", "NetworkingConfig", "EndpointsConfig", "Type"]).collect();
    leaf.prop_recursive(4, 64, 8, move |inner| {
        let key = prop_oneof![proptest::sample::select(names.clone()).prop_map(str::to_owned), "[ -~]{0,8}"];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(key, inner, 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_create_makes_it_panic(body in any_json()) {
        if let Ok(request) = serde_json::from_value::<CreateRequest>(body) {
            let _ = container(request, negotiate(None).unwrap());
        }
    }

    #[test]
    fn no_value_of_host_config_makes_it_panic(
        field in proptest::sample::select(crate::wire::host::HostConfig::FIELDS),
        value in any_json(),
    ) {
        let body = json!({"Image": "a", "HostConfig": {field: value}});
        if let Ok(request) = serde_json::from_value::<CreateRequest>(body) {
            let _ = container(request, negotiate(Some("1.41")).unwrap());
        }
    }
}
