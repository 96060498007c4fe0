//! Runs a throw-away container in a machine through the whole path, and leaves no trace of it but warm memory.

use crate::agent_client::{Client, Exit, Process, Streams};
use crate::clone::ms;
use crate::life::Life;
use crate::settings::WarmUp;
use crate::{SandboxError, files, identity};
use sha2::{Digest, Sha256};
use std::time::{Duration, Instant};
use vch_agent_proto::ExitStatus;
use vch_hypervisor::{DiskFormat, DiskSpec};

/// How long the container may take, and each step round it.
const LIMIT: Duration = Duration::from_secs(60);

impl WarmUp {
    /// Digest of what it runs, for the template's key. Where its files lie makes no difference.
    pub(crate) fn digest(&self) -> Result<String, SandboxError> {
        let mut hash = Sha256::new();
        hash.update(format!("{:?}", self.container));
        for disk in &self.disks {
            let length = std::fs::metadata(&disk.file).map_err(SandboxError::storage("read", &disk.file))?.len();
            hash.update(format!("{} {:?} {} {length}\n", disk.lun, disk.format, disk.read_only));
        }
        Ok(hex::encode(hash.finalize()))
    }
}

/// A warm-up whose process runs.
pub(crate) struct Running {
    /// Milliseconds that attaching its disks and giving an identity took.
    pub(crate) attach_ms: f64,
    /// Milliseconds from then to its process running.
    pub(crate) run_ms: f64,
    process: Process,
    disks: Vec<DiskSpec>,
}

/// Runs the warm-up container in a machine that has no identity, and takes everything back: its disks, its identity.
///
/// # Errors
/// Any step failed, or the container did not exit with 0: the machine is of no use then.
pub(crate) async fn run(life: &Life, client: &Client, warm_up: &WarmUp) -> Result<(), SandboxError> {
    let running = start(life, client, warm_up).await?;
    finish(life, client, warm_up, running).await
}

/// Starts the warm-up container, the way that a user's is started.
pub(crate) async fn start(life: &Life, client: &Client, warm_up: &WarmUp) -> Result<Running, SandboxError> {
    let disks = own_disks(life, warm_up).await?;
    let start = Instant::now();
    let attach = disks.iter().map(|disk| life.machine().attach(disk));
    let attach = futures_util::future::try_join_all(attach);
    let attach = async { attach.await.map_err(SandboxError::hypervisor("attach a disk of the warm-up")) };
    tokio::try_join!(attach, personalize(client))?;
    let attach_ms = ms(start);
    let start = Instant::now();
    let streams = Streams::Pipes { stdin: false, stdout: true, stderr: true };
    let process = client.started(client.run(warm_up.container.clone(), streams)?).await?;
    Ok(Running { attach_ms, run_ms: ms(start), process, disks })
}

/// Gives a machine an identity for a while.
pub(crate) async fn personalize(client: &Client) -> Result<(), SandboxError> {
    let identity = identity::fresh("warm-up", None)?;
    client.done(client.personalize(identity, LIMIT)?).await
}

async fn finish(life: &Life, client: &Client, warm_up: &WarmUp, running: Running) -> Result<(), SandboxError> {
    let Running { mut process, disks, .. } = running;
    let mut output = process.take_output();
    let ended = async {
        while let Some(output) = &mut output
            && output.next().await.is_some()
        {}
        let exit = process.wait().await;
        if let Some(mut released) = client.released(&warm_up.container.id) {
            // The sender goes only with the connection, and the exit tells of that.
            let _ = released.wait_for(|released| *released).await;
        }
        exit
    };
    let late = SandboxError::Deadline { what: "the warm-up container", limit: LIMIT };
    match tokio::time::timeout(LIMIT, ended).await.map_err(|_| late)? {
        Exit::Ended { status: ExitStatus::Code(0), .. } => {}
        Exit::Ended { status, .. } => {
            return Err(SandboxError::Template(format!("the warm-up container ended with code {}", status.code())));
        }
        Exit::MachineGone => return Err(SandboxError::MachineGone),
    }
    for disk in &disks {
        life.machine().detach(disk.lun).await.map_err(SandboxError::hypervisor("detach a disk of the warm-up"))?;
    }
    client.done(client.anonymize(LIMIT)?).await?;
    for disk in disks.iter().filter(|disk| !disk.read_only) {
        std::fs::remove_file(&disk.file).map_err(SandboxError::storage("remove", &disk.file))?;
    }
    Ok(())
}

/// The disks, with copies in the machine's folder of those that will be written.
async fn own_disks(life: &Life, warm_up: &WarmUp) -> Result<Vec<DiskSpec>, SandboxError> {
    let (folder, disks) = (life.folder().path().to_path_buf(), warm_up.disks.clone());
    let copy = move || {
        let own = disks.into_iter().map(|mut disk| {
            if !disk.read_only {
                if disk.format != DiskFormat::Raw {
                    let text = format!("the warm-up's writable disk {} must be raw", disk.file.display());
                    return Err(SandboxError::Setting(text));
                }
                let file = folder.join(format!("warm-up-{}.raw", disk.lun));
                files::copy_sparse(&disk.file, &file).map_err(SandboxError::storage("copy", &disk.file))?;
                disk.file = file;
            }
            Ok(disk)
        });
        own.collect()
    };
    crate::blocking(copy).await
}
