//! Opening and closing the engine: rooms in order, then the containers that were there, then leftovers removed.
//!
//! Machines do not outlive the daemon yet: those of a daemon that died have been ended when this is done, and their
//! containers are marked so.

use crate::container::health::Health;
use crate::container::record::Record;
use crate::container::state::Status;
use crate::container::{Container, Verb};
use crate::container::{driver, joining};
use crate::engine::{Blank, Engine, Rooms, containers_folder};
use crate::error::{Error, Result};
use crate::events::{Bus, Subject};
use crate::records::Records;
use crate::settings::Settings;
use crate::timestamp::Timestamp;
use crate::{scratch, warm_up};
use futures_util::future::join_all;
use std::collections::{BTreeMap, HashSet};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use vch_images::{Store, StoreOptions};
use vch_sandbox::Host;

/// Exit code of a container that ran when the daemon died: how it ended is not known (moby gives 255 too).
const UNKNOWN_END: i32 = 255;

/// How long containers have to obey when the daemon stops (dockerd: 15 s in all).
const STOP_GRACE: Duration = Duration::from_secs(10);

impl Engine {
    /// Opens the engine on a data root whose lock the caller holds. `progress` is told, in a line each, what a person
    /// waits for.
    ///
    /// # Errors
    /// What is missing and what to do about it, in one sentence.
    pub async fn open(settings: Settings, progress: impl Fn(&str) + Send + Sync + 'static) -> Result<Self> {
        let root = settings.data_root.clone();
        make_private(&root)?;
        let blank = scratch::blank(&root, settings.scratch_size).await?;
        let warm_up = Some(warm_up::prepare(&root, &blank).await?);
        let hypervisor = crate::machine::hypervisor(&settings).await?;
        let machine_settings = crate::machine::settings(&settings, warm_up);
        let machines = Host::open(machine_settings, hypervisor, vch_sandbox::Progress::new(progress)).await;
        let machines = machines.map_err(|e| Error::system(crate::error::causes(&e)))?;
        Self::open_on(settings, machines, blank).await
    }

    /// Opens the engine on a machine room that is open.
    pub(crate) async fn open_on(settings: Settings, machines: Host, blank: Blank) -> Result<Self> {
        let root = settings.data_root.clone();
        make_private(&containers_folder(&root))?;
        let records = Records::open(&root)?;
        let id = records.daemon_id(|| {
            let mut bytes = [0; 16];
            // Not a secret: it only tells one daemon from another.
            let _ = getrandom::fill(&mut bytes);
            hex::encode(bytes)
        })?;
        let options = StoreOptions {
            insecure_registries: settings.insecure_registries.clone(),
            registry_mirrors: settings.registry_mirrors.clone(),
            ..Default::default()
        };
        let images = Store::open(&root.join("images"), options).await?;
        let rooms = Rooms {
            settings,
            id,
            records,
            index: Default::default(),
            images,
            machines,
            events: Bus::default(),
            execs: Default::default(),
            works: Default::default(),
            blank,
            stopping: AtomicBool::new(false),
            closed: Default::default(),
        };
        let engine = Self { rooms: Arc::new(rooms) };
        engine.bring_back().await?;
        Ok(engine)
    }

    /// Brings the recorded containers back and removes what belongs to nobody.
    async fn bring_back(&self) -> Result<()> {
        let mut known = HashSet::new();
        let mut again = Vec::new();
        for (id, bytes) in self.records().all()? {
            let mut record =
                Record::decode(&bytes).map_err(|e| Error::system(format!("container {id}: {}", e.message)))?;
            let was_running = record.state.status.is_running();
            if was_running {
                record.state.status = Status::Exited;
                record.state.pid = 0;
                record.state.exit_code = UNKNOWN_END;
                record.state.finished_at = Timestamp::now();
                record.state.health.iter_mut().for_each(Health::stopped);
                self.records().put(&id, record.encode()?).await?;
                tracing::info!(container = %id, "the container's machine ended with the last daemon");
            }
            self.index().reserve(&record.name, &id)?;
            let restart = should_start(&record, was_running);
            let remove = record.state.status == Status::Removing || (record.spec.host.auto_remove && was_running);
            let container = driver::spawn(self, self.containers_folder().join(&id), record);
            self.index().insert(Arc::clone(&container));
            known.insert(id);
            if remove {
                tracing::info!(container = %container.id, "finishing a removal");
                container.ask(Verb::Remove { force: true }).await?;
            } else if restart {
                again.push(container);
            }
        }
        self.sweep(&known).await;
        tokio::spawn(start_all(again));
        Ok(())
    }

    /// Removes folders and leases that belong to no container.
    async fn sweep(&self, known: &HashSet<String>) {
        if let Ok(entries) = std::fs::read_dir(self.containers_folder()) {
            for entry in entries.flatten() {
                if !known.contains(&*entry.file_name().to_string_lossy()) {
                    tracing::info!(folder = %entry.path().display(), "removing a folder that belongs to no container");
                    let _ = tokio::fs::remove_dir_all(entry.path()).await;
                }
            }
        }
        for lease in self.images_store().leases() {
            if !known.contains(&lease.owner) {
                tracing::info!(owner = %lease.owner, "releasing images that belong to no container");
                self.release_image(&lease.owner).await;
            }
        }
    }

    /// Stops every container and ends every machine; for the daemon's own end. Restart policies are left as they are.
    pub async fn shutdown(&self) {
        self.rooms.stopping.store(true, Ordering::Relaxed);
        self.rooms.works.end().await;
        join_all(self.index().all().into_iter().map(|container| async move {
            if container.record().state.status.is_running() {
                stop(&container).await;
            }
            // Asked of all: a start may be under way, and its owner takes this behind it.
            let _ = container.ask(Verb::Shutdown).await;
        }))
        .await;
        self.machines().close().await;
        self.rooms.closed.cancel();
        self.bus().tell(Subject::Daemon, "shutdown", &self.rooms.id, BTreeMap::new());
    }
}

/// Asks a container to end and gives it time to obey.
async fn stop(container: &Container) {
    let record = container.record();
    let signal = record.spec.stop_signal.as_deref().and_then(|s| crate::verbs::parse_signal(s).ok()).unwrap_or(15);
    let grace = record.spec.stop_timeout.and_then(|s| u64::try_from(s).ok()).map_or(STOP_GRACE, Duration::from_secs);
    let ends = container.now().ends;
    let _ = container.ask(Verb::Signal { signal, by_user: false }).await;
    crate::verbs::ended(container, ends, Some(grace.min(STOP_GRACE))).await;
}

/// Whether a daemon that starts also starts this container (moby `daemon.restore`).
fn should_start(record: &Record, was_running: bool) -> bool {
    match record.spec.host.restart.name.as_str() {
        "always" => record.state.started_at != Timestamp::ZERO,
        "unless-stopped" => record.state.started_at != Timestamp::ZERO && !record.state.manually_stopped,
        "on-failure" => was_running && !record.state.manually_stopped,
        _ => false,
    }
}

async fn start_all(mut containers: Vec<Arc<Container>>) {
    // Those whose namespaces others join come first.
    containers.sort_by_key(|container| joining::joins(&container.record().spec.host));
    for container in containers {
        if let Err(error) = container.ask(Verb::Start).await {
            tracing::warn!(container = %container.id, %error, "the container could not be started again");
        }
    }
}

/// Makes a folder that only the daemon reads.
fn make_private(path: &Path) -> Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o710).create(path).map_err(|e| {
        Error::system(format!(
            "cannot make {}: {e}; choose another --data-root or mend its permissions",
            path.display()
        ))
    })
}
