//! What the tests of this crate share: small images, a registry that misbehaves on demand, and a look at the store's tree.

pub(crate) mod image;
pub(crate) mod registry;
pub(crate) mod server;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::progress::Progress;
use crate::{Store, StoreOptions};

/// Options for tests: quick to try again, quick to call a stall.
pub(crate) fn options() -> StoreOptions {
    StoreOptions {
        certificates: None,
        retry_delay: Duration::from_millis(10),
        stall_timeout: Duration::from_secs(2),
        ..StoreOptions::default()
    }
}

/// A store in a directory of its own.
pub(crate) async fn store() -> (tempfile::TempDir, Store) {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path(), options()).await.unwrap();
    (root, store)
}

/// Every file under a root but the index, with its size.
pub(crate) fn tree(root: &Path) -> BTreeMap<String, u64> {
    fn walk(root: &Path, dir: &Path, found: &mut BTreeMap<String, u64>) {
        for entry in std::fs::read_dir(dir).unwrap().flatten() {
            let (path, Ok(meta)) = (entry.path(), entry.metadata()) else { continue };
            let name = path.strip_prefix(root).unwrap().display().to_string();
            if meta.is_dir() {
                walk(root, &path, found);
            } else if name != "index.redb" {
                found.insert(name, meta.len());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(root, root, &mut found);
    found
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "still waiting: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A progress channel that collects what is said: `id: status` of each message without a count.
pub(crate) fn listener() -> (mpsc::Sender<Progress>, tokio::task::JoinHandle<Vec<Progress>>) {
    let (sender, mut receiver) = mpsc::channel(64);
    let heard = tokio::spawn(async move {
        let mut heard = Vec::new();
        while let Some(message) = receiver.recv().await {
            heard.push(message);
        }
        heard
    });
    (sender, heard)
}

/// The words among messages.
pub(crate) fn words(heard: &[Progress]) -> Vec<String> {
    let plain = heard.iter().filter(|message| message.detail.is_none());
    plain.map(|message| format!("{}: {}", message.id, message.status)).collect()
}
