//! The engine: what every verb works on. Verbs are methods of [`Engine`], a file each under `verbs/` and `image/`; this
//! file holds only the rooms they share.

use crate::container::Container;
use crate::container::record::Record;
use crate::error::{Error, Result};
use crate::events::{Bus, Subject};
use crate::execs::Execs;
use crate::files::Works;
use crate::index::Index;
use crate::records::Records;
use crate::settings::Settings;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_util::sync::CancellationToken;
use vch_images::Store;
use vch_sandbox::Host;

/// The engine; cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub(crate) rooms: Arc<Rooms>,
}

/// What the verbs share.
pub(crate) struct Rooms {
    pub(crate) settings: Settings,
    pub(crate) id: String,
    pub(crate) records: Records,
    pub(crate) index: Index,
    pub(crate) images: Store,
    pub(crate) machines: Host,
    pub(crate) events: Bus,
    pub(crate) execs: Execs,
    pub(crate) works: Works,
    pub(crate) blank: Blank,
    pub(crate) stopping: AtomicBool,
    /// Cancelled at the very end: owners of containers leave.
    pub(crate) closed: CancellationToken,
}

/// The formatted disk that writable disks are cloned from.
#[derive(Debug, Clone)]
pub(crate) struct Blank {
    pub(crate) path: PathBuf,
    /// Bytes that it takes on the host.
    pub(crate) taken: u64,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("data_root", &self.rooms.settings.data_root).finish_non_exhaustive()
    }
}

impl Engine {
    pub(crate) fn records(&self) -> &Records {
        &self.rooms.records
    }

    pub(crate) fn index(&self) -> &Index {
        &self.rooms.index
    }

    pub(crate) fn images_store(&self) -> &Store {
        &self.rooms.images
    }

    pub(crate) fn machines(&self) -> &Host {
        &self.rooms.machines
    }

    pub(crate) fn execs(&self) -> &Execs {
        &self.rooms.execs
    }

    pub(crate) fn bus(&self) -> &Bus {
        &self.rooms.events
    }

    /// Whether the daemon is stopping: no container starts again then.
    pub(crate) fn is_stopping(&self) -> bool {
        self.rooms.stopping.load(Ordering::Relaxed)
    }

    pub(crate) fn containers_folder(&self) -> PathBuf {
        containers_folder(&self.rooms.settings.data_root)
    }

    /// The container that a client's word means.
    pub(crate) fn find(&self, name: &str) -> Result<Arc<Container>> {
        self.index().find(name)
    }

    /// Random bytes from the host's kernel.
    pub(crate) fn random_bytes(&self) -> Result<[u8; 32]> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|e| Error::system(format!("get random bytes: {e}")))?;
        Ok(bytes)
    }

    /// A new ID. As moby's `stringid`, one whose first 12 digits are no number: host names may not be.
    pub(crate) fn fresh_id(&self) -> Result<String> {
        loop {
            let id = hex::encode(self.random_bytes()?);
            if id[..12].parse::<u64>().is_err() {
                return Ok(id);
            }
        }
    }

    /// The host's own resolver configuration; empty where it has none.
    pub(crate) fn host_resolv_conf(&self) -> String {
        std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default()
    }

    /// Tells an event of a container, with its labels, image and name.
    pub(crate) fn tell_container<const N: usize>(&self, record: &Record, action: &str, more: [(&str, String); N]) {
        let mut attributes: BTreeMap<String, String> = record.spec.labels.clone();
        attributes.insert("image".into(), record.spec.image.clone());
        attributes.insert("name".into(), record.name.clone());
        attributes.extend(more.into_iter().map(|(key, value)| (key.to_owned(), value)));
        self.bus().tell(Subject::Container, action, &record.id, attributes);
    }

    /// Tells an event of an image.
    pub(crate) fn tell_image(&self, action: &str, id: &str, name: &str) {
        let attributes = BTreeMap::from([("name".to_owned(), name.to_owned())]);
        self.bus().tell(Subject::Image, action, id, attributes);
    }
}

/// Where containers have their folders.
pub(crate) fn containers_folder(data_root: &Path) -> PathBuf {
    data_root.join("containers")
}
