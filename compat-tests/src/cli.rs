//! The stock `docker` program, run as a user runs it, with pipes for its standard streams.
//!
//! Used by the tests of the command line. It gets an empty configuration of its own, so that no setting, plug-in
//! or login of the person at the machine plays a part.

use crate::engine::engine;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(120);

/// How a run of the program went.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Exit code; 128 + n where a signal ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// `docker ARGUMENTS` against the engine under test.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new("docker");
    command.args(arguments);
    for (name, value) in environment() {
        command.env(name, value);
    }
    command.env_remove("DOCKER_CONTEXT").env_remove("DOCKER_API_VERSION");
    command
}

/// The variables that point `docker` at the engine under test.
pub fn environment() -> [(&'static str, String); 3] {
    static CONFIG: OnceLock<tempfile::TempDir> = OnceLock::new();
    let config = CONFIG.get_or_init(|| tempfile::tempdir().unwrap());
    [
        ("DOCKER_HOST", engine().host()),
        ("DOCKER_CONFIG", config.path().display().to_string()),
        ("DOCKER_CLI_HINTS", "false".into()),
    ]
}

/// Runs `docker` with nothing on standard input.
#[track_caller]
pub fn docker(arguments: &[&str]) -> Outcome {
    docker_fed(arguments, b"")
}

/// Runs `docker` with `input` piped in, then closed.
#[track_caller]
pub fn docker_fed(arguments: &[&str], input: &[u8]) -> Outcome {
    let mut child = spawn(arguments);
    if let Some(mut stdin) = child.stdin.take() {
        let input = input.to_vec();
        // On a thread: the program may not read before it has written. It may also end without reading.
        std::thread::spawn(move || stdin.write_all(&input));
    }
    finish(child, arguments)
}

/// Starts `docker` with all three standard streams piped.
#[track_caller]
pub fn spawn(arguments: &[&str]) -> Child {
    let mut command = command(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    match command.spawn() {
        Ok(child) => child,
        Err(e) => panic!("starting the docker program: {e}"),
    }
}

/// Waits for a started `docker` to end, within a deadline.
#[track_caller]
pub fn finish(mut child: Child, arguments: &[&str]) -> Outcome {
    let drain = |from: Option<Box<dyn Read + Send>>| {
        std::thread::spawn(move || {
            let mut text = Vec::new();
            if let Some(mut from) = from {
                let _ = from.read_to_end(&mut text);
            }
            String::from_utf8_lossy(&text).into_owned()
        })
    };
    let stdout = drain(child.stdout.take().map(|s| Box::new(s) as _));
    let stderr = drain(child.stderr.take().map(|s| Box::new(s) as _));
    let code = exit_code(&mut child, arguments);
    Outcome { code, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() }
}

/// The exit code of a child, waited for within a deadline.
#[track_caller]
pub fn exit_code(child: &mut Child, arguments: &[&str]) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
        }
        if Instant::now() > end {
            let _ = child.kill();
            panic!("docker {arguments:?} did not end within {DEADLINE:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl Outcome {
    /// Checks that it went well and gives what it printed.
    #[track_caller]
    pub fn ok(self) -> String {
        assert!(self.code == 0, "docker failed: {self:?}");
        self.stdout
    }

    /// Checks how it failed: the exit code, and words on standard error, capital letters aside.
    #[track_caller]
    pub fn fails(self, code: i32, words: &str) -> Self {
        assert!(
            self.code == code && self.stderr.to_lowercase().contains(&words.to_lowercase()),
            "exit code {code} and {words:?} were due: {self:?}"
        );
        self
    }
}
