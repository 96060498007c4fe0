//! How a container, an exec or an image is shown to those who ask; plain data that the API turns into JSON.

use super::spec::ContainerSpec;
use super::state::State;
use crate::timestamp::Timestamp;
use std::sync::Arc;

/// A container in full (`inspect`).
#[derive(Debug, Clone)]
pub struct ContainerView {
    /// 64 hex digits.
    pub id: String,
    /// Name without a slash.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// The image's ID, `sha256:…`.
    pub image_id: String,
    /// Digest of the image's manifest, where known.
    pub image_manifest: Option<String>,
    /// `linux/amd64`.
    pub platform: String,
    /// The program that runs (entry point or command) and its arguments.
    pub path: String,
    /// See `path`.
    pub args: Vec<String>,
    /// What was asked for, the image's defaults merged in.
    pub spec: Arc<ContainerSpec>,
    /// What it is now.
    pub state: State,
    /// Where its log file is, or empty.
    pub log_path: String,
    /// Where the engine keeps its hostname, hosts and resolv.conf files.
    pub directory: String,
    /// Execs that run in it.
    pub exec_ids: Vec<String>,
    /// Bytes of the writable layer, if asked for.
    pub size_rw: Option<i64>,
    /// Bytes of image and writable layer, if asked for.
    pub size_root_fs: Option<i64>,
}

/// A container in a list.
#[derive(Debug, Clone)]
pub struct ContainerSummary {
    /// 64 hex digits.
    pub id: String,
    /// Name without a slash.
    pub name: String,
    /// The image as the list shows it: the user's reference, or an ID when the reference means another image by now.
    pub image: String,
    /// `sha256:…`.
    pub image_id: String,
    /// Program and arguments in one line.
    pub command: String,
    /// When it was made.
    pub created: Timestamp,
    /// What was asked for.
    pub spec: Arc<ContainerSpec>,
    /// What it is now.
    pub state: State,
    /// The STATUS column.
    pub status: String,
    /// Bytes of the writable layer, if asked for.
    pub size_rw: Option<i64>,
    /// Bytes of image and writable layer, if asked for.
    pub size_root_fs: Option<i64>,
}

/// An exec.
#[derive(Debug, Clone)]
pub struct ExecView {
    /// 64 hex digits.
    pub id: String,
    /// Its container.
    pub container: String,
    /// What was asked for.
    pub spec: ExecSpec,
    /// Whether its process runs.
    pub running: bool,
    /// Exit code once it ended.
    pub exit_code: Option<i32>,
    /// Process ID in the machine; 0 before it ran.
    pub pid: u32,
}

/// A process to run in a running container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecSpec {
    /// Program and arguments.
    pub cmd: Vec<String>,
    /// Further environment.
    pub env: Vec<String>,
    /// `user[:group]`; empty means the container's.
    pub user: String,
    /// Working directory; empty means the container's.
    pub working_dir: String,
    /// A pseudo-terminal is wanted.
    pub tty: bool,
    /// All capabilities.
    pub privileged: bool,
    /// Client attaches stdin.
    pub attach_stdin: bool,
    /// Client attaches stdout.
    pub attach_stdout: bool,
    /// Client attaches stderr.
    pub attach_stderr: bool,
    /// Detach keys; empty means the default.
    pub detach_keys: String,
    /// Terminal's first size, rows and columns.
    pub console_size: Option<[u16; 2]>,
}
