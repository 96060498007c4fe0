//! The index file: one redb database, one writer at a time, every commit on stable storage before it is seen.
//!
//! Called by the verbs of this crate, always from a thread that may block. A change is decided on the current state under
//! the writer's lock, written, and only then shown to readers.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use redb::{Database, ReadableTable, TableDefinition};

use super::layout::Layout;
use super::record::{self, ImageRecord, LayerRecord, LeaseRecord, ReferenceRecord};
use super::{ContentError, State};
use crate::digest::Digest;
use crate::image::{Image, ImageConfig, ImageId};
use crate::reference::Reference;

type Table = TableDefinition<'static, &'static str, &'static [u8]>;
const IMAGES: Table = TableDefinition::new("images");
const REFERENCES: Table = TableDefinition::new("references");
const LAYERS: Table = TableDefinition::new("layers");
/// Takes one row.
type Take<'a> = dyn FnMut(&str, &[u8]) -> Result<(), ContentError> + 'a;
const LEASES: Table = TableDefinition::new("leases");

/// One change of the index; `None` removes.
#[derive(Debug)]
pub(crate) enum Change {
    /// An image.
    Image(ImageId, Option<Arc<Image>>),
    /// A reference, in its stored form.
    Reference(Reference, Option<ImageId>),
    /// A layer.
    Layer(Digest, Option<LayerRecord>),
    /// A lease.
    Lease(String, Option<LeaseRecord>),
}

/// The index of a store.
pub(crate) struct Index {
    database: Mutex<Database>,
    state: RwLock<Arc<State>>,
}

impl Index {
    /// Opens or makes the index, and reads it whole; `config` gives the configuration of an image.
    pub(crate) fn open(
        layout: &Layout,
        config: impl Fn(&ImageId) -> Result<ImageConfig, ContentError>,
    ) -> Result<Self, ContentError> {
        let database = Database::create(layout.index()).map_err(|error| match error {
            redb::DatabaseError::DatabaseAlreadyOpen => ContentError::InUse(layout.root().to_owned()),
            error => error.into(),
        })?;
        let write = database.begin_write()?;
        for table in [IMAGES, REFERENCES, LAYERS, LEASES] {
            write.open_table(table)?;
        }
        write.commit()?;
        let state = read(&database, config)?;
        Ok(Self { database: Mutex::new(database), state: RwLock::new(Arc::new(state)) })
    }

    /// The state as of the last commit.
    pub(crate) fn snapshot(&self) -> Arc<State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Decides on changes and commits them; nothing changes when either fails. Blocks.
    pub(crate) fn commit<T, E: From<ContentError>>(
        &self,
        decide: impl FnOnce(&State) -> Result<(Vec<Change>, T), E>,
    ) -> Result<T, E> {
        let database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.snapshot();
        let (changes, result) = decide(&current)?;
        if changes.is_empty() {
            return Ok(result);
        }
        write(&database, &changes)?;
        let mut next = State::clone(&current);
        drop(current);
        for change in changes {
            apply(&mut next, change);
        }
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
        Ok(result)
    }
}

fn read(
    database: &Database,
    config: impl Fn(&ImageId) -> Result<ImageConfig, ContentError>,
) -> Result<State, ContentError> {
    let mut state = State::default();
    let read = database.begin_read()?;
    let each = |table: Table, take: &mut Take<'_>| {
        for row in read.open_table(table)?.iter()? {
            let (key, value) = row?;
            take(key.value(), value.value())?;
        }
        Ok::<_, ContentError>(())
    };
    each(LAYERS, &mut |key, value| {
        state.layers.insert(parse(key)?, record::decode(key, value)?);
        Ok(())
    })?;
    each(LEASES, &mut |key, value| {
        state.leases.insert(key.to_owned(), record::decode(key, value)?);
        Ok(())
    })?;
    each(REFERENCES, &mut |key, value| {
        let record: ReferenceRecord = record::decode(key, value)?;
        state.references.insert(parse(key)?, record.image);
        Ok(())
    })?;
    let mut records: Vec<(ImageId, ImageRecord)> = Vec::new();
    each(IMAGES, &mut |key, value| {
        records.push((parse(key)?, record::decode(key, value)?));
        Ok(())
    })?;
    for (id, record) in records {
        match config(&id) {
            Ok(config) => {
                let image = Arc::new(image_of(&id, record, config, &state));
                state.images.insert(id, image);
            }
            Err(error) => {
                tracing::error!(image = %id, error = &error as &dyn std::error::Error, "image left out: pull it again");
                state.broken.insert(id, record);
            }
        }
    }
    Ok(state)
}

fn parse<T: std::str::FromStr>(key: &str) -> Result<T, ContentError> {
    let damaged =
        || ContentError::Record { key: key.to_owned(), source: serde::de::Error::custom("the key does not parse") };
    key.parse().map_err(|_| damaged())
}

fn image_of(id: &ImageId, record: ImageRecord, config: ImageConfig, state: &State) -> Image {
    let size = state.size_of(record.layers.iter().map(|layer| &layer.diff_id));
    let tagged = |nanos: i64| time::OffsetDateTime::from_unix_timestamp_nanos(nanos.into()).ok();
    Image {
        id: id.clone(),
        parent: record.parent,
        manifest: record.manifest,
        index: record.index,
        layers: record.layers,
        size,
        last_tagged: record.last_tagged.and_then(tagged),
        config: Arc::new(config),
    }
}

fn record_of(image: &Image) -> ImageRecord {
    ImageRecord {
        parent: image.parent.clone(),
        manifest: image.manifest.clone(),
        index: image.index.clone(),
        layers: image.layers.clone(),
        last_tagged: image.last_tagged.and_then(|time| i64::try_from(time.unix_timestamp_nanos()).ok()),
    }
}

fn write(database: &Database, changes: &[Change]) -> Result<(), ContentError> {
    // Durability::Immediate is redb's default: the commit returns when it is on stable storage.
    let write = database.begin_write()?;
    for change in changes {
        let (table, key, value) = match change {
            Change::Image(id, image) => {
                let key = id.to_string();
                let value = image.as_deref().map(|image| record::encode(&key, &record_of(image))).transpose()?;
                (IMAGES, key, value)
            }
            Change::Reference(reference, image) => {
                let key = reference.to_string();
                let record = image.clone().map(|image| ReferenceRecord { image });
                let value = record.map(|record| record::encode(&key, &record)).transpose()?;
                (REFERENCES, key, value)
            }
            Change::Layer(diff_id, layer) => {
                let key = diff_id.to_string();
                let value = layer.as_ref().map(|layer| record::encode(&key, layer)).transpose()?;
                (LAYERS, key, value)
            }
            Change::Lease(owner, lease) => {
                let value = lease.as_ref().map(|lease| record::encode(owner, lease)).transpose()?;
                (LEASES, owner.clone(), value)
            }
        };
        let mut table = write.open_table(table)?;
        match value {
            Some(value) => table.insert(key.as_str(), value.as_slice())?,
            None => table.remove(key.as_str())?,
        };
    }
    write.commit()?;
    Ok(())
}

fn apply(state: &mut State, change: Change) {
    match change {
        Change::Image(id, image) => {
            state.broken.remove(&id);
            match image {
                Some(image) => state.images.insert(id, image),
                None => state.images.remove(&id),
            };
        }
        Change::Reference(reference, Some(image)) => {
            state.references.insert(reference, image);
        }
        Change::Reference(reference, None) => {
            state.references.remove(&reference);
        }
        Change::Layer(diff_id, Some(layer)) => {
            state.layers.insert(diff_id, layer);
        }
        Change::Layer(diff_id, None) => {
            state.layers.remove(&diff_id);
        }
        Change::Lease(owner, Some(lease)) => {
            state.leases.insert(owner, lease);
        }
        Change::Lease(owner, None) => {
            state.leases.remove(&owner);
        }
    }
}
