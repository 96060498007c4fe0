//! One container's microVM, from the moment it has its identity to its end.

use crate::agent_client::{Client, Closed, Probes, Process, Sent, Starting, Streams};
use crate::clone::{Idle, Timings, ms};
use crate::host;
use crate::identity::Mac;
use crate::life::Life;
use crate::{MachineExit, SandboxError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use vch_agent_proto as proto;
use vch_hypervisor::DiskSpec;

/// How long the guest may take to let go of a container's disks.
const RELEASE: Duration = Duration::from_secs(30);

/// How long the guest may take to have a container stand still; the agent gives up far earlier.
const FREEZE: Duration = Duration::from_secs(30);

/// How long the guest may take to end everything in order.
const SHUTDOWN: Duration = Duration::from_secs(20);

/// A running microVM; cheap to clone. It is to be ended by [`Sandbox::end`]; when its last handle is dropped without
/// that, it is ended all the same, with a warning in the log.
#[derive(Debug, Clone)]
pub struct Sandbox {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    id: String,
    client: Client,
    life: Arc<Life>,
    mac: Option<Mac>,
    timings: Mutex<Timings>,
    begun: Instant,
    /// Counts as a start under way until a container runs.
    starting: Mutex<Option<host::Starting>>,
    /// The identity's answer, until somebody has waited for it.
    personalizing: tokio::sync::Mutex<Option<Sent>>,
}

/// A start that is to be finished by the first container.
#[derive(Debug)]
pub(crate) struct Begin {
    /// When it began.
    pub(crate) at: Instant,
    /// The identity, sent and not yet answered.
    pub(crate) personalizing: Sent,
    /// Counts it.
    pub(crate) starting: host::Starting,
}

impl Sandbox {
    /// Takes over a machine that has its disks, and its identity on the way to it.
    pub(crate) fn new(id: String, idle: Idle, timings: Timings, mac: Option<Mac>, begin: Begin) -> Self {
        let Idle { life, client, .. } = idle;
        let life = Arc::new(life);
        tokio::spawn(watch_over(id.clone(), Arc::downgrade(&life), client.closed(), life.machine().exited()));
        let (timings, starting) = (Mutex::new(timings), Mutex::new(Some(begin.starting)));
        let personalizing = tokio::sync::Mutex::new(Some(begin.personalizing));
        let begun = begin.at;
        Self { shared: Arc::new(Shared { id, client, life, mac, timings, begun, starting, personalizing }) }
    }

    /// The ID that it was started with.
    pub fn id(&self) -> &str {
        &self.shared.id
    }

    /// Process ID of its machine on the host.
    pub fn pid(&self) -> Option<u32> {
        self.shared.life.machine().pid()
    }

    /// Its machine's name, which is also that of its folder under `run`.
    pub fn machine(&self) -> String {
        self.shared.life.folder().name()
    }

    /// Hardware address of its first NIC, if it has one.
    pub fn mac(&self) -> Option<[u8; 6]> {
        self.shared.mac.as_ref().map(|mac| mac.bytes)
    }

    /// Where the time of its start went.
    pub fn timings(&self) -> Timings {
        *self.timings_mut()
    }

    /// Runs a container. Its process's number and streams are set here, whatever they are in `container`.
    ///
    /// # Errors
    /// [`SandboxError::Failure`] with the agent's words if it cannot be started; the sandbox is still there then. If the
    /// machine's identity could not be set, it has been ended.
    pub async fn run(&self, container: proto::Container, streams: Streams) -> Result<Process, SandboxError> {
        let started = self.run_first(container, streams).await;
        let under_way = self.shared.starting.lock().unwrap_or_else(PoisonError::into_inner).take();
        if under_way.is_some() && started.is_ok() {
            self.timings_mut().started_ms = ms(self.shared.begun);
        }
        started
    }

    async fn run_first(&self, container: proto::Container, streams: Streams) -> Result<Process, SandboxError> {
        self.first(|client| client.run(container, streams)).await
    }

    /// Works on the files of a container that does not run, whose disks this machine has: in the place of
    /// [`Sandbox::run`]. The process's standard output is as [`proto::files`] says; it has standard input where `input`.
    ///
    /// # Errors
    /// As [`Sandbox::run`].
    pub async fn files_at_rest(
        &self,
        container: proto::Container,
        work: proto::FileWork,
        input: bool,
    ) -> Result<Process, SandboxError> {
        drop(self.shared.starting.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.first(|client| client.files_at_rest(container, work, file_streams(input))).await
    }

    /// Works on the files of a container that runs here; else as [`Sandbox::files_at_rest`].
    ///
    /// # Errors
    /// [`SandboxError::Failure`] with the agent's words if it cannot begin, of class `NotFound` if the container ends.
    pub async fn files(&self, container: &str, work: proto::FileWork, input: bool) -> Result<Process, SandboxError> {
        let client = &self.shared.client;
        client.started(client.files(container, work, file_streams(input))?).await
    }

    /// Has every process of a container stand still, or go on; the machine and its agent run on.
    ///
    /// # Errors
    /// A process does not stand still in time; the container ends; the machine is gone.
    pub async fn freeze(&self, container: &str, frozen: bool) -> Result<(), SandboxError> {
        let client = &self.shared.client;
        client.done(client.freeze(container, frozen, FREEZE)?).await
    }

    async fn first(
        &self,
        send: impl FnOnce(&Client) -> Result<Starting, SandboxError>,
    ) -> Result<Process, SandboxError> {
        let client = &self.shared.client;
        let mut personalizing = self.shared.personalizing.lock().await;
        // Sent behind the identity without waiting for its answer: the agent takes both in order, and refuses to run
        // anything if the identity does not hold.
        let starting = send(client)?;
        if let Some(sent) = personalizing.take()
            && let Err(error) = client.done(sent).await
        {
            self.end().await;
            return Err(error);
        }
        drop(personalizing);
        client.started(starting).await
    }

    /// Starts a further process in a running container. Its number and streams are set here.
    ///
    /// # Errors
    /// [`SandboxError::Failure`] with the agent's words if it cannot be started.
    pub async fn exec(
        &self,
        container: &str,
        process: proto::Process,
        streams: Streams,
    ) -> Result<Process, SandboxError> {
        let client = &self.shared.client;
        client.started(client.exec(container, process, streams)?).await
    }

    /// Has the agent check a running container's health, until what comes back is dropped. Its process's number is set
    /// here; its streams are not used.
    ///
    /// # Errors
    /// The machine is gone, or answers no requests any more.
    pub fn check_health(&self, container: &str, check: proto::HealthCheck) -> Result<Probes, SandboxError> {
        self.shared.client.check_health(container, check)
    }

    /// Gives the machine a further disk.
    ///
    /// # Errors
    /// The LUN is taken, the file cannot be opened, or the machine is gone.
    pub async fn attach(&self, disk: &DiskSpec) -> Result<(), SandboxError> {
        self.shared.life.machine().attach(disk).await.map_err(SandboxError::hypervisor("attach a disk"))
    }

    /// Takes a disk away that no container uses any more.
    ///
    /// # Errors
    /// No disk has that LUN, or the machine is gone.
    pub async fn detach(&self, lun: u16) -> Result<(), SandboxError> {
        self.shared.life.machine().detach(lun).await.map_err(SandboxError::hypervisor("detach a disk"))
    }

    /// Returns once the guest has flushed and unmounted the container's disks, or its machine has gone, or at once for
    /// a container that never ran here.
    ///
    /// # Errors
    /// The guest takes too long.
    pub async fn released(&self, container: &str) -> Result<(), SandboxError> {
        let Some(mut released) = self.shared.client.released(container) else { return Ok(()) };
        match tokio::time::timeout(RELEASE, released.wait_for(|released| *released)).await {
            Ok(_) => Ok(()),
            Err(_) => Err(SandboxError::Deadline { what: "unmounting the container's disks", limit: RELEASE }),
        }
    }

    /// All processes of a running container, by rising process ID.
    ///
    /// # Errors
    /// It does not run here; no answer in time (a paused machine gives none); the machine is gone.
    pub async fn processes(&self, container: &str) -> Result<proto::Processes, SandboxError> {
        self.shared.client.processes(container).await
    }

    /// What a running container has used.
    ///
    /// # Errors
    /// As [`Sandbox::processes`].
    pub async fn usage(&self, container: &str) -> Result<proto::Usage, SandboxError> {
        self.shared.client.usage(container).await
    }

    /// Changes a running container's limits; what is not limited any more is lifted. A paused machine does so, and
    /// answers, when it goes on.
    ///
    /// # Errors
    /// [`SandboxError::Failure`] if the kernel refuses a value; else as [`Sandbox::processes`].
    pub async fn limit(&self, container: &str, limits: proto::Limits) -> Result<(), SandboxError> {
        self.shared.client.limit(container, limits).await
    }

    /// Counts how often the guest's out-of-memory killer has struck in a container; `None` for one that was never run
    /// here. Ends with the machine.
    pub fn struck(&self, container: &str) -> Option<watch::Receiver<u64>> {
        self.shared.client.struck(container)
    }

    /// Becomes `Some` when the machine's process has ended, for whatever reason: the one truth.
    pub fn exited(&self) -> watch::Receiver<Option<MachineExit>> {
        self.shared.life.machine().exited()
    }

    /// Stops the virtual CPUs.
    ///
    /// # Errors
    /// The machine is gone.
    pub async fn pause(&self) -> Result<(), SandboxError> {
        self.shared.life.machine().pause().await.map_err(SandboxError::hypervisor("pause the machine"))
    }

    /// Lets the virtual CPUs run again.
    ///
    /// # Errors
    /// The machine is gone.
    pub async fn resume(&self) -> Result<(), SandboxError> {
        self.shared.life.machine().resume().await.map_err(SandboxError::hypervisor("resume the machine"))
    }

    /// What the guest's console said last, at most 64 KiB: for diagnostics.
    pub async fn console(&self) -> String {
        self.shared.life.machine().console().await
    }

    /// Asks the guest to kill what runs and to unmount every disk, and ends the machine then, or after a deadline.
    pub async fn shut_down(&self) {
        let client = &self.shared.client;
        let asked = match client.shutdown(SHUTDOWN) {
            Ok(sent) => client.done(sent).await,
            Err(error) => Err(error),
        };
        if let Err(error) = asked {
            tracing::debug!(sandbox = self.shared.id, error = crate::error::told(&error), "no shutdown in order");
        }
        self.end().await;
    }

    /// Ends the machine as if its power were cut, and removes its folder; returns once nothing of it is left. Repeating
    /// it does no harm.
    pub async fn end(&self) {
        let life = self.shared.life.clone();
        drop(self.shared.starting.lock().unwrap_or_else(PoisonError::into_inner).take());
        // Apart from the caller, who may be cancelled half way.
        let ending = tokio::spawn(async move { life.end().await });
        if let Err(error) = ending.await {
            tracing::error!(sandbox = self.shared.id, %error, "ending a machine went wrong");
        }
    }

    fn timings_mut(&self) -> MutexGuard<'_, Timings> {
        self.shared.timings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn file_streams(input: bool) -> Streams {
    Streams::Pipes { stdin: input, stdout: true, stderr: false }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if self.life.is_alive() {
            tracing::warn!(sandbox = self.id, "a sandbox was dropped without being ended; it is ended now");
        }
    }
}

/// Ends a machine whose guest broke the protocol, hung up, or whose process has gone: nothing of it stays behind.
async fn watch_over(
    id: String,
    life: std::sync::Weak<Life>,
    mut closed: watch::Receiver<Option<Closed>>,
    mut exited: watch::Receiver<Option<MachineExit>>,
) {
    let why = tokio::select! {
        biased;
        exit = exited.wait_for(Option::is_some) => exit.ok().and_then(|exit| exit.clone()).map(|exit| format!("{exit:?}")),
        closed = closed.wait_for(Option::is_some) => match closed.ok().and_then(|closed| closed.clone()) {
            Some(Closed::Protocol(reason)) => {
                tracing::error!(sandbox = id, reason, "the guest broke the agent protocol and is ended");
                None
            }
            _ => None,
        },
    };
    let Some(life) = life.upgrade() else { return };
    if let Some(why) = why {
        tracing::debug!(sandbox = id, why, "the machine has gone");
    }
    life.end().await;
}
