//! Containers and execs, inspected and listed.

use super::{STORAGE_DRIVER, host};
use crate::version::Version;
use crate::wire::config::{Config, Healthcheck};
use crate::wire::inspect::{self, Container, GraphDriver, HealthcheckResult, MountPoint, State};
use crate::wire::list::{Port, Summary, SummaryHost, SummaryNetworks};
use crate::wire::network::{EndpointSettings, NetworkSettings};
use crate::wire::{Empty, Words, exec as wire};
use base64::Engine;
use base64::engine::general_purpose;
use std::collections::BTreeMap;
use vch_engine::container::health::Health;
use vch_engine::container::spec::{ContainerSpec, Healthcheck as Check};
use vch_engine::container::state::Status;
use vch_engine::container::view::{ContainerSummary, ContainerView, ExecView};

/// An inspected container.
pub(crate) fn container(view: &ContainerView, _version: Version) -> Container {
    let (spec, state) = (&view.spec, &view.state);
    let file =
        |name: &str| if view.directory.is_empty() { String::new() } else { format!("{}/{name}", view.directory) };
    Container {
        id: view.id.clone(),
        created: view.created.rfc3339_nano(),
        path: view.path.clone(),
        args: view.args.clone(),
        state: State {
            status: state.status.word(),
            running: state.status.is_running(),
            paused: state.status == Status::Paused,
            restarting: state.status == Status::Restarting,
            oom_killed: state.oom_killed,
            dead: state.status == Status::Dead,
            pid: state.pid,
            exit_code: state.exit_code,
            error: state.error.clone(),
            started_at: state.started_at.rfc3339_nano(),
            finished_at: state.finished_at.rfc3339_nano(),
            health: state.health.as_ref().map(health),
        },
        image: view.image_id.clone(),
        resolv_conf_path: file("resolv.conf"),
        hostname_path: file("hostname"),
        hosts_path: file("hosts"),
        log_path: view.log_path.clone(),
        name: format!("/{}", view.name),
        restart_count: state.restart_count,
        driver: STORAGE_DRIVER,
        platform: view.platform.split('/').next().unwrap_or_default().to_owned(),
        mount_label: "",
        process_label: "",
        app_armor_profile: "",
        exec_ids: (!view.exec_ids.is_empty()).then(|| view.exec_ids.clone()),
        host_config: host::host_config(&spec.host),
        graph_driver: GraphDriver { data: None, name: STORAGE_DRIVER },
        size_rw: view.size_rw,
        size_root_fs: view.size_root_fs,
        mounts: mounts(spec),
        config: config(spec, &view.id),
        network_settings: NetworkSettings {
            ports: if state.status.has_machine() {
                spec.exposed_ports.iter().map(|port| (port.clone(), None)).collect()
            } else {
                BTreeMap::new()
            },
            networks: networks(spec),
            ..NetworkSettings::default()
        },
    }
}

/// A container's health.
fn health(health: &Health) -> inspect::Health {
    let log = health.log.iter().map(|result| HealthcheckResult {
        start: result.start.rfc3339_nano(),
        end: result.end.rfc3339_nano(),
        exit_code: result.exit_code,
        output: result.output.clone(),
    });
    inspect::Health { status: health.status.word(), failing_streak: health.failing_streak, log: log.collect() }
}

/// A container in a list.
pub(crate) fn summary(summary: &ContainerSummary, version: Version) -> Summary {
    let spec = &summary.spec;
    Summary {
        id: summary.id.clone(),
        names: vec![format!("/{}", summary.name)],
        image: summary.image.clone(),
        image_id: summary.image_id.clone(),
        command: summary.command.clone(),
        created: summary.created.unix(),
        ports: if summary.state.status.has_machine() { ports(spec) } else { Vec::new() },
        size_rw: summary.size_rw,
        size_root_fs: summary.size_root_fs,
        labels: spec.labels.clone(),
        state: summary.state.status.word(),
        status: summary.status.clone(),
        host_config: SummaryHost {
            network_mode: spec.host.network_mode.clone(),
            annotations: if version.since(46) { spec.host.annotations.clone() } else { BTreeMap::new() },
        },
        network_settings: SummaryNetworks { networks: networks(spec) },
        mounts: mounts(spec),
    }
}

/// The network that a container is on, by name; its addresses are empty, since there is nothing but loopback.
fn networks(spec: &ContainerSpec) -> BTreeMap<String, EndpointSettings> {
    if spec.network_disabled || spec.host.network_mode.starts_with("container:") {
        return BTreeMap::new();
    }
    let name = match spec.host.network_mode.as_str() {
        "" | "default" => "bridge",
        other => other,
    };
    BTreeMap::from([(name.to_owned(), EndpointSettings::default())])
}

fn ports(spec: &ContainerSpec) -> Vec<Port> {
    let port = |text: &String| {
        let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        Some(Port { private_port: number.parse().ok()?, protocol: protocol.to_owned() })
    };
    spec.exposed_ports.iter().filter_map(port).collect()
}

fn mounts(spec: &ContainerSpec) -> Vec<MountPoint> {
    let tmpfs = spec.host.tmpfs_mounts.iter().map(|mount| MountPoint {
        kind: "tmpfs",
        source: String::new(),
        destination: mount.target.clone(),
        mode: String::new(),
        writable: !mount.read_only,
        propagation: String::new(),
    });
    tmpfs.collect()
}

fn config(spec: &ContainerSpec, id: &str) -> Config {
    Config {
        hostname: if spec.hostname.is_empty() { id.chars().take(12).collect() } else { spec.hostname.clone() },
        domainname: spec.domainname.clone(),
        user: spec.user.clone(),
        attach_stdin: spec.attach_stdin,
        attach_stdout: spec.attach_stdout,
        attach_stderr: spec.attach_stderr,
        exposed_ports: set(&spec.exposed_ports),
        tty: spec.tty,
        open_stdin: spec.open_stdin,
        stdin_once: spec.stdin_once,
        env: Some(spec.env.clone()),
        cmd: spec.cmd.clone().map(Words),
        healthcheck: spec.healthcheck.as_ref().map(healthcheck),
        args_escaped: spec.args_escaped,
        image: spec.image.clone(),
        volumes: (!spec.volumes.is_empty()).then(|| set(&spec.volumes)),
        working_dir: spec.working_dir.clone(),
        entrypoint: spec.entrypoint.clone().map(Words),
        network_disabled: spec.network_disabled,
        mac_address: String::new(),
        on_build: (!spec.on_build.is_empty()).then(|| spec.on_build.clone()),
        labels: spec.labels.clone(),
        stop_signal: spec.stop_signal.clone().unwrap_or_default(),
        stop_timeout: spec.stop_timeout,
        shell: spec.shell.clone().map(Words),
    }
}

/// A set as Docker writes it.
pub(super) fn set(items: &std::collections::BTreeSet<String>) -> BTreeMap<String, Empty> {
    items.iter().map(|item| (item.clone(), Empty {})).collect()
}

/// A health check.
pub(super) fn healthcheck(check: &Check) -> Healthcheck {
    Healthcheck {
        test: check.test.clone(),
        interval: check.interval,
        timeout: check.timeout,
        start_period: check.start_period,
        start_interval: check.start_interval,
        retries: check.retries,
    }
}

/// An inspected exec.
pub(crate) fn exec(view: &ExecView) -> wire::Exec {
    let spec = &view.spec;
    wire::Exec {
        id: view.id.clone(),
        running: view.running,
        exit_code: view.exit_code,
        process_config: wire::ProcessConfig {
            tty: spec.tty,
            entrypoint: spec.cmd.first().cloned().unwrap_or_default(),
            arguments: spec.cmd.iter().skip(1).cloned().collect(),
            privileged: spec.privileged,
            user: spec.user.clone(),
        },
        open_stdin: spec.attach_stdin,
        open_stderr: spec.attach_stderr,
        open_stdout: spec.attach_stdout,
        // Set by dockerd at the moment when it forgets the exec.
        can_remove: false,
        container_id: view.container.clone(),
        // Bytes to Go, hence base64.
        detach_keys: general_purpose::STANDARD.encode(detach_bytes(&spec.detach_keys)),
        pid: view.pid,
    }
}

/// `ctrl-p,ctrl-q` as the bytes that a terminal sends (moby `term.ToBytes`); nothing for the default.
fn detach_bytes(keys: &str) -> Vec<u8> {
    let byte = |key: &str| match key.strip_prefix("ctrl-").map(str::as_bytes) {
        Some([letter @ (b'a'..=b'z' | b'@' | b'['..=b'_')]) => Some(letter.to_ascii_uppercase() - 64),
        _ => key.bytes().next(),
    };
    keys.split(',').filter_map(byte).collect()
}
