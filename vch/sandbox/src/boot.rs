//! A cold boot up to the agent's first answer: for the accelerator's trial and for templates.

use crate::SandboxError;
use crate::agent_client::{Client, Numbers};
use crate::blueprint::Blueprint;
use crate::folder::Folder;
use crate::life::Life;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use vch_agent_proto::Hello;

/// A machine whose agent answers.
pub(crate) struct Booted {
    pub(crate) life: Life,
    pub(crate) client: Client,
    pub(crate) hello: Hello,
    pub(crate) took: Duration,
}

/// Boots a machine on `memory`, or on a file in its own folder that goes with it.
///
/// # Errors
/// It did not start, ended, or did not answer within `limit`: it has been ended then, and the error says what it said.
pub(crate) async fn boot(
    blueprint: &Blueprint,
    memory: Option<PathBuf>,
    limit: Duration,
) -> Result<Booted, SandboxError> {
    let start = Instant::now();
    let folder = Folder::make(&blueprint.run)?;
    let memory = memory.unwrap_or_else(|| folder.folder().path().join("memory"));
    let spec = blueprint.booting(folder.folder(), memory).await?;
    let life = Life::launch(blueprint, spec, folder).await?;
    match tokio::time::timeout(limit, greet(&life, limit)).await {
        Ok(Ok((client, hello))) => Ok(Booted { life, client, hello, took: start.elapsed() }),
        Ok(Err(error)) => Err(diagnosed(&life, crate::error::told(&error)).await),
        Err(_) => {
            let problem = format!("it did not answer within {} seconds", limit.as_secs());
            Err(diagnosed(&life, problem).await)
        }
    }
}

async fn greet(life: &Life, limit: Duration) -> Result<(Client, Hello), SandboxError> {
    let stream = life.machine().agent().await.map_err(SandboxError::hypervisor("connect to the agent"))?;
    let client = Client::new(stream, Numbers::default());
    // The caller's own deadline comes first.
    let hello = client.hello(limit * 2).await?;
    Ok((client, hello))
}

/// Ends the machine and says what went wrong, with what it said last.
async fn diagnosed(life: &Life, problem: String) -> SandboxError {
    let console = life.machine().console().await;
    let exit = life.machine().exited().borrow().clone();
    life.end().await;
    let last = |text: &str| text.lines().rev().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned);
    let mut text = match &exit {
        Some(exit) => format!("its machine ended ({})", exit.status),
        None => problem,
    };
    if let Some(line) = exit.as_ref().and_then(|exit| last(&exit.stderr)) {
        text = format!("{text}; it said: {line}");
    }
    if let Some(line) = last(&console) {
        text = format!("{text}; last on its console: {line}");
    }
    SandboxError::Boot(text)
}
