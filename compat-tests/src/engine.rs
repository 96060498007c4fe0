//! The engine under test, one for the whole run.
//!
//! `DOCKER_HOST` set: that engine is used as it is; we call it the peer. Otherwise our daemon is started from
//! `VCH_BIN` or `target/release/vch`, in a data root of its own, and stopped by its process id at the end.
//! `VCH_TEST_ROOT` names a data root to keep between runs, so that guest and template are built once;
//! `VCH_TEST_ARGS` holds further arguments for `vch serve`, split at blanks.

use crate::raw::{Client, Reply};
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The first start builds the guest and boots the template, perhaps in software emulation.
const FIRST_START: Duration = Duration::from_secs(180);
const STOP: Duration = Duration::from_secs(30);

/// The engine under test.
#[derive(Debug)]
pub struct Engine {
    /// Raw access to its socket.
    pub client: Client,
    /// Whether this is somebody else's engine.
    pub is_peer: bool,
    /// The newest API version it speaks, as (major, minor).
    pub api: (u32, u32),
    /// Our daemon's data root.
    pub data_root: Option<PathBuf>,
    /// Our daemon's process id.
    pub pid: Option<u32>,
}

static ENGINE: OnceLock<Engine> = OnceLock::new();

/// The engine under test; [`start`] must have been called.
#[track_caller]
pub fn engine() -> &'static Engine {
    match ENGINE.get() {
        Some(engine) => engine,
        None => panic!("no engine was started for this run"),
    }
}

impl Engine {
    /// Its address as `DOCKER_HOST` wants it.
    pub fn host(&self) -> String {
        format!("unix://{}", self.client.socket.display())
    }
}

/// Our daemon while the run lasts; nothing for a peer.
#[derive(Debug)]
pub struct Running {
    child: Option<Child>,
    root: Option<PathBuf>,
    log: Option<PathBuf>,
    _temporary: Option<tempfile::TempDir>,
}

/// Finds or starts the engine.
///
/// # Errors
/// A sentence for the person who started the tests.
pub fn start() -> Result<Running, String> {
    if let Ok(host) = std::env::var("DOCKER_HOST")
        && !host.is_empty()
    {
        let socket = host
            .strip_prefix("unix://")
            .ok_or_else(|| format!("DOCKER_HOST is {host}: these tests speak to a unix socket, unix:///path"))?;
        let client = Client { socket: socket.into() };
        settle(client, true, None, None)?;
        return Ok(Running { child: None, root: None, log: None, _temporary: None });
    }
    let program = program()?;
    let (root, temporary) = match std::env::var_os("VCH_TEST_ROOT") {
        Some(path) => (PathBuf::from(path), None),
        None => {
            let made = tempfile::Builder::new().prefix("vch-compat-").tempdir();
            let made = made.map_err(|e| format!("making a data root: {e}"))?;
            (made.path().to_owned(), Some(made))
        }
    };
    fs::create_dir_all(&root).map_err(|e| format!("making {}: {e}", root.display()))?;
    let socket = root.join("vch.sock");
    let log = log_path();
    let file = File::create(&log).map_err(|e| format!("making {}: {e}", log.display()))?;
    let errors = file.try_clone().map_err(|e| format!("{}: {e}", log.display()))?;
    let mut child = Command::new(&program)
        .arg("serve")
        .arg("--data-root")
        .arg(&root)
        .arg("-H")
        .arg(format!("unix://{}", socket.display()))
        .arg("--pidfile")
        .arg(root.join("vch.pid"))
        .args(std::env::var("VCH_TEST_ARGS").unwrap_or_default().split_whitespace())
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(errors)
        .spawn()
        .map_err(|e| format!("starting {}: {e}", program.display()))?;
    let client = Client { socket };
    let pid = child.id();
    let answers = await_ping(&client, &mut child, &log);
    let settled = answers.and_then(|()| settle(client, false, Some(root.clone()), Some(pid)));
    let running = Running { child: Some(child), root: Some(root), log: Some(log), _temporary: temporary };
    match settled {
        Ok(()) => Ok(running),
        Err(e) => {
            let left = running.stop().err().unwrap_or_default();
            Err(format!("{e}{left}"))
        }
    }
}

fn program() -> Result<PathBuf, String> {
    let path = match std::env::var_os("VCH_BIN") {
        Some(path) => PathBuf::from(path),
        None => target().join("release/vch"),
    };
    if path.is_file() {
        Ok(path)
    } else {
        Err(format!(
            "{} is not there: build it with scripts/build, name it in VCH_BIN, or set DOCKER_HOST to test a peer",
            path.display()
        ))
    }
}

/// The build folder: of this run where cargo was told one, else the workspace's own.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(path) => path.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"),
    }
}

fn log_path() -> PathBuf {
    let folder = target().join("compat");
    let made = fs::create_dir_all(&folder);
    let folder = made.map_or_else(|_| std::env::temp_dir(), |()| folder);
    folder.join(format!("vch-{}.log", std::process::id()))
}

fn await_ping(client: &Client, child: &mut Child, log: &Path) -> Result<(), String> {
    let end = Instant::now() + FIRST_START;
    loop {
        if client.socket.exists() {
            let ask = || client.call("GET", "/_ping", &[], b"").head.status;
            if quietly(ask) == Some(200) {
                return Ok(());
            }
        }
        if let Ok(Some(status)) = child.try_wait() {
            return Err(format!("vch ended at start, {status}:\n{}", tail(log)));
        }
        if Instant::now() > end {
            return Err(format!("no answer to GET /_ping within {FIRST_START:?}:\n{}", tail(log)));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Runs what may panic while the daemon is not ready yet, without the noise.
fn quietly<T>(run: impl FnOnce() -> T) -> Option<T> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
    std::panic::set_hook(hook);
    result.ok()
}

fn settle(client: Client, is_peer: bool, data_root: Option<PathBuf>, pid: Option<u32>) -> Result<(), String> {
    if !client.socket.exists() {
        return Err(format!("{}: no socket there", client.socket.display()));
    }
    let reply: Reply = client.call("GET", "/version", &[], b"");
    let version: Value = serde_json::from_slice(&reply.body).map_err(|e| format!("GET /version: {e}"))?;
    let text = version["ApiVersion"].as_str().unwrap_or_default();
    let api = text
        .split_once('.')
        .and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)))
        .ok_or_else(|| format!("GET /version: ApiVersion {text:?}"))?;
    let engine = Engine { client, is_peer, api, data_root, pid };
    ENGINE.set(engine).map_err(|_| "an engine was started twice".to_owned())
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}

impl Running {
    /// The end of the daemon's log and where it is kept, for a run that failed.
    pub fn log(&self) -> Option<String> {
        let log = self.log.as_ref()?;
        Some(format!("the daemon's log ends so ({}):\n{}", log.display(), tail(log)))
    }

    /// Stops our daemon by its process id and looks for what it left: itself, or machines.
    ///
    /// # Errors
    /// What was left, or how it failed to stop.
    pub fn stop(mut self) -> Result<(), String> {
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        let id = i32::try_from(child.id()).map_err(|e| e.to_string())?;
        if let Some(pid) = rustix::process::Pid::from_raw(id) {
            let sent = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            sent.map_err(|e| format!("stopping vch: {e}"))?;
        }
        let end = Instant::now() + STOP;
        while matches!(child.try_wait(), Ok(None)) {
            if Instant::now() > end {
                let killed = child.kill().and_then(|()| child.wait());
                return Err(format!("vch was still there {STOP:?} after SIGTERM; killed: {killed:?}"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let left = self.root.as_deref().map(processes_of).unwrap_or_default();
        if left.is_empty() {
            return Ok(());
        }
        Err(format!("left running by vch: {}", left.join("; ")))
    }
}

/// Processes whose command line names a path below `root`, but for this one: `PID command…`.
pub fn processes_of(root: &Path) -> Vec<String> {
    let needle = root.display().to_string();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.parse::<u32>().is_err() || name == std::process::id().to_string() {
            continue;
        }
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(&needle) {
            found.push(format!("{name} {}", line.chars().take(120).collect::<String>()));
        }
    }
    found
}
