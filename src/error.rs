//! What ends the program early. `main` prints the chain on one line.

use crate::{config::ConfigError, listen::ListenError, lock::LockError, pidfile::PidfileError};

/// Why the program gives up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data root.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The pidfile.
    #[error(transparent)]
    Pidfile(#[from] PidfileError),
    /// A socket.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] vch_engine::Error),
    /// Signals, threads or the terminal.
    #[error("cannot {action}")]
    Io {
        /// A verb and its object.
        action: &'static str,
        /// Why not.
        source: std::io::Error,
    },
}

impl Error {
    /// Names what was being done, for `map_err`.
    pub(crate) fn io(action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { action, source }
    }
}
