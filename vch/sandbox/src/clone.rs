//! A clone: a machine restored from a template, its agent answering, without an identity yet.

use crate::SandboxError;
use crate::agent_client::{Client, Numbers};
use crate::blueprint::Blueprint;
use crate::folder::Folder;
use crate::life::Life;
use crate::template::Template;
use serde::Serialize;
use std::fs::File;
use std::time::{Duration, Instant};

/// How long a clone's agent may take to answer first. Long, for storms under software emulation.
const HELLO: Duration = Duration::from_secs(60);

/// Where the time of a start went, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Timings {
    /// Whether the clone was ready ahead of need; its first three phases were over before the start then.
    pub pooled: bool,
    /// The hypervisor's process launched, up to its first answer.
    pub qemu_ms: f64,
    /// Device state restored.
    pub restore_ms: f64,
    /// Virtual CPUs resumed, the agent's first answer.
    pub agent_ms: f64,
    /// Disks attached; the identity is on its way at the same time.
    pub attach_ms: f64,
    /// From the start's beginning to the container's process running; 0 until it does.
    pub started_ms: f64,
}

/// Milliseconds since `start`.
pub(crate) fn ms(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

/// A machine that waits for a container.
#[derive(Debug)]
pub(crate) struct Idle {
    pub(crate) life: Life,
    pub(crate) client: Client,
    pub(crate) timings: Timings,
}

impl Idle {
    /// Whether it can still be given a container.
    pub(crate) fn is_alive(&self) -> bool {
        self.life.is_alive() && self.client.closed().borrow().is_none()
    }

    /// Ends it: nobody wants it.
    pub(crate) async fn end(self) {
        self.client.hang_up().await;
        self.life.end().await;
    }
}

/// Clones a template.
///
/// # Errors
/// Any phase failed; what there was of the machine has been ended.
pub(crate) async fn clone(blueprint: &Blueprint, template: &Template) -> Result<Idle, SandboxError> {
    let mut timings = Timings::default();
    let start = Instant::now();
    let folder = Folder::make(&blueprint.run)?;
    let spec = blueprint.cloning(folder.folder(), template.memory()).await?;
    let life = Life::launch(blueprint, spec, folder).await?;
    timings.qemu_ms = ms(start);
    match wake(&life, template, &mut timings).await {
        Ok(client) => Ok(Idle { life, client, timings }),
        Err(error) => {
            life.end().await;
            Err(error)
        }
    }
}

async fn wake(life: &Life, template: &Template, timings: &mut Timings) -> Result<Client, SandboxError> {
    let (machine, start) = (life.machine(), Instant::now());
    let path = template.state();
    let state = File::open(&path).map_err(SandboxError::storage("open the template's state", &path))?;
    machine.restore(state).await.map_err(SandboxError::hypervisor("restore the template"))?;
    timings.restore_ms = ms(start);
    let start = Instant::now();
    let stream = machine.agent().await.map_err(SandboxError::hypervisor("connect to the agent"))?;
    let client = Client::new(stream, template.numbers());
    machine.resume().await.map_err(SandboxError::hypervisor("let the clone run"))?;
    let hello = client.hello(HELLO).await?;
    timings.agent_ms = ms(start);
    // A clone that believes it has an identity already would run with its template's.
    if hello.personalized {
        return Err(SandboxError::Template("its clones believe that they have an identity".to_owned()));
    }
    Ok(client)
}

impl Template {
    /// Numbers for a clone's connection; see [`Numbers`].
    fn numbers(&self) -> Numbers {
        self.manifest().numbers
    }
}
