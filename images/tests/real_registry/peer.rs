//! The programs of others: a `docker-registry` of our own on loopback, `skopeo` and `openssl`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// How the registry is to be.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Setup {
    pub(crate) tls: bool,
    pub(crate) password: bool,
}

/// A registry that ends with its owner.
pub(crate) struct Peer {
    child: Child,
    host: String,
    dir: tempfile::TempDir,
}

/// `user` with the password `secret word`.
const HTPASSWD: &str = "user:$2b$05$2hb0gtMzH6qiTgVRogNXvOlHoxFeBx2Og1j.Q3hW7hwxfhgKDPxOO\n";

impl Peer {
    pub(crate) fn start(setup: Setup) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).display().to_string();
        let mut config = format!(
            "version: 0.1\nlog:\n  level: info\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:0\n",
            at("data")
        );
        if setup.tls {
            certificate(dir.path());
            config += &format!("  tls:\n    certificate: {}\n    key: {}\n", at("ca.crt"), at("ca.key"));
        }
        if setup.password {
            std::fs::write(at("htpasswd"), HTPASSWD).unwrap();
            config += &format!("auth:\n  htpasswd:\n    realm: test\n    path: {}\n", at("htpasswd"));
        }
        std::fs::write(at("config.yml"), config).unwrap();
        let mut child = Command::new("docker-registry")
            .args(["serve", &at("config.yml")])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("docker-registry does not start: install the package docker-registry");
        let host = listening(child.stderr.take().unwrap());
        Self { child, host, dir }
    }

    /// `127.0.0.1:port`.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// A directory that goes with it.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address in the registry's own log, which is read on to its end so that it never blocks.
fn listening(log: std::process::ChildStderr) -> String {
    let (sender, found) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            if let Some((_, address)) = line.split_once("listening on ") {
                let end =
                    address.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':')).unwrap_or(address.len());
                let _ = sender.send(address[..end].to_owned());
            }
        }
    });
    found.recv_timeout(Duration::from_secs(30)).expect("docker-registry does not say where it listens")
}

/// A certificate of its own for loopback.
fn certificate(dir: &Path) {
    let (key, crt) = (dir.join("ca.key").display().to_string(), dir.join("ca.crt").display().to_string());
    let request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"];
    let names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", &key, "-out", &crt];
    openssl(&[&request[..], &names[..]].concat());
}

/// Runs openssl.
pub(crate) fn openssl(arguments: &[&str]) -> String {
    run("openssl", arguments)
}

/// Runs skopeo without a policy file.
pub(crate) fn skopeo(arguments: &[&str]) -> String {
    run("skopeo", &[&["--insecure-policy"], arguments].concat())
}

/// Whether skopeo refuses.
pub(crate) fn skopeo_fails(arguments: &[&str]) -> bool {
    !output("skopeo", arguments).status.success()
}

/// The digest of the manifest of an image at a registry.
pub(crate) fn digest_of(image: &str) -> String {
    skopeo(&["inspect", "--tls-verify=false", "--format", "{{.Digest}}", image]).trim().to_owned()
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = output(program, arguments);
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn output(program: &str, arguments: &[&str]) -> Output {
    let missing = format!("{program} does not start: install the package {program}");
    Command::new(program).args(arguments).stdin(Stdio::null()).output().expect(&missing)
}
