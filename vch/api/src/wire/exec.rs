//! Execs (moby `api/types/container/exec.go`, `api/types/backend.ExecInspect`).

use super::object;
use serde::Serialize;

object! {
    /// The body of `POST /containers/{name}/exec`.
    ExecOptions {
        "User" user: String,
        "Privileged" privileged: bool,
        "Tty" tty: bool,
        "ConsoleSize" console_size: Option<Vec<u64>>,
        "AttachStdin" attach_stdin: bool,
        "AttachStderr" attach_stderr: bool,
        "AttachStdout" attach_stdout: bool,
        "DetachKeys" detach_keys: String,
        "Env" env: Vec<String>,
        "WorkingDir" working_dir: String,
        "Cmd" cmd: Vec<String>,
    }
}

object! {
    /// The body of `POST /exec/{id}/start`.
    ExecStartOptions {
        "Detach" detach: bool,
        "Tty" tty: bool,
        "ConsoleSize" console_size: Option<Vec<u64>>,
    }
}

/// The answer to a created exec.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ExecCreated {
    pub(crate) id: String,
}

/// `GET /exec/{id}/json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Exec {
    #[serde(rename = "ID")]
    pub(crate) id: String,
    pub(crate) running: bool,
    pub(crate) exit_code: Option<i32>,
    pub(crate) process_config: ProcessConfig,
    pub(crate) open_stdin: bool,
    pub(crate) open_stderr: bool,
    pub(crate) open_stdout: bool,
    pub(crate) can_remove: bool,
    #[serde(rename = "ContainerID")]
    pub(crate) container_id: String,
    pub(crate) detach_keys: String,
    pub(crate) pid: u32,
}

/// What runs.
#[derive(Debug, Serialize)]
pub(crate) struct ProcessConfig {
    pub(crate) tty: bool,
    pub(crate) entrypoint: String,
    pub(crate) arguments: Vec<String>,
    pub(crate) privileged: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) user: String,
}
