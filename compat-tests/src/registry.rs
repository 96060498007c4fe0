//! A registry on loopback: Debian's `docker-registry`, filled by `skopeo`.
//!
//! Used by the tests of pull. Each test has its own, stopped when dropped.

use crate::image::Image;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The user whom a guarded registry lets in.
pub const USER: &str = "tester";
/// The password of [`USER`].
pub const PASSWORD: &str = "secret";
/// `USER:bcrypt(PASSWORD)`, the only hash that docker-registry takes; made once with cost 5.
const HTPASSWD: &str = "tester:$2b$05$ZaneEd5zkjqzXlDcXAij.On0Hv5z2GfgwkFySpzfmBRgq2Do9JHoO\n";

/// A registry that runs.
#[derive(Debug)]
pub struct Registry {
    child: Child,
    port: u16,
    guarded: bool,
    folder: tempfile::TempDir,
}

impl Registry {
    /// An empty registry, open to all.
    #[track_caller]
    pub fn open() -> Self {
        Self::start(None, false)
    }

    /// An empty registry that wants [`USER`] and [`PASSWORD`].
    #[track_caller]
    pub fn guarded() -> Self {
        Self::start(None, true)
    }

    /// A registry whose content stands in `storage` already, or stays there.
    #[track_caller]
    pub fn at(storage: &Path) -> Self {
        Self::start(Some(storage), false)
    }

    #[track_caller]
    fn start(storage: Option<&Path>, guarded: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let storage = storage.map_or_else(|| folder.path().join("storage"), PathBuf::from);
        // A port that was free a moment ago may be taken by now: then another one is tried.
        for _ in 0..10 {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = free.local_addr().unwrap().port();
            drop(free);
            let mut config = format!(
                "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\n  delete:\n    \
                 enabled: true\nhttp:\n  addr: 127.0.0.1:{port}\n",
                storage.display()
            );
            if guarded {
                let file = folder.path().join("htpasswd");
                fs::write(&file, HTPASSWD).unwrap();
                config += &format!("auth:\n  htpasswd:\n    realm: compat\n    path: {}\n", file.display());
            }
            let path = folder.path().join("config.yml");
            fs::write(&path, config).unwrap();
            let log = fs::File::create(folder.path().join("log")).unwrap();
            let started = Command::new("docker-registry")
                .arg("serve")
                .arg(&path)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(log)
                .spawn();
            let mut child = match started {
                Ok(child) => child,
                Err(e) => panic!("starting docker-registry (Debian package docker-registry): {e}"),
            };
            let up = crate::eventually(Duration::from_secs(30), "the registry listens", || {
                if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    return Some(true);
                }
                child.try_wait().unwrap().map(|_| false)
            });
            if up {
                return Self { child, port, guarded, folder };
            }
        }
        panic!("docker-registry did not start on ten different ports");
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A reference in this registry.
    pub fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.address())
    }

    /// Pushes an image by `skopeo` as `name` (`repository:tag`); the digest of its manifest.
    /// `options` go to `skopeo copy`, for instance `--format=oci`.
    #[track_caller]
    pub fn push(&self, image: &Image, name: &str, options: &[&str]) -> String {
        let file = self.folder.path().join("archive.tar");
        fs::write(&file, image.archive()).unwrap();
        self.push_archive(&file, name, options)
    }

    /// Pushes a docker-archive that stands in a file.
    #[track_caller]
    pub fn push_archive(&self, file: &Path, name: &str, options: &[&str]) -> String {
        let digest = self.folder.path().join("digest");
        let mut command = Command::new("skopeo");
        command
            .args(["--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false"])
            .args(options)
            .arg("--digestfile")
            .arg(&digest);
        if self.guarded {
            command.args(["--dest-creds", &format!("{USER}:{PASSWORD}")]);
        }
        let output = command
            .arg(format!("docker-archive:{}", file.display()))
            .arg(format!("docker://{}", self.name(name)))
            .output()
            .unwrap_or_else(|e| panic!("starting skopeo: {e}"));
        assert!(output.status.success(), "skopeo: {}", String::from_utf8_lossy(&output.stderr));
        fs::read_to_string(&digest).unwrap().trim().to_owned()
    }

    /// The registry's storage, to look into or to spoil.
    pub fn storage(&self) -> PathBuf {
        self.folder.path().join("storage")
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
