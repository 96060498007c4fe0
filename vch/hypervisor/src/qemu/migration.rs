//! Saving a machine's device state and restoring it into another: QEMU's migration, to and from an open file.
//!
//! Called by [`super::machine`]. The capability `x-ignore-shared` leaves shared memory out of the stream, so a template's
//! state is a few hundred KiB beside its memory file; a clone maps that file privately and loads the state.
//!
//! The file is passed by descriptor (`getfd`, then `fd:`): 7.2 has no `file:` yet, and `exec:` would be a shell. Later
//! versions call `fd:` with a file deprecated and take it all the same.

use super::{machine::QemuMachine, qmp::Event};
use crate::{HypervisorError, Result};
use serde_json::{Value, json};
use std::{fs::File, os::fd::OwnedFd, path::Path, sync::atomic::Ordering, time::Duration};

/// How long saving or restoring may take. Milliseconds as a rule; a host that swaps takes longer.
const LIMIT: Duration = Duration::from_secs(60);

/// How long a QEMU that cannot load a state may take to end: it exits by itself then, or stays with the error.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Name that the descriptor has inside QEMU.
const FD: &str = "state";

fn capabilities() -> Value {
    let on = |name| json!({ "capability": name, "state": true });
    json!({ "capabilities": [on("x-ignore-shared"), on("events")] })
}

/// As [`Machine::save`](crate::Machine::save).
pub(super) async fn save(machine: &QemuMachine, state: File) -> Result<()> {
    const COMMAND: &str = "migrate";
    if !machine.record.shared {
        return Err(machine.refuse(COMMAND, "its memory is private and would be lost"));
    }
    let status = machine.client.call("query-status", json!({})).await?;
    if status.get("running").and_then(Value::as_bool) != Some(false) || machine.waiting.load(Ordering::SeqCst) {
        return Err(machine.refuse(COMMAND, "it must be paused first"));
    }
    let theirs = state.try_clone().map_err(|source| file_error(machine, "duplicate", source))?;
    migrate(machine, COMMAND, theirs.into()).await?;
    let memory = machine.record.memory.clone();
    let synced = tokio::task::spawn_blocking(move || sync(&state, &memory)).await;
    synced
        .map_err(std::io::Error::other)
        .and_then(|result| result)
        .map_err(|source| file_error(machine, "flush", source))
}

/// As [`Machine::restore`](crate::Machine::restore).
pub(super) async fn restore(machine: &QemuMachine, state: File) -> Result<()> {
    const COMMAND: &str = "migrate-incoming";
    if !machine.waiting.load(Ordering::SeqCst) {
        return Err(machine.refuse(COMMAND, "it was not started to be restored, or was restored before"));
    }
    match migrate(machine, COMMAND, state.into()).await {
        Ok(()) => {
            machine.waiting.store(false, Ordering::SeqCst);
            Ok(())
        }
        // A state that does not fit ends QEMU, which has said why.
        Err(error) => match machine.ended_within(LAST_WORDS).await {
            Some(exit) => Err(HypervisorError::DidNotStart {
                name: machine.record.name.clone(),
                status: exit.status,
                stderr: exit.stderr,
            }),
            None => Err(error),
        },
    }
}

/// Starts a migration and waits for its end. All commands are sent at once.
async fn migrate(machine: &QemuMachine, command: &'static str, fd: OwnedFd) -> Result<()> {
    let client = &machine.client;
    let mut events = client.events();
    let prepared = client.send("migrate-set-capabilities", capabilities(), None);
    let passed = client.send("getfd", json!({ "fdname": FD }), Some(fd));
    let begun = client.send(command, json!({ "uri": format!("fd:{FD}") }), None);
    prepared.answer().await?;
    passed.answer().await?;
    begun.answer().await?;
    let last = |event| match event {
        Event::Migration { status } if ["completed", "failed", "cancelled"].contains(&status.as_str()) => Some(status),
        _ => None,
    };
    let status = events.wait("moving a machine's state", LIMIT, last).await?;
    if status == "completed" {
        return Ok(());
    }
    let told = client.call("query-migrate", json!({})).await.unwrap_or_default();
    let reason = told.get("error-desc").and_then(Value::as_str).unwrap_or("no reason given");
    Err(machine.refuse(command, &format!("{status}: {reason}")))
}

/// Brings state and memory to stable storage: a template outlives a power cut whole, or its index does not name it.
fn sync(state: &File, memory: &Path) -> std::io::Result<()> {
    state.sync_all()?;
    File::open(memory)?.sync_all()
}

fn file_error(machine: &QemuMachine, action: &'static str, source: std::io::Error) -> HypervisorError {
    let (name, path) = (machine.record.name.clone(), machine.record.memory.clone());
    HypervisorError::File { name, action, path, source }
}
