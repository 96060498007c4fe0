//! The container as a noun: what it is to be ([`spec`]), what it is now ([`state`]), how both stand on disk (`record`),
//! how others see it ([`view`]), and its one owner (`driver`).
//!
//! A `Container` is what everybody else holds: readers look at what its owner published and never wait; changes go to
//! the owner as commands.

pub(crate) mod attach;
pub(crate) mod detach;
pub(crate) mod driver;
pub(crate) mod fit;
pub mod health;
pub(crate) mod joining;
pub(crate) mod live;
pub(crate) mod process_spec;
pub(crate) mod pump;
pub(crate) mod record;
pub(crate) mod run_message;
pub mod spec;
pub mod state;
pub(crate) mod tenant;
pub mod view;

use crate::error::{Error, Result};
use crate::logs::reader::Progress;
use crate::logs::segments::Segments;
use crate::logs::splitter::Splitter;
use crate::requests::Update;
use crate::stats::Sampler;
use attach::Attachments;
use live::Live;
use record::Record;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

/// What the owner publishes.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    /// The record as it stands.
    pub(crate) record: Arc<Record>,
    /// The running machine, while there is one.
    pub(crate) live: Option<Live>,
    /// How many runs have ended since the daemon started.
    pub(crate) ends: u64,
    /// Whether the container is gone, or why its removal failed.
    pub(crate) removal: Option<std::result::Result<(), String>>,
}

/// What the owner is asked to do; each is answered once it is done.
#[derive(Debug)]
pub(crate) enum Verb {
    /// Start it.
    Start,
    /// Send a signal; the restart policy rests if `by_user`.
    Signal {
        /// Linux signal number.
        signal: i32,
        /// Whether a user asked, so that the restart policy rests.
        by_user: bool,
    },
    /// Stand its machine still.
    Pause,
    /// Let its machine go on.
    Unpause,
    /// Take another name, already reserved.
    Rename(String),
    /// Change its limits or its restart policy.
    Update(Box<Update>),
    /// Remove it, killing it first if forced.
    Remove {
        /// Kill it first.
        force: bool,
    },
    /// The daemon stops: end the machine, leave the restart policy as it is.
    Shutdown,
}

/// A verb and where its answer goes.
#[derive(Debug)]
pub(crate) struct Command {
    /// What to do.
    pub(crate) verb: Verb,
    /// Told when it is done.
    pub(crate) done: oneshot::Sender<Result<()>>,
}

/// What everybody holds of a container.
#[derive(Debug)]
pub(crate) struct Container {
    /// 64 hex digits.
    pub(crate) id: String,
    /// Its own folder.
    pub(crate) folder: PathBuf,
    /// Its attached clients.
    pub(crate) attachments: Attachments,
    /// Cuts its output into log lines. While it is held no output comes to the log or to a client, so that one who
    /// looks at the log and joins the clients under it misses nothing and sees nothing twice.
    pub(crate) splitter: tokio::sync::Mutex<Splitter>,
    /// How far its log is written.
    pub(crate) log: watch::Sender<Progress>,
    /// Held by whoever has its disk in a machine.
    pub(crate) disk: Arc<tokio::sync::Mutex<()>>,
    segments: Segments,
    /// Those who watch what it uses.
    pub(crate) stats: Sampler,
    published: watch::Receiver<Published>,
    commands: mpsc::Sender<Command>,
}

impl Container {
    /// What its owner published last.
    pub(crate) fn now(&self) -> Published {
        self.published.borrow().clone()
    }

    /// Its record.
    pub(crate) fn record(&self) -> Arc<Record> {
        Arc::clone(&self.published.borrow().record)
    }

    /// For those who wait for a change.
    pub(crate) fn watch(&self) -> watch::Receiver<Published> {
        self.published.clone()
    }

    /// Asks the owner and waits until it is done.
    pub(crate) async fn ask(&self, verb: Verb) -> Result<()> {
        let (done, answer) = oneshot::channel();
        let gone = || Error::no_such_container(&self.id);
        self.commands.send(Command { verb, done }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// The files that its log is read from.
    pub(crate) fn segments(&self) -> Segments {
        self.segments.clone()
    }

    /// Its writable disk.
    pub(crate) fn scratch_path(&self) -> PathBuf {
        self.folder.join("scratch.ext4")
    }
}
