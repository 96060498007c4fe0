//! A running QEMU as a [`Machine`].
//!
//! Made by [`super::launch`]. Disks are in [`super::disks`], saving and restoring in [`super::migration`].

use super::{
    args::line::{CONSOLE, CONSOLE_SIZE},
    directory::AGENT,
    launch::Started,
    qmp::Client,
    record::Record,
};
use crate::{Cause, DiskSpec, Exit, HypervisorError, Machine, Result};
use base64::Engine;
use serde_json::json;
use std::{
    fs::File,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::UnixStream,
    sync::{Mutex, watch},
};

/// How long QEMU may take to end when asked; it closes its disks within a few milliseconds.
const QUIT: Duration = Duration::from_secs(3);
/// How long the kernel may take to end a killed process: its memory is given back, and disk writes under way finish.
const KILL: Duration = Duration::from_secs(20);

/// One machine.
pub(super) struct QemuMachine {
    pub(super) record: Record,
    pub(super) client: Client,
    started: Started,
    /// Whether it was started to be restored and was not yet.
    pub(super) waiting: AtomicBool,
    /// What of the console was read: reading takes it out of QEMU's buffer.
    console: Mutex<Vec<u8>>,
    /// Whether we are ending it.
    asked: Arc<AtomicBool>,
    exited: watch::Receiver<Option<Exit>>,
}

impl QemuMachine {
    pub(super) fn new(record: Record, started: Started, client: Client, waiting: bool) -> Arc<Self> {
        let (tell, exited) = watch::channel(None);
        let asked = Arc::new(AtomicBool::new(false));
        let (ended, closed, by_us) = (started.process.ended(), client.closed(), asked.clone());
        tokio::spawn(async move {
            let (status, stderr) = ended.await;
            // The process is gone, so the connection ends; its last event tells why.
            let told = closed.await;
            let cause = if by_us.load(Ordering::SeqCst) { Cause::Asked } else { told.unwrap_or(Cause::Unknown) };
            tell.send_replace(Some(Exit { cause, status, stderr }));
        });
        let waiting = AtomicBool::new(waiting);
        Arc::new(Self { record, client, started, waiting, console: Mutex::default(), asked, exited })
    }

    pub(super) fn refuse(&self, command: &'static str, message: &str) -> HypervisorError {
        HypervisorError::Refused { name: self.record.name.clone(), command, message: message.to_owned() }
    }

    /// The exit, if it comes within `limit`.
    pub(super) async fn ended_within(&self, limit: Duration) -> Option<Exit> {
        let mut exited = self.exited.clone();
        let exit = tokio::time::timeout(limit, exited.wait_for(Option::is_some)).await;
        exit.ok()?.ok()?.clone()
    }

    async fn read_console(&self) -> Result<String> {
        let mut console = self.console.lock().await;
        // Base64, for the guest may write any bytes.
        let arguments = json!({ "device": CONSOLE, "size": CONSOLE_SIZE, "format": "base64" });
        let answer = self.client.call("ringbuf-read", arguments).await;
        if let Some(fresh) = answer?.as_str().and_then(|text| base64::prelude::BASE64_STANDARD.decode(text).ok()) {
            console.extend_from_slice(&fresh);
            let excess = console.len().saturating_sub(CONSOLE_SIZE as usize);
            console.drain(..excess);
        }
        Ok(String::from_utf8_lossy(&console).into_owned())
    }
}

#[async_trait::async_trait]
impl Machine for QemuMachine {
    fn pid(&self) -> Option<u32> {
        self.exited.borrow().is_none().then_some(self.record.pid)
    }

    async fn agent(&self) -> Result<UnixStream> {
        self.started.directory.connect(AGENT).await
    }

    async fn attach(&self, disk: &DiskSpec) -> Result<()> {
        super::disks::attach(self, disk).await
    }

    async fn detach(&self, lun: u16) -> Result<()> {
        super::disks::detach(self, lun).await
    }

    async fn pause(&self) -> Result<()> {
        if self.waiting.load(Ordering::SeqCst) {
            return Ok(());
        }
        self.client.call("stop", json!({})).await.map(drop)
    }

    async fn resume(&self) -> Result<()> {
        // QEMU would take the command and start by itself later.
        if self.waiting.load(Ordering::SeqCst) {
            return Err(self.refuse("cont", "it waits to be restored"));
        }
        self.client.call("cont", json!({})).await.map(drop)
    }

    async fn save(&self, state: File) -> Result<()> {
        super::migration::save(self, state).await
    }

    async fn restore(&self, state: File) -> Result<()> {
        super::migration::restore(self, state).await
    }

    async fn console(&self) -> String {
        match self.read_console().await {
            Ok(text) => text,
            // What was read before is still the best there is.
            Err(_) => String::from_utf8_lossy(&self.console.lock().await).into_owned(),
        }
    }

    async fn quit(&self) -> Result<()> {
        self.asked.store(true, Ordering::SeqCst);
        let quit = self.client.send("quit", json!({}), None);
        let mut ended = self.ended_within(QUIT).await;
        drop(quit);
        if ended.is_none() {
            tracing::warn!(machine = self.record.name, "QEMU does not end when asked and is killed");
            let failed = |source| HypervisorError::Process { name: self.record.name.clone(), action: "kill", source };
            self.started.process.kill().map_err(failed)?;
            ended = self.ended_within(KILL).await;
            if ended.is_none() {
                return Err(failed(io::ErrorKind::TimedOut.into()));
            }
        }
        self.started.directory.clear();
        Ok(())
    }

    fn exited(&self) -> watch::Receiver<Option<Exit>> {
        self.exited.clone()
    }
}
