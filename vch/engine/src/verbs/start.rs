//! `start`: disks, machine, process, in this order; whatever fails undoes what came before it.

use crate::container::attach::Input;
use crate::container::driver::{Driver, Run};
use crate::container::live::Live;
use crate::container::record::Record;
use crate::container::{Container, Verb, pump, run_message};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::logs::json_file::Writer;
use std::sync::Arc;
use tokio::sync::{Notify, OwnedMutexGuard, mpsc};
use vch_sandbox::hypervisor::{DiskFormat, DiskSpec};
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
    let log = open_log(driver, &record)?;
    let (request, layers) = machine_for(rooms, &driver.container, &record).await?;
    let message = run_message::of(&record, layers, &rooms.host_resolv_conf())?;
    let sandbox =
        rooms.machines().start(request).await.map_err(|e| Error::chain("start the container's microVM", &e))?;
    match sandbox.run(message, streams(&record)).await {
        Ok(process) => Ok(attach_tasks(driver, sandbox, process, log, disk)),
        Err(error) => {
            sandbox.end().await;
            Err(explain(&error))
        }
    }
}

/// The machine that a container's disks go into, and the number of its image's layers.
pub(crate) async fn machine_for(engine: &Engine, container: &Container, record: &Record) -> Result<(Request, u32)> {
    let prepared = engine.prepare_image(&record.image_id).await?;
    let disk = |lun, file, format, read_only| DiskSpec { lun, file, format, read_only };
    let mut disks = vec![disk(run_message::SCRATCH_LUN, container.scratch_path(), DiskFormat::Raw, false)];
    if let Some(image) = &prepared.image {
        disks.push(disk(run_message::IMAGE_LUN, image.clone(), DiskFormat::Vmdk, true));
    }
    let request = Request { id: record.id.clone(), hostname: run_message::hostname(record), disks };
    Ok((request, prepared.layers))
}

fn open_log(driver: &Driver, record: &Record) -> Result<Option<Writer>> {
    match record.spec.host.log.driver.as_str() {
        "none" => Ok(None),
        _ => Writer::open(&driver.container.log_path()).map(Some),
    }
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

fn attach_tasks(
    driver: &Driver,
    sandbox: Sandbox,
    mut process: Process,
    log: Option<Writer>,
    disk: OwnedMutexGuard<()>,
) -> Run {
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
    Run { live: Live::new(sandbox, handle, cut_off), pump, disk }
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
