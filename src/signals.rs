//! The signals that the daemon answers: SIGTERM and SIGINT end it, a second one ends it at once, SIGHUP has it read its
//! configuration file again.

use crate::error::Error;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that end the daemon and the one that has it reload.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// To end, by the signal of this name (in dockerd's log: "Processing signal 'terminated'").
    End(&'static str),
    /// To read the configuration file again.
    Reload,
}

impl Signals {
    /// Takes the signals; from now on none of them ends the process by itself.
    pub(crate) fn take() -> Result<Self, Error> {
        let take = |kind| signal(kind).map_err(Error::io("watch for signals"));
        Ok(Self {
            terminate: take(SignalKind::terminate())?,
            interrupt: take(SignalKind::interrupt())?,
            hangup: take(SignalKind::hangup())?,
        })
    }

    /// The next signal. Nothing is lost when this is dropped half way.
    pub(crate) async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::End("terminated"),
            _ = self.interrupt.recv() => Asked::End("interrupt"),
            _ = self.hangup.recv() => Asked::Reload,
        }
    }

    /// The next signal that asks to end.
    pub(crate) async fn end(&mut self) -> &'static str {
        loop {
            if let Asked::End(name) = self.next().await {
                return name;
            }
        }
    }
}
