//! The state that the two tasks of a connection and the handles on its processes share.

use super::Closed;
use super::outbox::Outbox;
use super::request::Numbers;
use super::tables::Tables;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, watch};

/// One connection's state. Lock order: tables, then a process's output queue, then the outbox.
#[derive(Debug)]
pub(super) struct Link {
    tables: Mutex<Tables>,
    outbox: Mutex<Outbox>,
    /// Rung whenever the outbox may have something to write.
    pub(super) written: Notify,
    closed: watch::Sender<Option<Closed>>,
}

impl Link {
    pub(super) fn new(numbers: Numbers) -> Self {
        Self {
            tables: Mutex::new(Tables::new(numbers)),
            outbox: Mutex::default(),
            written: Notify::new(),
            closed: watch::Sender::new(None),
        }
    }

    pub(super) fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is to be written and wakes the writer.
    pub(super) fn send<R>(&self, change: impl FnOnce(&mut Outbox) -> R) -> R {
        let result = change(&mut self.outbox());
        self.written.notify_one();
        result
    }

    pub(super) fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn closed(&self) -> watch::Receiver<Option<Closed>> {
        self.closed.subscribe()
    }

    /// Why the connection ended, if it did.
    pub(super) fn reason(&self) -> Option<Closed> {
        self.closed.borrow().clone()
    }

    /// Ends the connection for everybody who waits on it. The first reason stands.
    pub(super) fn close(&self, reason: Closed) {
        let first = self.closed.send_if_modified(|closed| {
            let first = closed.is_none();
            closed.get_or_insert(reason);
            first
        });
        if first {
            self.tables().close();
            self.outbox().close();
            self.written.notify_one();
        }
    }
}
