//! The pidfile, for those who manage the daemon. It guards nothing (the data root's lock does), but a living daemon's is
//! never overwritten.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Why there can be no pidfile.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PidfileError {
    /// It is another daemon's.
    #[error("the pidfile {path} belongs to a running daemon (process {pid}): stop it, or choose another with --pidfile", path = path.display())]
    Alive {
        /// The pidfile.
        path: PathBuf,
        /// The other's process ID.
        pid: u32,
    },
    /// It cannot be read or written.
    #[error("cannot write the pidfile {path}: choose another with --pidfile", path = path.display())]
    Io {
        /// The pidfile.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// A pidfile, removed when this is dropped.
#[derive(Debug)]
pub(crate) struct Pidfile(PathBuf);

impl Pidfile {
    /// Writes this process's ID to `path`. What a dead daemon left there is overwritten.
    pub(crate) fn write(path: &Path) -> Result<Self, PidfileError> {
        let failed = |source| PidfileError::Io { path: path.to_owned(), source };
        match fs::read_to_string(path) {
            Ok(text) => {
                if let Some(pid) = text.trim().parse().ok().filter(|pid| is_daemon(*pid)) {
                    return Err(PidfileError::Alive { path: path.to_owned(), pid });
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        fs::write(path, format!("{}\n", std::process::id())).map_err(failed)?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for Pidfile {
    fn drop(&mut self) {
        if fs::read_to_string(&self.0).is_ok_and(|text| text.trim() == std::process::id().to_string()) {
            let _ = fs::remove_file(&self.0);
        }
    }
}

/// Whether `pid` is another living process of this program: after a reboot the number may be anybody's, and one that was
/// killed stays in the table, as a zombie, until its parent has asked for it.
fn is_daemon(pid: u32) -> bool {
    let name = |pid: &str| fs::read_to_string(format!("/proc/{pid}/comm")).ok();
    let same = || name("self").is_some_and(|own| name(&pid.to_string()) == Some(own));
    pid != std::process::id() && same() && !is_zombie(pid)
}

/// Whether the process has ended, after the state in `/proc/PID/stat` (proc(5)), which follows the name's last bracket.
fn is_zombie(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/vch.pid");
        let pidfile = Pidfile::write(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
        drop(pidfile);
        assert!(!path.exists());
    }

    #[test]
    fn a_living_daemons_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        // Another process of this program's name.
        let name = fs::read_to_string("/proc/self/comm").unwrap();
        let program = folder.path().join(name.trim_end());
        std::os::unix::fs::symlink("/bin/sleep", &program).unwrap();
        let mut other = std::process::Command::new(&program).arg("60").spawn().unwrap();
        // The kernel lets a parent go on a moment before the child has its new name.
        let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while !is_daemon(other.id()) && std::time::Instant::now() < end {
            std::thread::yield_now();
        }
        let path = folder.path().join("vch.pid");
        fs::write(&path, other.id().to_string()).unwrap();
        let refused = Pidfile::write(&path);
        other.kill().unwrap();
        // Dead, and not asked for by its parent: a daemon that was killed is in nobody's way.
        while is_daemon(other.id()) && std::time::Instant::now() < end {
            std::thread::yield_now();
        }
        assert!(!is_daemon(other.id()));
        other.wait().unwrap();
        let said = refused.unwrap_err().to_string();
        assert!(said.contains(&format!("belongs to a running daemon (process {})", other.id())), "{said}");
        Pidfile::write(&path).unwrap();
    }

    #[test]
    fn stale_ones_are_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vch.pid");
        // The init process is alive, but is not this program.
        for stale in ["1", "4194305", "", "no number", "-1"] {
            fs::write(&path, stale).unwrap();
            drop(Pidfile::write(&path).unwrap());
        }
    }

    #[test]
    fn another_ones_is_left_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vch.pid");
        let pidfile = Pidfile::write(&path).unwrap();
        fs::write(&path, "1\n").unwrap();
        drop(pidfile);
        assert!(path.exists());
    }

    #[test]
    fn a_place_that_cannot_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let error = Pidfile::write(folder.path()).unwrap_err();
        assert!(error.to_string().starts_with("cannot write the pidfile"), "{error}");
    }
}
