//! Tap devices for machines, in a network namespace of ours that leads nowhere.
//!
//! A clone's NIC must have a back end of the same kind as its template's: virtio-net's saved state knows about it. So
//! where taps can be made, template and clones have one each; where not, none has a NIC at all.
//!
//! Invariant: one thread, which does nothing else, lives in the namespace. The program's other threads never enter it.

use crate::{SandboxError, sys};
use rustix::fd::OwnedFd;
use std::sync::mpsc;
use tokio::sync::oneshot;

type Answer = rustix::io::Result<OwnedFd>;

/// Makes taps. The namespace lasts until this is dropped; taps in use keep working.
#[derive(Debug, Clone)]
pub(crate) struct Taps {
    orders: mpsc::Sender<oneshot::Sender<Answer>>,
}

impl Taps {
    /// Starts the thread and tries one tap.
    ///
    /// # Errors
    /// There can be none: without privilege, or without `/dev/net/tun`.
    pub(crate) fn open() -> Result<Self, SandboxError> {
        let failed = |source| SandboxError::System { what: "make a tap device in a network namespace", source };
        let (orders, queue) = mpsc::channel::<oneshot::Sender<Answer>>();
        let (ready, tried) = mpsc::channel();
        let thread = std::thread::Builder::new().name("vch-taps".to_owned());
        let started = thread.spawn(move || {
            let trial = sys::enter_new_network().and_then(|()| sys::open_tap("vch%d"));
            let good = trial.is_ok();
            // `open` waits for exactly this.
            let _ = ready.send(trial.map(drop));
            while good && let Ok(order) = queue.recv() {
                // An order whose giver has gone closes its tap again.
                let _ = order.send(sys::open_tap("vch%d"));
            }
        });
        started.map_err(failed)?;
        match tried.recv() {
            Ok(Ok(())) => Ok(Self { orders }),
            Ok(Err(error)) => Err(failed(error.into())),
            Err(error) => Err(failed(std::io::Error::other(error))),
        }
    }

    /// A new tap device, unattached.
    pub(crate) async fn tap(&self) -> Result<OwnedFd, SandboxError> {
        let (order, answer) = oneshot::channel();
        let gone = || rustix::io::Errno::PIPE;
        let tap = match self.orders.send(order) {
            Ok(()) => answer.await.unwrap_or_else(|_| Err(gone())),
            Err(_) => Err(gone()),
        };
        tap.map_err(|error| SandboxError::System { what: "make a tap device", source: error.into() })
    }
}
