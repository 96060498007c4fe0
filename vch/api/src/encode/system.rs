//! The daemon's version and facts, events, and what a login gave.

use super::STORAGE_DRIVER;
use crate::Api;
use crate::version::{CURRENT, OLDEST, Version};
use crate::wire::auth::AuthOutcome;
use crate::wire::event::{Actor, Message};
use crate::wire::system::{
    Commit, Component, Index, Info, Platform, Plugins, RegistryConfig, Runtime, Swarm, Version as WireVersion,
};
use std::collections::BTreeMap;
use vch_engine::events::{Event, Subject};
use vch_engine::image::view::LoginOutcome;
use vch_engine::info::Info as Facts;
use vch_engine::timestamp::Timestamp;

/// Go's word for this machine's architecture.
const ARCHITECTURE: &str = match std::env::consts::ARCH.as_bytes() {
    b"x86_64" => "amd64",
    b"aarch64" => "arm64",
    _ => std::env::consts::ARCH,
};

/// `GET /version`: the engine that is followed, vch itself, and what the hypervisor is.
pub(crate) fn version(facts: &Facts, api: &Api) -> WireVersion {
    let options = &api.options;
    let detail = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let (newest, oldest) = (CURRENT.to_string(), OLDEST.to_string());
    let engine = Component {
        name: "Engine",
        version: api.server_version.clone(),
        details: detail(&[
            ("ApiVersion", &newest),
            ("Arch", ARCHITECTURE),
            ("BuildTime", &options.build_time),
            ("Experimental", "false"),
            ("GitCommit", &options.commit),
            ("GoVersion", ""),
            ("KernelVersion", &facts.kernel_version),
            ("MinAPIVersion", &oldest),
            ("Os", "linux"),
        ]),
    };
    let own = Component {
        name: "vch",
        version: options.version.clone(),
        details: facts.machine_status.iter().cloned().collect(),
    };
    let kernel = Component { name: "guest kernel", version: facts.kernel_version.clone(), details: BTreeMap::new() };
    WireVersion {
        platform: Platform { name: "vch".into() },
        components: vec![engine, own, kernel],
        version: api.server_version.clone(),
        api_version: newest,
        min_api_version: oldest,
        git_commit: options.commit.clone(),
        go_version: String::new(),
        os: "linux",
        arch: ARCHITECTURE,
        kernel_version: facts.kernel_version.clone(),
        build_time: options.build_time.clone(),
    }
}

/// `GET /info`. What containers can have is said of the guest, since that is where they run.
pub(crate) fn info(facts: &Facts, server_version: &str, version: Version) -> Info {
    let legacy = version.before(50).then_some(false);
    Info {
        id: facts.id.clone(),
        containers: facts.containers,
        containers_running: facts.running,
        containers_paused: facts.paused,
        containers_stopped: facts.stopped,
        images: facts.images,
        driver: STORAGE_DRIVER,
        driver_status: facts.driver_status.iter().chain(&facts.machine_status).cloned().collect(),
        plugins: Plugins {
            volume: Vec::new(),
            network: vec!["host", "null"],
            authorization: None,
            log: vec!["journald", "json-file", "local", "syslog"],
        },
        memory_limit: true,
        swap_limit: true,
        cpu_cfs_period: true,
        cpu_cfs_quota: true,
        cpu_shares: true,
        cpu_set: true,
        pids_limit: true,
        ipv4_forwarding: false,
        debug: tracing::enabled!(tracing::Level::DEBUG),
        descriptors: facts.descriptors,
        oom_kill_disable: false,
        tasks: tokio::runtime::Handle::try_current().map_or(0, |runtime| runtime.metrics().num_alive_tasks()),
        system_time: Timestamp::now().rfc3339_nano(),
        logging_driver: facts.logging_driver.clone(),
        cgroup_driver: "cgroupfs",
        cgroup_version: "2",
        event_listeners: facts.event_listeners,
        kernel_version: facts.kernel_version.clone(),
        operating_system: facts.operating_system.clone(),
        os_version: facts.os_version.clone(),
        os_type: "linux",
        architecture: std::env::consts::ARCH,
        index_server_address: "https://index.docker.io/v1/",
        registry_config: registries(facts, version),
        cpus: facts.cpus,
        mem_total: facts.memory,
        generic_resources: None,
        docker_root_dir: facts.root.clone(),
        http_proxy: "",
        https_proxy: "",
        no_proxy: "",
        name: facts.name.clone(),
        labels: Vec::new(),
        experimental_build: false,
        server_version: server_version.to_owned(),
        runtimes: BTreeMap::from([("runc", Runtime { path: "vch-agent" })]),
        default_runtime: "runc",
        swarm: Swarm {
            node_id: "",
            node_addr: "",
            local_node_state: "inactive",
            control_available: false,
            error: "",
            remote_managers: None,
        },
        live_restore_enabled: false,
        isolation: "",
        init_binary: "vch-agent",
        containerd_commit: Commit::default(),
        runc_commit: Commit::default(),
        init_commit: Commit::default(),
        security_options: if version.before(25) { vec!["cgroupns"] } else { vec!["name=cgroupns"] },
        cdi_spec_dirs: Vec::new(),
        bridge_nf_iptables: legacy,
        bridge_nf_ip6tables: legacy,
        warnings: facts.warnings.clone(),
    }
}

/// Insecure registries as dockerd lists them: networks by themselves (loopback always), hosts as indexes.
fn registries(facts: &Facts, version: Version) -> RegistryConfig {
    let (networks, hosts): (Vec<String>, Vec<String>) =
        facts.insecure_registries.iter().cloned().partition(|registry| is_network(registry));
    let official = Index { name: "docker.io".into(), mirrors: facts.mirrors.clone(), secure: true, official: true };
    let insecure = |name: String| (name.clone(), Index { name, mirrors: Vec::new(), secure: false, official: false });
    RegistryConfig {
        insecure_networks: ["::1/128".to_owned(), "127.0.0.0/8".to_owned()].into_iter().chain(networks).collect(),
        index_configs: std::iter::once(("docker.io".to_owned(), official))
            .chain(hosts.into_iter().map(insecure))
            .collect(),
        mirrors: facts.mirrors.clone(),
        nondistributable_networks: version.before(47).then_some(None),
        nondistributable_hosts: version.before(47).then_some(None),
    }
}

fn is_network(registry: &str) -> bool {
    registry.split_once('/').is_some_and(|(address, _)| address.parse::<std::net::IpAddr>().is_ok())
}

/// An event; containers and images have the fields of old beside the new ones.
pub(crate) fn event(event: &Event) -> Message<'_> {
    let legacy = matches!(event.subject, Subject::Container | Subject::Image);
    let from = event.attributes.get("image").filter(|_| event.subject == Subject::Container);
    Message {
        status: legacy.then_some(event.action.as_str()),
        id: legacy.then_some(event.id.as_str()),
        from: from.map(String::as_str).filter(|image| !image.is_empty()),
        kind: event.subject.word(),
        action: &event.action,
        actor: Actor { id: &event.id, attributes: &event.attributes },
        scope: "local",
        time: event.time.unix(),
        time_nano: event.time.0,
    }
}

/// What a login gave.
pub(crate) fn login(outcome: LoginOutcome) -> AuthOutcome {
    AuthOutcome { identity_token: outcome.identity_token, status: outcome.status }
}
