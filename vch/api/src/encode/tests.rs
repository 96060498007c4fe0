//! Replies against what dockerd 28 sends.

use super::*;
use crate::version::negotiate;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use vch_engine::container::spec::{ContainerSpec, HostSpec};
use vch_engine::container::state::{State, Status};
use vch_engine::container::view::{ContainerSummary, ContainerView, ExecSpec, ExecView};
use vch_engine::events::{Event, Subject};
use vch_engine::image::view::{ImageDefaults, ImageSummary, ImageView};
use vch_engine::info::Info;
use vch_engine::timestamp::Timestamp;

fn version(text: &str) -> crate::version::Version {
    negotiate(Some(text)).unwrap()
}

fn json_of(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

fn spec() -> Arc<ContainerSpec> {
    Arc::new(ContainerSpec {
        image: "busybox".into(),
        attach_stdout: true,
        attach_stderr: true,
        env: vec!["PATH=/bin".into()],
        cmd: Some(vec!["sleep".into(), "9".into()]),
        exposed_ports: BTreeSet::from(["80/tcp".into()]),
        host: HostSpec {
            network_mode: "bridge".into(),
            ipc_mode: "private".into(),
            cgroupns_mode: "private".into(),
            runtime: "runc".into(),
            shm_size: 64 << 20,
            ..HostSpec::default()
        },
        ..ContainerSpec::default()
    })
}

fn view(status: Status) -> ContainerView {
    ContainerView {
        id: "0123456789abcdef".repeat(4),
        name: "web".into(),
        created: Timestamp(1_700_000_000_120_000_000),
        image_id: "sha256:1".into(),
        image_manifest: None,
        platform: "linux/amd64".into(),
        path: "sleep".into(),
        args: vec!["9".into()],
        spec: spec(),
        state: State { status, pid: 42, started_at: Timestamp(1_700_000_001_000_000_000), ..State::default() },
        log_path: "/d/web.log".into(),
        directory: "/d".into(),
        exec_ids: Vec::new(),
        size_rw: None,
        size_root_fs: None,
    }
}

#[test]
fn an_inspected_container_is_as_dockerd_shows_it() {
    let shown = json_of(&container(&view(Status::Running), version("1.50")));
    let golden: Value = serde_json::from_str(include_str!("../../tests/inspect-28.json")).unwrap();
    assert_eq!(shown, golden);
    let text = serde_json::to_string(&container(&view(Status::Running), version("1.50"))).unwrap();
    assert!(text.starts_with(r#"{"Id":"0123"#), "members in Go's order: {text}");
}

#[test]
fn what_depends_on_the_state_changes_with_it() {
    let mut exited = view(Status::Exited);
    exited.exec_ids = vec!["e".into()];
    exited.size_rw = Some(0);
    let shown = json_of(&container(&exited, version("1.50")));
    assert_eq!(shown["State"]["Running"], json!(false));
    assert_eq!(shown["NetworkSettings"]["Ports"], json!({}));
    assert_eq!((&shown["ExecIDs"], &shown["SizeRw"]), (&json!(["e"]), &json!(0)));
    let paused = json_of(&container(&view(Status::Paused), version("1.50")));
    assert_eq!((&paused["State"]["Running"], &paused["State"]["Paused"]), (&json!(true), &json!(true)));
}

#[test]
fn a_privileged_container_has_no_hidden_paths() {
    let mut privileged = view(Status::Created);
    let mut spec = ContainerSpec::clone(&privileged.spec);
    spec.host.privileged = true;
    privileged.spec = Arc::new(spec);
    let shown = json_of(&container(&privileged, version("1.50")));
    assert_eq!(
        (&shown["HostConfig"]["MaskedPaths"], &shown["HostConfig"]["ReadonlyPaths"]),
        (&Value::Null, &Value::Null)
    );
}

#[test]
fn every_known_field_of_host_config_is_shown_or_left_out_as_by_dockerd() {
    let left_out =
        ["Annotations", "StorageOpt", "Tmpfs", "Sysctls", "KernelMemory", "KernelMemoryTCP", "Mounts", "Init"];
    let shown = json_of(&container(&view(Status::Created), version("1.50")));
    for field in crate::wire::host::HostConfig::FIELDS {
        assert_eq!(shown["HostConfig"].get(field).is_some(), !left_out.contains(field), "{field}");
    }
}

#[test]
fn a_container_in_a_list() {
    let item = ContainerSummary {
        id: "a".into(),
        name: "web".into(),
        image: "busybox".into(),
        image_id: "sha256:1".into(),
        command: "sleep 9".into(),
        created: Timestamp(1_700_000_000_000_000_000),
        spec: spec(),
        state: State { status: Status::Running, ..State::default() },
        status: "Up 2 seconds".into(),
        size_rw: None,
        size_root_fs: None,
    };
    let shown = json_of(&summary(&item, version("1.50")));
    assert_eq!(shown["NetworkSettings"]["Networks"]["bridge"]["IPAddress"], json!(""));
    let mut without_networks = shown.clone();
    without_networks["NetworkSettings"] = json!(null);
    assert_eq!(
        without_networks,
        json!({
            "Id": "a", "Names": ["/web"], "Image": "busybox", "ImageID": "sha256:1", "Command": "sleep 9", "Created": 1_700_000_000,
            "Ports": [{"PrivatePort": 80, "Type": "tcp"}], "Labels": {}, "State": "running", "Status": "Up 2 seconds",
            "HostConfig": {"NetworkMode": "bridge"}, "NetworkSettings": null, "Mounts": []
        })
    );
}

#[test]
fn an_inspected_exec() {
    let view = ExecView {
        id: "e".into(),
        container: "c".into(),
        spec: ExecSpec {
            cmd: vec!["ls".into(), "-l".into()],
            detach_keys: "ctrl-p,ctrl-q".into(),
            attach_stdout: true,
            ..ExecSpec::default()
        },
        running: false,
        exit_code: Some(3),
        pid: 7,
    };
    assert_eq!(
        json_of(&exec(&view)),
        json!({
            "ID": "e", "Running": false, "ExitCode": 3,
            "ProcessConfig": {"tty": false, "entrypoint": "ls", "arguments": ["-l"], "privileged": false},
            "OpenStdin": false, "OpenStderr": false, "OpenStdout": true, "CanRemove": false, "ContainerID": "c", "DetachKeys": "EBE=", "Pid": 7
        })
    );
}

fn image_view() -> ImageView {
    ImageView {
        id: "sha256:1".into(),
        repo_tags: vec!["busybox:latest".into()],
        repo_digests: Vec::new(),
        parent: String::new(),
        comment: String::new(),
        created: Some("2024-01-02T03:04:05Z".into()),
        author: String::new(),
        docker_version: String::new(),
        architecture: "amd64".into(),
        variant: String::new(),
        os: "linux".into(),
        os_version: String::new(),
        size: 5,
        defaults: ImageDefaults { cmd: Some(vec!["sh".into()]), ..ImageDefaults::default() },
        layers: vec!["sha256:2".into()],
        last_tag_time: Timestamp::ZERO,
    }
}

#[test]
fn an_inspected_image_and_its_older_forms() {
    assert_eq!(
        json_of(&image(&image_view(), version("1.50"))),
        json!({
            "Id": "sha256:1", "RepoTags": ["busybox:latest"], "RepoDigests": [], "Parent": "", "Comment": "",
            "Created": "2024-01-02T03:04:05Z", "DockerVersion": "", "Author": "",
            "Config": {
                "Cmd": ["sh"], "Entrypoint": null, "Env": null, "Labels": null, "OnBuild": null, "User": "", "Volumes": null, "WorkingDir": ""
            },
            "Architecture": "amd64", "Os": "linux", "Size": 5, "GraphDriver": {"Data": null, "Name": "erofs"},
            "RootFS": {"Type": "layers", "Layers": ["sha256:2"]}, "Metadata": {"LastTagTime": "0001-01-01T00:00:00Z"}
        })
    );
    let older = json_of(&image(&image_view(), version("1.49")));
    assert_eq!((&older["Config"]["AttachStdin"], &older["Config"]["Hostname"]), (&json!(false), &json!("")));
    assert_eq!(older.get("VirtualSize"), None);
    let undated = ImageView { created: None, ..image_view() };
    assert_eq!(json_of(&image(&undated, version("1.44"))).get("Created"), None);
    let old = json_of(&image(&undated, version("1.43")));
    assert_eq!(older.get("ContainerConfig"), None);
    assert_eq!((&old["ContainerConfig"]["Volumes"], &old["ContainerConfig"]["Image"]), (&Value::Null, &json!("")));
    assert_eq!((&old["VirtualSize"], &old["Created"]), (&json!(5), &json!("0001-01-01T00:00:00Z")));
}

#[test]
fn an_image_in_a_list_and_its_older_forms() {
    let item = ImageSummary {
        id: "sha256:1".into(),
        parent: String::new(),
        repo_tags: Vec::new(),
        repo_digests: Vec::new(),
        created: 9,
        size: 5,
        shared_size: -1,
        containers: 2,
        labels: BTreeMap::new(),
    };
    assert_eq!(
        json_of(&image_summary(&item, version("1.50"))),
        json!({
            "Containers": 2, "Created": 9, "Id": "sha256:1", "Labels": null, "ParentId": "", "RepoDigests": [], "RepoTags": [],
            "SharedSize": -1, "Size": 5
        })
    );
    let old = json_of(&image_summary(&item, version("1.42")));
    assert_eq!((&old["RepoTags"], &old["RepoDigests"]), (&json!(["<none>:<none>"]), &json!(["<none>@<none>"])));
    assert_eq!(old["VirtualSize"], json!(5));
}

#[test]
fn events_keep_the_fields_of_old() {
    let told = |subject, attributes: &[(&str, &str)]| {
        let attributes = attributes.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        json_of(&event(&Event {
            subject,
            action: "start".into(),
            id: "i".into(),
            attributes,
            time: Timestamp(1_500_000_000),
        }))
    };
    assert_eq!(
        told(Subject::Container, &[("image", "busybox"), ("name", "web")]),
        json!({
            "status": "start", "id": "i", "from": "busybox", "Type": "container", "Action": "start",
            "Actor": {"ID": "i", "Attributes": {"image": "busybox", "name": "web"}}, "scope": "local", "time": 1, "timeNano": 1_500_000_000
        })
    );
    assert_eq!(told(Subject::Image, &[("image", "x")]).get("from"), None);
    assert_eq!(told(Subject::Network, &[]).get("status"), None);
}

#[test]
fn info_has_what_clients_read() {
    let facts = Info {
        kernel_version: "6.1.0-guest".into(),
        driver_status: vec![("Layers".into(), "3".into())],
        machine_status: vec![("Accelerator".into(), "tcg".into())],
        insecure_registries: vec!["10.0.0.0/8".into(), "registry.example:5000".into()],
        mirrors: vec!["https://mirror.example/".into()],
        ..Info::default()
    };
    let shown = json_of(&info(&facts, "28.2.2+vch.0.1.0", version("1.50")));
    assert_eq!(shown["RegistryConfig"]["Mirrors"], json!(["https://mirror.example/"]));
    assert_eq!(shown["Swarm"]["LocalNodeState"], json!("inactive"));
    assert_eq!(
        (&shown["OSType"], &shown["CgroupDriver"], &shown["CgroupVersion"]),
        (&json!("linux"), &json!("cgroupfs"), &json!("2"))
    );
    assert_eq!(shown["DriverStatus"], json!([["Layers", "3"], ["Accelerator", "tcg"]]));
    assert_eq!(shown["RegistryConfig"]["InsecureRegistryCIDRs"], json!(["::1/128", "127.0.0.0/8", "10.0.0.0/8"]));
    assert_eq!(shown["RegistryConfig"]["IndexConfigs"]["registry.example:5000"]["Secure"], json!(false));
    assert_eq!(shown["RegistryConfig"]["IndexConfigs"]["docker.io"]["Mirrors"], json!(["https://mirror.example/"]));
    assert_eq!(shown["Runtimes"], json!({"runc": {"path": "vch-agent"}}));
    assert_eq!((shown.get("BridgeNfIptables"), shown.get("KernelMemory")), (None, None));
    assert_eq!(json_of(&info(&facts, "", version("1.49")))["BridgeNfIptables"], json!(false));
    assert_eq!(json_of(&info(&facts, "", version("1.24")))["SecurityOptions"], json!(["cgroupns"]));
    let old = json_of(&info(&facts, "", version("1.46")));
    assert_eq!(old["RegistryConfig"].get("AllowNondistributableArtifactsCIDRs"), Some(&Value::Null));
}
