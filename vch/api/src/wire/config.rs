//! `Config`: the part of a container that does not depend on the host (moby `api/types/container/config.go`).

use super::{Empty, Words, is_default, object};
use std::collections::BTreeMap;

object! {
    /// A container's configuration.
    Config {
        "Hostname" hostname: String,
        "Domainname" domainname: String,
        "User" user: String,
        "AttachStdin" attach_stdin: bool,
        "AttachStdout" attach_stdout: bool,
        "AttachStderr" attach_stderr: bool,
        #[serde(skip_serializing_if = "is_default")]
        "ExposedPorts" exposed_ports: BTreeMap<String, Empty>,
        "Tty" tty: bool,
        "OpenStdin" open_stdin: bool,
        "StdinOnce" stdin_once: bool,
        "Env" env: Option<Vec<String>>,
        "Cmd" cmd: Option<Words>,
        #[serde(skip_serializing_if = "is_default")]
        "Healthcheck" healthcheck: Option<Healthcheck>,
        #[serde(skip_serializing_if = "is_default")]
        "ArgsEscaped" args_escaped: bool,
        "Image" image: String,
        "Volumes" volumes: Option<BTreeMap<String, Empty>>,
        "WorkingDir" working_dir: String,
        "Entrypoint" entrypoint: Option<Words>,
        #[serde(skip_serializing_if = "is_default")]
        "NetworkDisabled" network_disabled: bool,
        #[serde(skip_serializing_if = "is_default")]
        "MacAddress" mac_address: String,
        "OnBuild" on_build: Option<Vec<String>>,
        "Labels" labels: BTreeMap<String, String>,
        #[serde(skip_serializing_if = "is_default")]
        "StopSignal" stop_signal: String,
        #[serde(skip_serializing_if = "is_default")]
        "StopTimeout" stop_timeout: Option<i64>,
        #[serde(skip_serializing_if = "is_default")]
        "Shell" shell: Option<Words>,
    }
}

object! {
    /// A health check; durations in nanoseconds.
    Healthcheck {
        #[serde(skip_serializing_if = "is_default")]
        "Test" test: Vec<String>,
        #[serde(skip_serializing_if = "is_default")]
        "Interval" interval: i64,
        #[serde(skip_serializing_if = "is_default")]
        "Timeout" timeout: i64,
        #[serde(skip_serializing_if = "is_default")]
        "StartPeriod" start_period: i64,
        #[serde(skip_serializing_if = "is_default")]
        "StartInterval" start_interval: i64,
        #[serde(skip_serializing_if = "is_default")]
        "Retries" retries: i64,
    }
}
