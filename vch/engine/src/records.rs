//! Records on disk: one transactional store, each record a versioned JSON document under its ID.
//!
//! ```text
//! <data-root>/engine.redb
//!   table "containers"  id → {"version":1, …}
//!   table "daemon"      "id" → the daemon's own ID
//! ```
//! A write is acknowledged when it is on disk (fsync). Writes that come together share one transaction, so that a storm
//! of containers costs one fsync a batch and not one each. Invariant: nothing acknowledged is lost by `kill -9`.

use crate::error::{Error, Result};
use redb::{Database, ReadableTable, TableDefinition};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

const CONTAINERS: TableDefinition<&str, &[u8]> = TableDefinition::new("containers");
const DAEMON: TableDefinition<&str, &str> = TableDefinition::new("daemon");

/// Any of the store's own errors.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Writes that may wait at a time; further ones wait for room.
const QUEUE: usize = 256;

struct Write {
    id: String,
    record: Option<Vec<u8>>,
    done: oneshot::Sender<Result<()>>,
}

/// The store; cheap to clone.
#[derive(Clone)]
pub(crate) struct Records {
    database: Arc<Database>,
    queue: mpsc::Sender<Write>,
}

impl Records {
    /// Opens or makes the store under `root`.
    pub(crate) fn open(root: &Path) -> Result<Self> {
        let path = root.join("engine.redb");
        let failed = |e: &(dyn std::error::Error + 'static)| Error::chain(&format!("open {}", path.display()), e);
        let database = Arc::new(Database::create(&path).map_err(|e| failed(&e))?);
        let begin = database.begin_write().map_err(|e| failed(&e))?;
        begin.open_table(CONTAINERS).map_err(|e| failed(&e))?;
        begin.open_table(DAEMON).map_err(|e| failed(&e))?;
        begin.commit().map_err(|e| failed(&e))?;
        let (queue, receiver) = mpsc::channel(QUEUE);
        let writer = Arc::clone(&database);
        std::thread::Builder::new()
            .name("records".into())
            .spawn(move || write_batches(&writer, receiver))
            .map_err(|e| failed(&e))?;
        Ok(Self { database, queue })
    }

    /// Stores a record; returns when it is on disk.
    pub(crate) async fn put(&self, id: &str, record: Vec<u8>) -> Result<()> {
        self.write(id, Some(record)).await
    }

    /// Removes a record; returns when that is on disk.
    pub(crate) async fn delete(&self, id: &str) -> Result<()> {
        self.write(id, None).await
    }

    async fn write(&self, id: &str, record: Option<Vec<u8>>) -> Result<()> {
        let (done, answer) = oneshot::channel();
        let gone = || Error::system("the record store has stopped; restart the daemon");
        self.queue.send(Write { id: id.into(), record, done }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Every container's record, by ID.
    pub(crate) fn all(&self) -> Result<Vec<(String, Vec<u8>)>> {
        self.read_all().map_err(|e| Error::chain("read the container records", &*e))
    }

    fn read_all(&self) -> std::result::Result<Vec<(String, Vec<u8>)>, Cause> {
        let table = self.database.begin_read()?.open_table(CONTAINERS)?;
        table
            .iter()?
            .map(|row| row.map(|(id, bytes)| (id.value().into(), bytes.value().to_vec())).map_err(Into::into))
            .collect()
    }

    /// The daemon's own ID, made with `fresh` at first need.
    pub(crate) fn daemon_id(&self, fresh: impl FnOnce() -> String) -> Result<String> {
        self.read_or_make_id(fresh).map_err(|e| Error::chain("read the daemon's id", &*e))
    }

    fn read_or_make_id(&self, fresh: impl FnOnce() -> String) -> std::result::Result<String, Cause> {
        let write = self.database.begin_write()?;
        let id = {
            let mut table = write.open_table(DAEMON)?;
            let known = table.get("id")?.map(|id| id.value().to_owned());
            match known {
                Some(id) => id,
                None => {
                    let id = fresh();
                    table.insert("id", id.as_str())?;
                    id
                }
            }
        };
        write.commit()?;
        Ok(id)
    }
}

fn write_batches(database: &Database, mut queue: mpsc::Receiver<Write>) {
    while let Some(first) = queue.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < QUEUE {
            match queue.try_recv() {
                Ok(next) => batch.push(next),
                Err(_) => break,
            }
        }
        let outcome = write_batch(database, &batch).map_err(|e| Error::chain("write a container's record", &*e));
        for write in batch {
            // The one who asked may have gone: the write stands all the same.
            let _ = write.done.send(outcome.clone());
        }
    }
}

fn write_batch(database: &Database, batch: &[Write]) -> std::result::Result<(), Cause> {
    let transaction = database.begin_write()?;
    {
        let mut table = transaction.open_table(CONTAINERS)?;
        for write in batch {
            match &write.record {
                Some(record) => table.insert(write.id.as_str(), record.as_slice())?,
                None => table.remove(write.id.as_str())?,
            };
        }
    }
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_acknowledged_write_is_there_after_the_store_is_opened_anew() {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::open(folder.path()).unwrap();
        records.put("a", b"1".to_vec()).await.unwrap();
        records.put("b", b"2".to_vec()).await.unwrap();
        records.delete("a").await.unwrap();
        let id = records.daemon_id(|| "me".into()).unwrap();
        drop(records);
        let mut again = Records::open(folder.path());
        // The writer thread lets go of the file once it sees its queue closed.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while again.is_err() && std::time::Instant::now() < deadline {
            std::thread::yield_now();
            again = Records::open(folder.path());
        }
        let again = again.unwrap();
        assert_eq!(again.all().unwrap(), vec![("b".to_owned(), b"2".to_vec())]);
        assert_eq!(again.daemon_id(|| "other".into()).unwrap(), id);
    }
}
