//! [`Store`]: the handle on everything, and its opening.
//!
//! Cheap to clone. Reads come from a snapshot in memory and never wait; whatever touches files runs on blocking threads
//! and finishes there even when its future is dropped, so that no step is ever half done.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::index::Index;
use super::layout::Layout;
use super::pin::Pins;
use super::{Change, Collected, ContentError, State, ingest};
use crate::digest::Digest;
use crate::error::ImageError;
use crate::image::ImageConfig;
use crate::pull::Flights;
use crate::registry::Registry;

/// How a store behaves; `Default` is what dockerd does without flags.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Registries that may speak HTTP or show a bad certificate: `host[:port]` or CIDR. Loopback always may.
    pub insecure_registries: Vec<String>,
    /// URLs asked before the registry of `docker.io`.
    pub registry_mirrors: Vec<String>,
    /// Where `<host[:port]>/*.crt` (authorities) and `*.cert` + `*.key` (client) lie; dockerd's is `/etc/docker/certs.d`.
    pub certificates: Option<PathBuf>,
    /// Layers downloaded at once, over all pulls.
    pub concurrent_downloads: usize,
    /// Layers uploaded at once, over all pushes.
    pub concurrent_uploads: usize,
    /// Attempts per download or upload before a pull or push gives up.
    pub download_attempts: u32,
    /// The wait before the second attempt; it doubles each time.
    pub retry_delay: Duration,
    /// How long a connection may stand still: connecting, waiting for an answer, or between two chunks.
    pub stall_timeout: Duration,
    /// The `User-Agent` sent.
    pub user_agent: String,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            insecure_registries: Vec::new(),
            registry_mirrors: Vec::new(),
            certificates: Some(PathBuf::from("/etc/docker/certs.d")),
            concurrent_downloads: 3,
            concurrent_uploads: 5,
            download_attempts: 5,
            retry_delay: Duration::from_secs(1),
            stall_timeout: Duration::from_secs(60),
            user_agent: concat!("vch/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// The image store.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

/// What all handles share.
pub(crate) struct Shared {
    pub(crate) layout: Layout,
    pub(crate) index: Index,
    pub(crate) pins: Pins,
    pub(crate) registry: Registry,
    pub(crate) options: StoreOptions,
    /// As many permits as downloads may run at once.
    pub(crate) downloads: Semaphore,
    /// As many permits as uploads may run at once.
    pub(crate) uploads: Semaphore,
    pub(crate) flights: Flights,
}

impl Store {
    /// Opens the store under a root, making it where there is none, and removes what a crash left behind.
    ///
    /// # Errors
    /// [`ContentError::InUse`] when another process has it; a root that cannot be written; an index of a later version;
    /// an option that does not parse.
    pub async fn open(root: &Path, options: StoreOptions) -> Result<Self, ImageError> {
        let root = root.to_owned();
        tokio::task::spawn_blocking(move || open(&root, options)).await?
    }

    /// Deletes what no image, lease or work in progress keeps.
    ///
    /// # Errors
    /// A file that cannot be deleted; the rest is tried again next time.
    pub async fn collect_garbage(&self) -> Result<Collected, ImageError> {
        self.blocking(|shared| Ok(shared.collect_garbage()?)).await
    }

    /// Bytes of all layers, each counted once (`LayersSize` of `docker system df`).
    pub fn layers_size(&self) -> u64 {
        self.state().layers.values().map(|layer| layer.content_size).sum()
    }

    /// Bytes of one layer's content; 0 for a layer that is not here.
    pub fn layer_size(&self, diff_id: &Digest) -> u64 {
        self.state().size_of(std::iter::once(diff_id))
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn state(&self) -> Arc<State> {
        self.shared.index.snapshot()
    }

    /// Runs something that blocks; it runs to its end even if this future is dropped.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, ImageError> + Send + 'static,
    ) -> Result<T, ImageError> {
        let shared = self.shared.clone();
        tokio::task::spawn_blocking(move || work(&shared)).await?
    }
}

fn open(root: &Path, options: StoreOptions) -> Result<Store, ImageError> {
    let registry = Registry::new(&options)?;
    let layout = Layout::create(root)?;
    // The index first: its lock says that the leftovers below are nobody's.
    let config = |id: &crate::image::ImageId| {
        let bytes = super::blob::read_document(&layout, id.digest())?;
        ImageConfig::parse(&bytes).map_err(|error| ContentError::Config(id.digest().clone(), error))
    };
    let index = Index::open(&layout, config)?;
    ingest::clean(&layout)?;
    let downloads = Semaphore::new(options.concurrent_downloads.max(1));
    let uploads = Semaphore::new(options.concurrent_uploads.max(1));
    let (pins, flights) = (Pins::default(), Flights::default());
    let shared = Shared { layout, index, pins, registry, options, downloads, uploads, flights };
    forget_lost_layers(&shared)?;
    shared.collect_garbage()?;
    Ok(Store { shared: Arc::new(shared) })
}

/// Drops the records of layers whose disk is gone, so that a pull makes it again.
fn forget_lost_layers(shared: &Shared) -> Result<(), ContentError> {
    shared.index.commit(|state| {
        let lost = |(diff_id, layer): (&crate::digest::Digest, &super::LayerRecord)| {
            let there = layer.empty
                || std::fs::metadata(shared.layout.layer(diff_id)).is_ok_and(|meta| meta.len() == layer.disk_size);
            (!there).then(|| Change::Layer(diff_id.clone(), None))
        };
        Ok((state.layers.iter().filter_map(lost).collect(), ()))
    })
}
