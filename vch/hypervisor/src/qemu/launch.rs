//! From a specification to a running QEMU, and from a folder back to one that already runs.
//!
//! Called by [`Qemu`](super::Qemu). It promises that a launch that fails, or is given up half-way, leaves no process.

use super::{
    args::line::{Fds, command_line},
    directory::{AGENT, Directory, LOG, PID, QMP},
    machine::QemuMachine,
    process::Process,
    qmp::Client,
    record::Record,
};
use crate::{Boot, HypervisorError, MachineSpec, Result, memory};
use std::{
    os::fd::{AsFd, AsRawFd},
    path::Path,
    sync::Arc,
    time::Duration,
};

/// How long a QEMU that has hung up may take to end by itself, so that its own status can be told.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A machine's process and folder. Until it is a machine's, dropping it ends the one and clears the other.
pub(super) struct Started {
    pub(super) process: Process,
    pub(super) directory: Directory,
    settled: bool,
}

impl Drop for Started {
    fn drop(&mut self) {
        if !self.settled {
            // The process's own task reaps it.
            if let Err(error) = self.process.kill() {
                tracing::error!(pid = self.process.pid, %error, "cannot kill a machine that did not start");
            }
            self.directory.clear();
        }
    }
}

/// Starts a machine.
///
/// # Errors
/// As [`Hypervisor::launch`](crate::Hypervisor::launch).
pub(super) async fn launch(program: &Path, kind: &str, spec: MachineSpec) -> Result<Arc<QemuMachine>> {
    spec.check()?;
    let directory = Directory::open(&spec.name, &spec.directory)?;
    memory::prepare(&spec)?;
    let mut started = spawn(program, kind, &spec, directory)?;
    match greet(&spec, &started).await {
        Ok((record, client)) => {
            started.settled = true;
            Ok(QemuMachine::new(record, started, client, matches!(spec.boot, Boot::Restore)))
        }
        // The usual failure: QEMU did not like something, said so, and ended.
        Err(HypervisorError::Gone { name }) => {
            let ended = started.process.ended();
            match tokio::time::timeout(LAST_WORDS, ended).await {
                Ok((status, stderr)) => Err(HypervisorError::DidNotStart { name, status, stderr }),
                Err(_) => Err(HypervisorError::Deadline { name, action: "its end", limit: LAST_WORDS }),
            }
        }
        Err(error) => Err(error),
    }
}

/// Finds the machine that lives in `path`.
///
/// # Errors
/// As [`Hypervisor::adopt`](crate::Hypervisor::adopt).
pub(super) async fn adopt(path: &Path) -> Result<Arc<QemuMachine>> {
    let missing =
        |problem: &str| HypervisorError::NoMachine { directory: path.to_owned(), problem: problem.to_owned() };
    let record = Record::read(path)?;
    // First held, then looked at: what is held cannot become another process in between.
    let process = Process::adopt(record.pid).map_err(|_| missing("its process has ended"))?;
    if !record.lives() {
        return Err(missing("its process has ended and another has its number"));
    }
    let directory = Directory::open(&record.name, path)?;
    let client = Client::connect(&record.name, directory.connect(QMP).await?).await?;
    let state = client.call("query-status", serde_json::json!({})).await?;
    let waiting = state.get("status").and_then(|status| status.as_str()) == Some("inmigrate");
    Ok(QemuMachine::new(record, Started { process, directory, settled: true }, client, waiting))
}

/// Starts the process on freshly bound sockets.
fn spawn(program: &Path, kind: &str, spec: &MachineSpec, directory: Directory) -> Result<Started> {
    let (qmp, agent) = (directory.listen(QMP)?, directory.listen(AGENT)?);
    let words = command_line(spec, kind, Fds { qmp: qmp.as_raw_fd(), agent: agent.as_raw_fd() });
    tracing::debug!(machine = spec.name, ?words, "starting QEMU");
    let mut keep = vec![qmp.as_fd(), agent.as_fd()];
    keep.extend(spec.nic.as_ref().map(|nic| nic.tap.as_fd()));
    match Process::spawn(program, &words, &keep, directory.path(LOG)) {
        Ok(process) => Ok(Started { process, directory, settled: false }),
        Err(source) => {
            directory.clear();
            Err(HypervisorError::Process { name: spec.name.clone(), action: "start", source })
        }
    }
}

/// Records who the process is, then waits until it takes commands.
async fn greet(spec: &MachineSpec, started: &Started) -> Result<(Record, Client)> {
    let directory = &started.directory;
    let record = Record::of(&spec.name, started.process.pid, &spec.memory)
        .map_err(|source| HypervisorError::Process { name: spec.name.clone(), action: "identify", source })?;
    let bytes = serde_json::to_vec(&record).map_err(|error| directory.error("write", PID, error.into()))?;
    directory.write(PID, &bytes)?;
    let client = Client::connect(&spec.name, directory.connect(QMP).await?).await?;
    Ok((record, client))
}
