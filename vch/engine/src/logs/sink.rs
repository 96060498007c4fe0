//! Where a run's output is logged: the file that clients read, and whoever else is to have it, as the log options say.
//!
//! A log that blocks holds up the container while a line is delivered; one that does not drops lines that its buffer has
//! no room for (moby `daemon/logger/ring.go`), and delivers by a task of its own.

use super::journald::Journald;
use super::json_file::Writer;
use super::options::{self, Bounds};
use super::segments::Segments;
use super::syslog::Syslog;
use super::{attributes, readable_path};
use crate::container::Container;
use crate::container::record::Record;
use crate::error::{Error, Result};
use crate::stream::Channel;
use crate::timestamp::Timestamp;
use bytes::Bytes;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Bytes of log lines from which writing them is worth a thread of its own.
const LARGE: usize = 64 * 1024;

/// A line, or a piece of a long one.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Which output.
    pub(crate) channel: Channel,
    /// When it came.
    pub(crate) time: Timestamp,
    /// With its newline, if it had one.
    pub(crate) text: Bytes,
}

/// A log that is open for writing.
#[derive(Debug)]
pub(crate) enum Sink {
    /// Keeps nothing.
    Nothing,
    /// Holds up the container.
    Blocking(Box<Log>),
    /// Drops what it has no room for.
    Buffered(Ring),
}

impl Sink {
    /// Opens the log of a container that starts.
    ///
    /// # Errors
    /// dockerd's words for a bad value of an option, or for what cannot be reached.
    pub(crate) async fn open(container: &Arc<Container>, record: &Record) -> Result<Self> {
        let log = &record.spec.host.log;
        let failed = |e: Error| {
            Error::system(format!(
                "failed to create task for container: failed to initialize logging driver: {}",
                e.message
            ))
        };
        let opened = async {
            if log.driver == "none" {
                return Ok(Self::Nothing);
            }
            let buffer = options::buffer(&log.options)?;
            let log = Log::open(container, record).await?;
            Ok(match buffer {
                Some(size) => Self::Buffered(Ring::new(log, size)),
                None => Self::Blocking(Box::new(log)),
            })
        };
        opened.await.map_err(failed)
    }

    /// Takes an entry in.
    pub(crate) fn add(&mut self, channel: Channel, time: Timestamp, text: &[u8]) {
        match self {
            Self::Nothing => {}
            Self::Blocking(log) => log.add(channel, time, text),
            Self::Buffered(ring) => ring.add(channel, time, text),
        }
    }

    /// Makes what was taken in visible to readers, as far as that is not left to a task.
    pub(crate) fn flush(&mut self) {
        if let Self::Blocking(log) = self {
            log.flush();
        }
    }

    /// Delivers what was taken in to whom it is for beside readers.
    pub(crate) async fn deliver(&mut self) {
        if let Self::Blocking(log) = self {
            log.deliver().await;
        }
    }

    /// Delivers all that is left.
    pub(crate) async fn close(self) {
        match self {
            Self::Nothing => {}
            Self::Blocking(mut log) => {
                log.flush();
                log.deliver().await;
                tokio::task::block_in_place(|| drop(log));
            }
            Self::Buffered(ring) => ring.close().await,
        }
    }
}

/// A driver that hands entries on.
#[derive(Debug)]
enum Remote {
    Syslog(Box<Syslog>),
    Journald(Journald),
}

impl Remote {
    async fn open(record: &Record) -> Result<Self> {
        match record.spec.host.log.driver.as_str() {
            "journald" => Journald::open(record).map(Self::Journald),
            _ => Syslog::open(record).await.map(|syslog| Self::Syslog(Box::new(syslog))),
        }
    }

    async fn send(&mut self, entry: &Entry) -> Result<()> {
        match self {
            Self::Syslog(syslog) => syslog.send(entry).await,
            Self::Journald(journald) => journald.send(entry).await,
        }
    }
}

/// The drivers of one log.
#[derive(Debug)]
pub(crate) struct Log {
    container: Arc<Container>,
    file: Option<Writer>,
    remote: Option<Remote>,
    waiting: VecDeque<Entry>,
    told: bool,
}

impl Log {
    async fn open(container: &Arc<Container>, record: &Record) -> Result<Self> {
        let options = &record.spec.host.log.options;
        let (bounds, remote) = match record.spec.host.log.driver.as_str() {
            "json-file" => (Some(Bounds::json_file(options)?), None),
            "local" => (Some(Bounds::local(options, "")?), None),
            _ => {
                let cache = options::is_cached(options).then(|| Bounds::local(options, "cache-")).transpose()?;
                (cache, Some(Remote::open(record).await?))
            }
        };
        let attributes = match remote {
            None => attributes::of(record)?,
            Some(_) => Default::default(),
        };
        let open = |bounds| Writer::open(container.segments(), bounds, attributes);
        let file = bounds.map(open).transpose()?;
        Ok(Self { container: Arc::clone(container), file, remote, waiting: VecDeque::new(), told: false })
    }

    fn add(&mut self, channel: Channel, time: Timestamp, text: &[u8]) {
        if let Some(file) = &mut self.file {
            file.add(channel, time, text);
        }
        if self.remote.is_some() {
            self.waiting.push_back(Entry { channel, time, text: Bytes::copy_from_slice(text) });
        }
    }

    fn flush(&mut self) {
        let Some(file) = self.file.as_mut().filter(|file| file.pending() > 0) else { return };
        // A disk that stands still must not stand in the way of other containers' tasks.
        let slow = file.pending() > LARGE || file.rotates();
        let outcome = if slow { tokio::task::block_in_place(|| file.flush()) } else { file.flush() };
        self.container.log.send_modify(|progress| progress.flushed += 1);
        if let Err(error) = outcome
            && !std::mem::replace(&mut self.told, true)
        {
            tracing::error!(container = %self.container.id, %error, "log lines are lost: free space under the data root");
        }
    }

    async fn deliver(&mut self) {
        let Some(remote) = &mut self.remote else { return };
        while let Some(entry) = self.waiting.pop_front() {
            if let Err(error) = remote.send(&entry).await
                && !std::mem::replace(&mut self.told, true)
            {
                tracing::error!(container = %self.container.id, %error, "log lines are not delivered");
            }
        }
    }
}

/// Entries between the container and a task that delivers them.
#[derive(Debug)]
pub(crate) struct Ring {
    queue: Arc<Queue>,
    task: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Queue {
    state: Mutex<State>,
    changed: Notify,
    room: usize,
}

#[derive(Debug, Default)]
struct State {
    entries: VecDeque<Entry>,
    bytes: usize,
    closed: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// Drops the entry where there is no room, unless nothing else waits.
    fn push(&self, entry: Entry) {
        let mut state = self.lock();
        if !state.entries.is_empty() && state.bytes.saturating_add(entry.text.len()) > self.room {
            return;
        }
        state.bytes += entry.text.len();
        state.entries.push_back(entry);
        drop(state);
        self.changed.notify_one();
    }

    /// All that waits; none once it is closed and empty.
    async fn take(&self) -> Option<VecDeque<Entry>> {
        loop {
            {
                let mut state = self.lock();
                if !state.entries.is_empty() {
                    state.bytes = 0;
                    return Some(std::mem::take(&mut state.entries));
                }
                if state.closed {
                    return None;
                }
            }
            self.changed.notified().await;
        }
    }
}

impl Ring {
    fn new(mut log: Log, room: usize) -> Self {
        let queue = Arc::new(Queue { room, ..Default::default() });
        let taken = Arc::clone(&queue);
        let task = tokio::spawn(async move {
            while let Some(entries) = taken.take().await {
                entries.iter().for_each(|entry| log.add(entry.channel, entry.time, &entry.text));
                log.flush();
                log.deliver().await;
            }
        });
        Self { queue, task: Some(task) }
    }

    fn add(&self, channel: Channel, time: Timestamp, text: &[u8]) {
        self.queue.push(Entry { channel, time, text: Bytes::copy_from_slice(text) });
    }

    async fn close(mut self) {
        self.queue.close();
        if let Some(task) = self.task.take()
            && let Err(error) = task.await
        {
            tracing::warn!(%error, "the last log lines are lost");
        }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// The row of files that a container's log is read from, whether it has one now or not.
pub(crate) fn segments(folder: &Path, id: &str, record: &Record) -> Segments {
    Segments::new(folder.join(readable_path(&record.spec.host.log.driver, id)))
}
