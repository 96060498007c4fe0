//! What defaults depend on: who runs the program, their directories, the host's memory. Read once, so that the making of
//! valid settings is a pure function.

use std::path::{Path, PathBuf};

/// The surroundings of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Surroundings {
    /// Run by root.
    pub(crate) root: bool,
    /// `$HOME`.
    pub(crate) home: Option<PathBuf>,
    /// `$XDG_DATA_HOME`.
    pub(crate) data_home: Option<PathBuf>,
    /// `$XDG_CONFIG_HOME`.
    pub(crate) config_home: Option<PathBuf>,
    /// `$XDG_RUNTIME_DIR`.
    pub(crate) runtime: Option<PathBuf>,
    /// The directory that relative paths start from.
    pub(crate) current: PathBuf,
    /// The host's memory in MiB; 0 where it is not known.
    pub(crate) memory_mib: u64,
}

impl Surroundings {
    /// Those of this process.
    pub(crate) fn of_this_process() -> Self {
        // The XDG specification: relative paths are to be ignored.
        let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        Self {
            root: rustix::process::geteuid().is_root(),
            home: variable("HOME"),
            data_home: variable("XDG_DATA_HOME"),
            config_home: variable("XDG_CONFIG_HOME"),
            runtime: variable("XDG_RUNTIME_DIR"),
            current: std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
            memory_mib: memory_mib(),
        }
    }

    /// The usual data root.
    pub(crate) fn data_root(&self) -> Option<PathBuf> {
        if self.root {
            return Some("/var/lib/vch".into());
        }
        Some(self.data_home.clone().or_else(|| Some(self.home.as_ref()?.join(".local/share")))?.join("vch"))
    }

    /// The usual configuration file.
    pub(crate) fn config_file(&self) -> Option<PathBuf> {
        if self.root {
            return Some("/etc/vch/daemon.json".into());
        }
        Some(self.config_home.clone().or_else(|| Some(self.home.as_ref()?.join(".config")))?.join("vch/daemon.json"))
    }

    /// The usual place of `name`, a socket or pidfile; the data root where a login session gave no runtime directory.
    pub(crate) fn runtime_file(&self, name: &str, data_root: &Path) -> PathBuf {
        if self.root { Path::new("/var/run") } else { self.runtime.as_deref().unwrap_or(data_root) }.join(name)
    }
}

/// `MemTotal` of proc(5)'s meminfo in MiB, or 0.
fn memory_mib() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib =
        text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB")?.trim().parse().ok());
    kib.unwrap_or(0u64) / 1024
}
