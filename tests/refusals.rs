//! The program as a person meets it when something is wrong: one sentence on standard error and a non-zero exit.

#![allow(clippy::unwrap_used, reason = "what cannot go on has failed")]

use rustix::fs::{FlockOperation, flock};
use std::{
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

/// Everything here is over before a machine is made; a run that takes longer hangs.
const DEADLINE: Duration = Duration::from_secs(20);

fn vch(arguments: &[&str]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_vch"))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let end = Instant::now() + DEADLINE;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > end {
            child.kill().unwrap();
            panic!("still running: {:?}", child.wait_with_output().unwrap());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().unwrap()
}

/// Runs `vch serve` on a root of its own with more arguments; gives what it said last.
fn serve(root: &Path, more: &[&str]) -> String {
    let config = root.join("no-settings.json");
    std::fs::write(&config, "{}").unwrap();
    let [data_root, config, pidfile, socket] =
        ["data", "no-settings.json", "vch.pid", "vch.sock"].map(|name| root.join(name).display().to_string());
    let socket = format!("unix://{socket}");
    let mut arguments = vec!["serve", "--data-root", &data_root, "--config-file", &config, "--pidfile", &pidfile];
    if !more.contains(&"-H") {
        arguments.extend(["-H", &socket]);
    }
    arguments.extend(more);
    let output = vch(&arguments);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    let last = said.lines().last().unwrap_or_default().to_owned();
    assert!(last.starts_with("vch: "), "the reason comes last: {said}");
    last
}

#[test]
fn a_second_daemon_on_one_data_root() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let mut lock = std::fs::File::create(folder.path().join("data/daemon.lock")).unwrap();
    lock.write_all(b"4242\n").unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    let said = serve(folder.path(), &[]);
    assert!(said.contains("is in use by another daemon (process 4242): stop it, or"), "{said}");
    assert!(!folder.path().join("vch.pid").exists() && !folder.path().join("vch.sock").exists());
    assert_eq!(std::fs::read_to_string(folder.path().join("data/daemon.lock")).unwrap(), "4242\n");
}

#[test]
fn a_taken_port() {
    let folder = tempfile::tempdir().unwrap();
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", other.local_addr().unwrap());
    let said = serve(folder.path(), &["-H", &address]);
    assert_eq!(
        said,
        format!(
            "vch: cannot listen on {address}: another program has the port; stop it, or choose another port with -H"
        )
    );
    assert!(!folder.path().join("vch.pid").exists(), "the pidfile is taken back");
}

#[test]
fn a_taken_socket() {
    let folder = tempfile::tempdir().unwrap();
    let _other = std::os::unix::net::UnixListener::bind(folder.path().join("vch.sock")).unwrap();
    assert!(
        serve(folder.path(), &[]).contains("another daemon answers there; stop it, or choose another address with -H")
    );
}

#[test]
fn a_data_root_that_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    // Not even root can make a directory here.
    let said = serve(folder.path(), &["--data-root", "/proc/vch"]);
    assert!(said.starts_with("vch: cannot use the data root /proc/vch: run as a user who may write there"), "{said}");
}

#[test]
fn a_qemu_that_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let said = serve(folder.path(), &["--qemu", "/bin/true"]);
    assert!(said.starts_with("vch: /bin/true is no QEMU that can be used"), "{said}");
    assert!(!folder.path().join("vch.sock").exists() && !folder.path().join("vch.pid").exists());
}

#[test]
fn settings_that_cannot_be_used() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, words) in [
        (&["--kernel", "/nonexistent/kernel"][..], "vch: cannot read the kernel /nonexistent/kernel: No such file"),
        (&["--qemu", "/nonexistent/qemu"], "vch: cannot read the program /nonexistent/qemu: No such file"),
        (&["-l", "loud"], "vch: unable to parse logging level: loud"),
        (
            &["-H", "fd://"],
            "vch: failed to load listeners: error parsing -H fd://: fd:// needs sockets passed by systemd",
        ),
        (&["--tlsverify"], "vch: --tlsverify cannot be used, since vch does not serve TLS yet"),
        (&["--tlscacert", "ca.pem"], "vch: --tlscacert cannot be used, since vch does not serve TLS yet"),
        (&["--group", "no such group"], "vch: there is no group no such group: make it with"),
    ] {
        let said = serve(folder.path(), arguments);
        assert!(said.starts_with(words), "{arguments:?}: {said}");
    }
}

#[test]
fn unknown_flags_of_dockerd_are_refused_by_name() {
    for flag in ["--bip=10.0.0.1/24", "--iptables", "--storage-driver=overlay2"] {
        let output = vch(&["serve", flag]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(flag.split('=').next().unwrap()), "{said}");
    }
}

#[test]
fn version_and_help() {
    let version = vch(&["--version"]);
    assert_eq!(String::from_utf8(version.stdout).unwrap(), format!("vch {}\n", env!("CARGO_PKG_VERSION")));
    let help = String::from_utf8(vch(&["serve", "--help"]).stdout).unwrap();
    for flag in ["--data-root", "--host", "--registry-mirror", "--accel", "--vm-memory", "--pool"] {
        assert!(help.contains(flag), "{flag}");
    }
    assert!(!help.contains("--tlsverify"), "what is always refused is not offered");
}
