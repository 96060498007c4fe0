//! A machine's folder: its sockets, its record, its log.
//!
//! ```text
//! <directory>/        0700, made by the caller
//!   qmp.sock          monitor; QEMU listens
//!   agent.sock        agent's port; QEMU listens
//!   qemu.pid          who the process is (JSON), for adoption
//!   qemu.log          what it wrote to standard error, the first 64 KiB
//! ```
//! Launch, adopt and quit use it. It promises that sockets work however long the folder's path is.

use crate::{HypervisorError, Result};
use std::{
    fs, io,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::{ffi::OsStrExt, fs::PermissionsExt, net::UnixListener},
    },
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use tokio::net::UnixStream;

pub(crate) const QMP: &str = "qmp.sock";
pub(crate) const AGENT: &str = "agent.sock";
pub(crate) const PID: &str = "qemu.pid";
pub(crate) const LOG: &str = "qemu.log";

/// How long a caller waits for a place in a socket's queue, and how often it tries.
const QUEUE: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_millis(2);

/// Longest path of a UNIX socket (`sun_path` in unix(7), less its final NUL).
const LONGEST: usize = 107;

/// An open machine folder.
#[derive(Debug)]
pub(crate) struct Directory {
    name: String,
    path: PathBuf,
    fd: OwnedFd,
}

impl Directory {
    /// Opens the folder of the machine `name`.
    ///
    /// # Errors
    /// It is missing or no folder.
    pub(crate) fn open(name: &str, path: &Path) -> Result<Self> {
        use rustix::fs::{Mode, OFlags};
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(fd) => Ok(Self { name: name.to_owned(), path: path.to_owned(), fd }),
            Err(error) => {
                let (name, path) = (name.to_owned(), path.to_owned());
                Err(HypervisorError::File { name, action: "open", path, source: error.into() })
            }
        }
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.path.join(file)
    }

    /// Binds a listening socket that only our own user can connect to, in place of an old one.
    pub(crate) fn listen(&self, file: &'static str) -> Result<UnixListener> {
        let bind = || {
            remove(&self.path(file))?;
            let listener = UnixListener::bind(self.address(file))?;
            fs::set_permissions(self.path(file), fs::Permissions::from_mode(0o600))?;
            Ok(listener)
        };
        bind().map_err(|source| self.error("bind", file, source))
    }

    /// Connects to a socket in the folder. A machine that is gone refuses, or has none. QEMU lets two callers queue
    /// (it calls `listen` again, with a backlog of 1); a third is told to try again, and does so here.
    pub(crate) async fn connect(&self, file: &'static str) -> Result<UnixStream> {
        let deadline = Instant::now() + QUEUE;
        loop {
            let error = match UnixStream::connect(self.address(file)).await {
                Ok(stream) => return Ok(stream),
                Err(error) => error,
            };
            match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                    return Err(HypervisorError::Gone { name: self.name.clone() });
                }
                io::ErrorKind::WouldBlock if Instant::now() < deadline => tokio::time::sleep(AGAIN).await,
                _ => return Err(self.error("connect to", file, error)),
            }
        }
    }

    /// Writes a file whole or not at all.
    pub(crate) fn write(&self, file: &'static str, bytes: &[u8]) -> Result<()> {
        let new = self.path(&format!("{file}.new"));
        fs::write(&new, bytes)
            .and_then(|()| fs::rename(&new, self.path(file)))
            .map_err(|source| self.error("write", file, source))
    }

    /// Removes what only a living machine needs. The log stays.
    pub(crate) fn clear(&self) {
        for file in [QMP, AGENT, PID] {
            if let Err(error) = remove(&self.path(file)) {
                tracing::warn!(machine = self.name, file, %error, "cannot remove a machine's file");
            }
        }
    }

    pub(crate) fn error(&self, action: &'static str, file: &str, source: io::Error) -> HypervisorError {
        HypervisorError::File { name: self.name.clone(), action, path: self.path(file), source }
    }

    /// The socket's path, or where that is too long the way over the open folder.
    fn address(&self, file: &str) -> PathBuf {
        let path = self.path(file);
        if path.as_os_str().as_bytes().len() <= LONGEST {
            return path;
        }
        PathBuf::from(format!("/proc/self/fd/{}/{file}", self.fd.as_raw_fd()))
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_deeper_than_a_socket_address_is_long_works() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("x".repeat(120)).join("y".repeat(120));
        fs::create_dir_all(&deep).unwrap();
        let directory = Directory::open("test", &deep).unwrap();
        let listener = directory.listen(QMP).unwrap();
        let client = directory.connect(QMP).await.unwrap();
        assert_eq!(fs::metadata(deep.join(QMP)).unwrap().permissions().mode() & 0o777, 0o600);
        drop((listener, client));
        assert!(matches!(directory.connect(QMP).await, Err(HypervisorError::Gone { .. })));
        drop(directory.listen(QMP).unwrap());
        directory.clear();
        assert!(matches!(directory.connect(QMP).await, Err(HypervisorError::Gone { .. })));
        assert_eq!(fs::read_dir(&deep).unwrap().count(), 0);
    }
}
