//! The machine in which a container's files can be worked on.
//!
//! A container's disk is in one machine at a time: a run holds [`Container::disk`] from its start until its machine has
//! ended, and so does the machine that is cloned for work on a container at rest. Until that work is done the container
//! cannot start, as under dockerd, which locks it for as long.

use crate::container::Container;
use crate::container::live::Live;
use crate::container::run_message;
use crate::container::tenant::FIRST_SLOT;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::timestamp::Timestamp;
use crate::verbs::start;
use std::sync::Arc;
use tokio::sync::OwnedMutexGuard;
use vch_sandbox::proto::{FailureClass, FileWork};
use vch_sandbox::{Process, Sandbox, SandboxError};

/// How often a container may end or start just when its files are to be worked on.
const TRIES: u32 = 8;

/// The machine, until [`Place::leave`].
pub(super) enum Place {
    /// The container's own.
    Running(Live),
    /// One of its own.
    AtRest {
        /// The machine.
        sandbox: Sandbox,
        /// The container's ID.
        id: String,
        /// Keeps the container from starting.
        disk: OwnedMutexGuard<()>,
    },
}

impl Place {
    /// Begins the work where it can be done.
    ///
    /// # Errors
    /// The container is gone; no machine can be had; the guest refuses.
    pub(super) async fn begin(
        engine: &Engine,
        container: &Arc<Container>,
        work: &FileWork,
        input: bool,
    ) -> Result<(Self, Process)> {
        for _ in 0..TRIES {
            let mut watch = container.watch();
            let (live, ends) = {
                let now = watch.borrow_and_update();
                (now.live.clone(), now.ends)
            };
            if let Some(live) = live {
                live.tenant.begin_work().await.map_err(|e| Error::chain("wake the container's machine", &e))?;
                match live.sandbox.files(&container.id, work.clone(), input).await {
                    Ok(process) => return Ok((Self::Running(live), process)),
                    Err(error) if is_ending(&error) => {
                        live.tenant.end_work().await;
                        // Its files are at rest soon.
                        watch.wait_for(|now| now.ends != ends).await.map(drop).map_err(|_| gone(container))?;
                    }
                    Err(error) => {
                        live.tenant.end_work().await;
                        return Err(Error::chain("work on the container's files", &error));
                    }
                }
                continue;
            }
            // Whoever waits for a container that is just starting would wait for its end.
            let disk = tokio::select! {
                disk = Arc::clone(&container.disk).lock_owned() => Some(disk),
                started = async { watch.wait_for(|now| now.live.is_some()).await.is_ok() } => match started {
                    true => None,
                    false => return Err(gone(container)),
                },
            };
            if let Some(disk) = disk {
                return at_rest(engine, container, work, input, disk).await;
            }
        }
        Err(Error::conflict(format!("container {} starts and ends again and again: stop it first", container.id)))
    }

    /// Lets go of it: of a machine of the work's own, once everything is on the disk.
    pub(super) async fn leave(self) {
        match self {
            Self::Running(live) => live.tenant.end_work().await,
            Self::AtRest { sandbox, id, disk } => {
                if let Err(error) = sandbox.released(&id).await {
                    tracing::warn!(container = %id, %error, "the container's disk was not unmounted in order");
                }
                sandbox.end().await;
                drop(disk);
            }
        }
    }
}

fn gone(container: &Container) -> Error {
    Error::no_such_container(&container.id)
}

fn is_ending(error: &SandboxError) -> bool {
    match error {
        SandboxError::Failure(failure) => failure.class == FailureClass::NotFound,
        error => matches!(error, SandboxError::MachineGone),
    }
}

async fn at_rest(
    engine: &Engine,
    container: &Container,
    work: &FileWork,
    input: bool,
    disk: OwnedMutexGuard<()>,
) -> Result<(Place, Process)> {
    let record = container.record();
    if container.now().removal.is_some() {
        return Err(gone(container));
    }
    let (disks, layers) = start::disks_of(engine, container, &record).await?;
    let place = run_message::Place { layers, slot: FIRST_SLOT, names: &record };
    let mut message = run_message::of(&record, &place, &engine.host_resolv_conf())?;
    if record.state.started_at == Timestamp::ZERO {
        // Docker writes them when a container starts first.
        message.files.clear();
    }
    let sandbox = engine
        .machines()
        .start(start::machine_of(&record, &disks))
        .await
        .map_err(|e| Error::chain("start a microVM for the container's files", &e))?;
    match sandbox.files_at_rest(message, work.clone(), input).await {
        Ok(process) => Ok((Place::AtRest { sandbox, id: record.id.clone(), disk }, process)),
        Err(error) => {
            sandbox.end().await;
            Err(Error::chain("work on the container's files", &error))
        }
    }
}
