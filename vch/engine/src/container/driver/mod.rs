//! The owner of one container: a task that alone changes it. Verbs come as commands, exits from the machine, restarts
//! from its own clock; what is legal when is decided here and nowhere else.
//!
//! Promises: a change is on disk before its verb is answered; a failed start leaves no machine; every end of the machine,
//! whatever its cause, becomes an end of the container.

mod health;
mod pause;
mod update;
mod verbs;

use super::health::Health;
use super::live::Live;
use super::record::Record;
use super::state::Status;
use super::{Command, Container, Published, Verb};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::supervisor::{self, Ended};
use crate::timestamp::Timestamp;
use crate::verbs::{remove, start};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedMutexGuard, mpsc, watch};
use tokio::task::JoinHandle;
use vch_sandbox::{Exit, ProcessHandle};

/// Commands that wait at a time.
const QUEUE: usize = 16;

/// How long output may come after the end of the process before clients are cut off (moby waits as long).
const DRAIN: Duration = Duration::from_secs(2);

/// A run as its owner holds it.
pub(crate) struct Run {
    /// What others use.
    pub(crate) live: Live,
    /// Ends with the output.
    pub(crate) pump: JoinHandle<()>,
    /// The container's disk is in this run's machine.
    pub(crate) disk: OwnedMutexGuard<()>,
    /// Counts the strikes of the out-of-memory killer.
    pub(crate) struck: Option<watch::Receiver<u64>>,
}

/// The owner.
pub(crate) struct Driver {
    /// The engine's rooms.
    pub(crate) engine: Engine,
    /// What others hold of this container.
    pub(crate) container: Arc<Container>,
    published: watch::Sender<Published>,
    commands: mpsc::Receiver<Command>,
    run: Option<Run>,
    health: Option<health::Watch>,
    restart: supervisor::Restart,
    removed: bool,
}

/// Makes a container's owner and starts it.
pub(crate) fn spawn(engine: &Engine, folder: PathBuf, record: Record) -> Arc<Container> {
    let (commands, receiver) = mpsc::channel(QUEUE);
    let id = record.id.clone();
    let segments = crate::logs::sink::segments(&folder, &id, &record);
    let now = Published { record: Arc::new(record), live: None, ends: 0, removal: None };
    let (published, watch) = watch::channel(now);
    let container = Arc::new(Container {
        id,
        folder,
        attachments: Default::default(),
        splitter: Default::default(),
        log: watch::channel(Default::default()).0,
        disk: Arc::default(),
        segments,
        stats: Default::default(),
        published: watch,
        commands,
    });
    let driver = Driver {
        engine: engine.clone(),
        container: Arc::clone(&container),
        published,
        commands: receiver,
        run: None,
        health: None,
        restart: Default::default(),
        removed: false,
    };
    tokio::spawn(driver.drive());
    container
}

impl Driver {
    async fn drive(mut self) {
        let closed = self.engine.rooms.closed.clone();
        while !self.removed {
            tokio::select! {
                biased;
                () = closed.cancelled() => return,
                exit = ended(self.run.as_ref().map(|run| run.live.process.clone())) => self.on_exit(exit).await,
                () = self.restart.due() => self.on_restart_due().await,
                news = health::news(self.health.as_mut()) => self.on_probe(news),
                () = struck(self.run.as_mut()) => self.on_out_of_memory().await,
                command = self.commands.recv() => match command {
                    Some(Command { verb, done }) => {
                        let outcome = self.on(verb).await;
                        let _ = done.send(outcome);
                    }
                    None => return,
                },
            }
        }
    }

    async fn on(&mut self, verb: Verb) -> Result<()> {
        match verb {
            Verb::Start => self.on_start().await,
            Verb::Signal { signal, by_user } => self.on_signal(signal, by_user).await,
            Verb::Pause => self.on_pause().await,
            Verb::Unpause => self.on_unpause().await,
            Verb::Update(update) => self.on_update(*update).await,
            Verb::Rename(name) => self.change(|record| record.name = name).await,
            Verb::Remove { force } => self.on_remove(force).await,
            Verb::Shutdown => self.on_shutdown().await,
        }
    }

    fn live(&self) -> Option<Live> {
        self.run.as_ref().map(|run| run.live.clone())
    }

    /// The record as it stands.
    pub(crate) fn record(&self) -> Arc<Record> {
        Arc::clone(&self.published.borrow().record)
    }

    /// Changes the record on disk, then for everybody.
    pub(crate) async fn change(&self, change: impl FnOnce(&mut Record)) -> Result<()> {
        let mut record = Record::clone(&self.record());
        change(&mut record);
        self.engine.records().put(&record.id, record.encode()?).await?;
        self.published.send_modify(|now| now.record = Arc::new(record));
        Ok(())
    }

    /// As [`Driver::change`], where nobody waits for the answer: what is true is published even if the disk refuses.
    async fn note(&self, change: impl Fn(&mut Record), also: impl FnOnce(&mut Published)) {
        let mut record = Record::clone(&self.record());
        change(&mut record);
        let stored = match record.encode() {
            Ok(bytes) => self.engine.records().put(&record.id, bytes).await,
            Err(error) => Err(error),
        };
        if let Err(error) = stored {
            tracing::error!(container = %record.id, %error, "the container's state is not on disk");
        }
        self.published.send_modify(|now| {
            now.record = Arc::new(record);
            also(now);
        });
    }

    async fn on_start(&mut self) -> Result<()> {
        if self.engine.is_stopping() {
            return Err(Error::unavailable("the daemon is stopping: start the container again when it is back"));
        }
        match self.record().state.status {
            Status::Running => return Err(Error::not_modified("container already running")),
            Status::Paused => return Err(Error::conflict("cannot start a paused container, try unpause instead")),
            Status::Removing | Status::Dead => {
                return Err(Error::conflict("container is marked for removal and cannot be started"));
            }
            Status::Created | Status::Exited | Status::Restarting => {}
        }
        self.restart.cancel();
        let outcome = self.start(false).await;
        if outcome.is_err() && self.record().spec.host.auto_remove {
            self.remove().await;
        }
        outcome
    }

    /// Starts it, by a user or (`again`) by its restart policy.
    async fn start(&mut self, again: bool) -> Result<()> {
        match start::run(self).await {
            Ok(run) => {
                let pid = run.live.sandbox.pid().unwrap_or(0);
                let live = run.live.clone();
                let checked = super::health::command(&self.record().spec).is_some();
                let running = |record: &mut Record| {
                    let restarts = if again { record.state.restart_count + 1 } else { 0 };
                    record.state = super::state::State {
                        status: Status::Running,
                        pid,
                        started_at: Timestamp::now(),
                        finished_at: record.state.finished_at,
                        restart_count: restarts,
                        health: checked.then(|| Health::starting(record.state.health.take())),
                        ..Default::default()
                    };
                };
                self.run = Some(run);
                self.note(running, |now| now.live = Some(live)).await;
                self.tell("start", []);
                self.watch_health();
                Ok(())
            }
            Err(failed) => {
                let start::Failed { error, exit_code } = failed;
                self.container.attachments.end_run();
                let text = error.message.clone();
                let noted = move |record: &mut Record| {
                    record.state.exit_code = exit_code;
                    record.state.error = text.clone();
                    if record.state.status == Status::Restarting {
                        record.state.status = Status::Exited;
                    }
                };
                self.note(noted, |now| now.ends += 1).await;
                self.tell_die(exit_code, Duration::ZERO);
                Err(error)
            }
        }
    }

    async fn on_exit(&mut self, exit: Exit) {
        let Some(run) = self.run.take() else { return };
        let Run { live, pump, disk, struck } = run;
        let ended = Ended::of(exit);
        self.unwatch_health();
        let untold = struck.is_some_and(|struck| struck.has_changed().unwrap_or(false));
        drain(pump, &live).await;
        self.container.attachments.end_run();
        self.container.log.send_modify(|progress| progress.writing = false);
        let record = self.record();
        let ran = Timestamp::now().since(record.state.started_at);
        let restart = self.restart.after(&record, ended.code, ran).filter(|_| !self.engine.is_stopping());
        let noted = move |record: &mut Record| {
            record.state.status = if restart.is_some() { Status::Restarting } else { Status::Exited };
            record.state.pid = 0;
            record.state.exit_code = ended.code;
            record.state.oom_killed = ended.oom_killed;
            record.state.error = ended.error.clone();
            record.state.finished_at = Timestamp::now();
            record.state.health.iter_mut().for_each(Health::stopped);
        };
        if untold || (ended.oom_killed && !record.state.oom_killed) {
            self.tell("oom", []);
        }
        self.engine.execs().container_ended(&self.container.id);
        self.note(noted, |now| {
            now.live = None;
            now.ends += 1;
        })
        .await;
        self.tell_die(ended.code, ran);
        let thrown_away = record.spec.host.auto_remove && restart.is_none();
        if !thrown_away {
            // A scratch disk that was not unmounted has a journal: its next mount mends it.
            if let Err(error) = live.sandbox.released(&self.container.id).await {
                tracing::warn!(container = %self.container.id, %error, "the container's disk was not unmounted in order");
            }
        }
        live.tenant.leave().await;
        drop(disk);
        match restart {
            Some(delay) => self.restart.set(delay),
            None if thrown_away => self.remove().await,
            None => {}
        }
    }

    /// The out-of-memory killer has struck; the first process may have survived it.
    async fn on_out_of_memory(&mut self) {
        if !self.record().state.oom_killed {
            self.note(|record| record.state.oom_killed = true, |_| {}).await;
        }
        self.tell("oom", []);
    }

    async fn on_restart_due(&mut self) {
        self.restart.cancel();
        if let Err(error) = self.start(true).await {
            tracing::warn!(container = %self.container.id, %error, "the container could not be started again");
        }
    }

    /// Removes it: its folder, its record, its name, its hold on the image.
    async fn remove(&mut self) {
        if self.removed {
            return;
        }
        self.note(|record| record.state.status = Status::Removing, |_| {}).await;
        let outcome = remove::all_of(&self.engine, &self.container).await;
        match outcome {
            Ok(()) => {
                self.removed = true;
                self.tell("destroy", []);
                self.published.send_modify(|now| now.removal = Some(Ok(())));
            }
            Err(error) => {
                self.note(|record| record.state.status = Status::Dead, |_| {}).await;
                self.published.send_modify(|now| now.removal = Some(Err(error.message)));
            }
        }
    }

    /// Tells an event of this container.
    pub(crate) fn tell<const N: usize>(&self, action: &str, more: [(&str, String); N]) {
        self.engine.tell_container(&self.record(), action, more);
    }

    fn tell_die(&self, code: i32, ran: Duration) {
        self.tell("die", [("exitCode", code.to_string()), ("execDuration", ran.as_secs().to_string())]);
    }
}

/// How the run ended, once it has; never, while there is none.
async fn ended(process: Option<ProcessHandle>) -> Exit {
    match process {
        Some(process) => process.wait().await,
        None => std::future::pending().await,
    }
}

/// Ends when the out-of-memory killer strikes in the run; never, while there is none.
async fn struck(run: Option<&mut Run>) {
    let Some(struck) = run.and_then(|run| run.struck.as_mut()) else { return std::future::pending().await };
    if struck.changed().await.is_err() {
        // The machine has gone: its end says the rest.
        std::future::pending::<()>().await;
    }
}

/// Waits for the rest of the output; cuts off clients that hold it up.
async fn drain(mut pump: JoinHandle<()>, live: &Live) {
    if tokio::time::timeout(DRAIN, &mut pump).await.is_err() {
        live.cut_off.notify_one();
        if tokio::time::timeout(DRAIN, &mut pump).await.is_err() {
            pump.abort();
        }
    }
}
