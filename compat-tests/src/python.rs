//! Clients written in Python: docker-py and testcontainers, at the versions that `clients/requirements.txt` pins.
//!
//! Used by the tests of those clients. The virtual environment is made at the first use, which downloads the packages, and
//! kept below the build folder. Each case is a function of a file in `clients/`, run in a process of its own.

use crate::cli::{Outcome, finish};
use crate::engine::{engine, target};
use crate::image::{BUSYBOX, digest};
use crate::unique;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Runs `case` of `clients/FILE`, which fails the test by its exit code. `variables` are added to its environment.
///
/// It finds the engine in `DOCKER_HOST`, the image in `IMAGE`, and in `NAME` a prefix for all that it makes.
#[track_caller]
pub fn case(file: &str, case: &str, variables: &[(&str, &str)]) {
    let outcome = run(file, &[case], variables);
    assert!(outcome.code == 0, "{file} {case}:\n{}{}", outcome.stdout, outcome.stderr);
}

/// The names of the cases in `clients/FILE`.
#[track_caller]
pub fn cases(file: &str) -> Vec<String> {
    let listed = run(file, &["--list"], &[]).ok();
    listed.lines().map(str::to_owned).collect()
}

#[track_caller]
fn run(file: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Outcome {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(file);
    let mut command = Command::new(environment().join("bin/python"));
    // Neither the person's Python nor their Docker settings play a part.
    command.arg("-I").arg("-B").arg(&program).args(arguments);
    command.env("DOCKER_HOST", engine().host()).env("IMAGE", BUSYBOX).env("NAME", unique("py"));
    command.env("HOME", environment()).env_remove("DOCKER_CONTEXT").env_remove("DOCKER_CONFIG");
    command.envs(variables.iter().copied()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    match command.spawn() {
        Ok(child) => finish(child, &[&[file], arguments].concat()),
        Err(e) => panic!("starting Python: {e}"),
    }
}

/// The virtual environment. Another list of packages makes another one.
#[track_caller]
fn environment() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let requirements = fs::read(here.join("clients/requirements.txt")).unwrap();
        let folder = std::path::absolute(target()).unwrap().join("fixtures/python").join(&digest(&requirements)[7..19]);
        if !folder.join("complete").is_file() {
            let made = Command::new("sh").arg(here.join("fixtures/python.sh")).arg(&folder).output().unwrap();
            let said = String::from_utf8_lossy(&made.stderr);
            assert!(made.status.success(), "making a virtual environment of Python: {said}");
            fs::write(folder.join("complete"), "").unwrap();
        }
        folder
    })
}
