//! `start`: disks, machine, process, in this order; whatever fails undoes what came before it.

use crate::container::attach::Input;
use crate::container::driver::{Driver, Run};
use crate::container::live::Live;
use crate::container::record::Record;
use crate::container::run_message::Place;
use crate::container::tenant::{Disks, FIRST_SLOT, Tenant};
use crate::container::{Container, Verb, pump, run_message};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::logs::sink::Sink;
use std::sync::Arc;
use tokio::sync::{Notify, OwnedMutexGuard, mpsc};
use vch_sandbox::proto::{FailureClass, WindowSize};
use vch_sandbox::{Process, Request, Sandbox, SandboxError, Streams};

impl Engine {
    /// Starts a container.
    ///
    /// # Errors
    /// `NotModified` if it runs; Docker's words for a program that cannot be run.
    pub async fn start(&self, name: &str) -> Result<()> {
        self.find(name)?.ask(Verb::Start).await
    }
}

/// A start that failed, and the exit code that Docker gives for it.
#[derive(Debug)]
pub(crate) struct Failed {
    /// Why.
    pub(crate) error: Error,
    /// 125, 126, 127 or 128.
    pub(crate) exit_code: i32,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, exit_code: 128 }
    }
}

/// Starts the container's machine and process, and the tasks that move its bytes.
pub(crate) async fn run(driver: &Driver) -> std::result::Result<Run, Failed> {
    let record = driver.record();
    let rooms = &driver.engine;
    // Work on its files at rest comes to its end first.
    let disk = Arc::clone(&driver.container.disk).lock_owned().await;
    let log = Sink::open(&driver.container, &record).await?;
    let joining = rooms.joining(&record)?;
    let (disks, layers) = disks_of(rooms, &driver.container, &record).await?;
    let (sandbox, tenant) = settle(rooms, &record, joining.tenant, &disks).await?;
    let place = Place { layers, slot: tenant.slot(), names: &joining.names };
    let started = match run_message::of(&record, &place, &rooms.host_resolv_conf()) {
        Ok(message) => sandbox.run(message, streams(&record)).await.map_err(|error| explain(&error)),
        Err(error) => Err(error.into()),
    };
    match started {
        Ok(process) => {
            adopt_names(driver, &record, &joining.names).await;
            Ok(attach_tasks(driver, tenant, process, log, disk))
        }
        Err(failed) => {
            tenant.leave().await;
            Err(failed)
        }
    }
}

/// A place in the machine of those whose namespaces are joined, or in one of its own.
async fn settle(rooms: &Engine, record: &Record, joined: Option<Tenant>, disks: &Disks) -> Result<(Sandbox, Tenant)> {
    if let Some(joined) = joined {
        let tenant = joined.join(&record.id, disks).await?;
        return Ok((tenant.sandbox().clone(), tenant));
    }
    let started = rooms.machines().start(machine_of(record, disks)).await;
    let sandbox = started.map_err(|e| Error::chain("start the container's microVM", &e))?;
    Ok((sandbox.clone(), Tenant::first(sandbox, &record.id, disks)))
}

/// As dockerd, a container that joins another's network has that one's host name from its start on.
async fn adopt_names(driver: &Driver, record: &Record, names: &Record) {
    let (hostname, domainname) = (run_message::hostname(names), names.spec.domainname.clone());
    if names.id == record.id || (record.spec.hostname == hostname && record.spec.domainname == domainname) {
        return;
    }
    let adopted = driver.change(|record| {
        let spec = Arc::make_mut(&mut record.spec);
        spec.hostname = hostname;
        spec.domainname = domainname;
    });
    if let Err(error) = adopted.await {
        tracing::warn!(container = %record.id, %error, "inspect shows the host name that the container had before");
    }
}

/// A container's disks, and the number of its image's layers.
pub(crate) async fn disks_of(engine: &Engine, container: &Container, record: &Record) -> Result<(Disks, u32)> {
    let prepared = engine.prepare_image(&record.image_id).await?;
    Ok((Disks { image: prepared.image, scratch: container.scratch_path() }, prepared.layers))
}

/// The machine that a container's disks go into.
pub(crate) fn machine_of(record: &Record, disks: &Disks) -> Request {
    Request { id: record.id.clone(), hostname: run_message::hostname(record), disks: disks.in_slot(FIRST_SLOT) }
}

fn streams(record: &Record) -> Streams {
    let spec = &record.spec;
    if spec.tty {
        let [rows, columns] = spec.host.console_size;
        Streams::Terminal {
            input: spec.open_stdin,
            size: (rows > 0 && columns > 0).then_some(WindowSize { rows, columns }),
        }
    } else {
        Streams::Pipes { stdin: spec.open_stdin, stdout: true, stderr: true }
    }
}

fn attach_tasks(driver: &Driver, tenant: Tenant, mut process: Process, log: Sink, disk: OwnedMutexGuard<()>) -> Run {
    let container = &driver.container;
    container.log.send_modify(|progress| {
        progress.runs += 1;
        progress.writing = true;
    });
    let cut_off = Arc::new(Notify::new());
    let pump = match process.take_output() {
        Some(output) => tokio::spawn(pump::output(Arc::clone(container), output, log, Arc::clone(&cut_off))),
        None => tokio::spawn(std::future::ready(())),
    };
    if let Some(stdin) = process.take_stdin() {
        // Without a receiver some earlier run still has it, which its end will give back.
        let clients = container.attachments.take_input().unwrap_or_else(|| mpsc::channel::<Input>(1).1);
        tokio::spawn(pump::input(clients, stdin));
    }
    let handle = process.handle();
    let struck = tenant.sandbox().struck(&container.id);
    let live = Live { sandbox: tenant.sandbox().clone(), tenant, process: handle, cut_off };
    Run { live, pump, disk, struck }
}

/// The agent's refusal in the words that runc's would reach a client in, and the exit code that goes with it.
fn explain(error: &SandboxError) -> Failed {
    let SandboxError::Failure(failure) = error else {
        return Error::chain("start the container's process", error).into();
    };
    let message = format!(
        "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: \
         unable to start container process: {}: unknown",
        failure.message
    );
    match failure.class {
        FailureClass::ExecutableNotFound => Failed { error: Error::invalid(message), exit_code: 127 },
        FailureClass::ExecutableRefused => Failed { error: Error::invalid(message), exit_code: 126 },
        FailureClass::WorkingDirectory if message.contains("no such file or directory") => {
            Failed { error: Error::invalid(message), exit_code: 127 }
        }
        FailureClass::UnknownUser => Failed { error: Error::system(failure.message.clone()), exit_code: 126 },
        _ => Failed { error: Error::system(message), exit_code: 128 },
    }
}
