//! The settings: [`raw`] as given by flags and file, [`valid`] as the rest of the program uses them. Nothing past
//! [`load`] checks a setting again.

pub(crate) mod amount;
pub(crate) mod file;
pub(crate) mod level;
pub(crate) mod pairs;
pub(crate) mod raw;
pub(crate) mod registry;
pub(crate) mod surroundings;
pub(crate) mod valid;

#[cfg(test)]
mod tests;

pub(crate) use level::Level;
pub(crate) use raw::{Accel, Raw};
pub(crate) use surroundings::Surroundings;
pub(crate) use valid::Config;

use crate::listen::AddressError;
use file::FileProblem;
use std::path::{Path, PathBuf};

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file's fault; the words are dockerd's.
    #[error("unable to configure the Docker daemon with file {file}", file = .0.display())]
    File(PathBuf, #[source] FileProblem),
    /// A level that nobody knows; the words are dockerd's.
    #[error("unable to parse logging level: {0}")]
    Level(String),
    /// An address that cannot be listened on; the words are dockerd's.
    #[error("failed to load listeners: error parsing -H {given}")]
    Address {
        /// As it was given.
        given: String,
        /// What is wrong with it.
        source: AddressError,
    },
    /// A log driver or an option of it that cannot be had; the words are dockerd's.
    #[error("failed to set log opts")]
    Log(#[source] vch_engine::Error),
    /// A registry or mirror that cannot be one.
    #[error(transparent)]
    Registry(#[from] registry::RegistryError),
    /// A file that was named cannot be read.
    #[error("cannot read the {what} {path}", path = path.display())]
    Unreadable {
        /// What it is: "kernel".
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A number out of its bounds, or no number.
    #[error("{setting} cannot be {given}: {expected}")]
    OutOfBounds {
        /// The flag.
        setting: &'static str,
        /// As it was given.
        given: String,
        /// What is possible.
        expected: &'static str,
    },
    /// A setting without a value, where the surroundings give no default.
    #[error("{setting} is needed: {why}")]
    Missing {
        /// The flag.
        setting: &'static str,
        /// Why there is no default.
        why: &'static str,
    },
    /// TLS was asked for.
    #[error(
        "--{flag} cannot be used, since vch does not serve TLS yet: listen on a unix socket (reach it over ssh with DOCKER_HOST=ssh://USER@HOST) or put a TLS proxy before a tcp address on loopback"
    )]
    Tls {
        /// The flag.
        flag: &'static str,
    },
}

/// Joins flags and file, and makes valid settings of them. `file` is the path given by `--config-file`; without one the
/// usual path is tried, which need not exist.
pub(crate) fn load(flags: &Raw, file: Option<&Path>, around: &Surroundings) -> Result<Config, ConfigError> {
    let (path, given) = match file {
        Some(path) => (Some(path.to_owned()), true),
        None => (around.config_file(), false),
    };
    let Some(path) = path else { return Config::new(flags.clone(), None, around) };
    let keys = match file::read(&path) {
        Err(FileProblem::Read(error)) if !given && error.kind() == std::io::ErrorKind::NotFound => Default::default(),
        other => other.map_err(|problem| ConfigError::File(path.clone(), problem))?,
    };
    let raw = file::join(flags, keys).map_err(|problem| ConfigError::File(path.clone(), problem))?;
    Config::new(raw, Some(path), around)
}
