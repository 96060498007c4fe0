//! One layer, in one pass: download → hash → inflate → hash → disk, the blob written on the way.
//!
//! Called by a flight. The network side is async and bounded by the pipe; hashing, inflating and building run on two
//! blocking threads. The blob's digest and the diff ID are both verified before either file gets its name.

use std::io::{self, Read};
use std::sync::Arc;

use tokio::sync::{oneshot, watch};

use super::flight::State;
use crate::Store;
use crate::compression::{decoder, detect};
use crate::content::{ContentError, Pin, Shared, Tee, Unpacked, unpack};
use crate::digest::{Algorithm, Digest, HashingReader};
use crate::error::ImageError;
use crate::image::ImageLayer;
use crate::pipe::{PipeReader, pipe};
use crate::registry::{BlobError, RegistryError, Retry, Session};

/// What a flight is to fetch, and from where.
#[derive(Clone)]
pub(super) struct Job {
    pub(super) layer: ImageLayer,
    pub(super) session: Arc<Session>,
    pub(super) retry: Retry,
}

impl Store {
    /// Brings a layer into the store; says whether anything had to be fetched.
    pub(super) async fn fetch_layer(
        &self,
        job: &Job,
        states: &watch::Sender<State>,
    ) -> Result<(bool, Vec<Pin>), ImageError> {
        let layer = job.layer.clone();
        let present = self.blocking(move |shared| local(shared, &layer)).await?;
        if let Some(pins) = present {
            states.send_replace(State::Present);
            return Ok((false, pins));
        }
        let semaphore = &self.shared().downloads;
        let permit = match semaphore.try_acquire() {
            Ok(permit) => Ok(permit),
            Err(_) => {
                states.send_replace(State::Waiting);
                semaphore.acquire().await
            }
        };
        let _permit = permit.map_err(|_| ImageError::Cancelled)?;
        match self.download(job, states).await {
            // A server that resumes wrongly gives the right bytes from the start.
            Err((ImageError::Registry(RegistryError::LayerDigest(_)), true)) => self.download(job, states).await,
            other => other,
        }
        .map(|pins| (true, pins))
        .map_err(|(error, _)| error)
    }

    /// One download from the first byte; an error says whether it had been resumed.
    async fn download(&self, job: &Job, states: &watch::Sender<State>) -> Result<Vec<Pin>, (ImageError, bool)> {
        let total = job.layer.blob.size;
        states.send_replace(State::Downloading { current: 0, total });
        let (writer, reader) = pipe();
        let (result, taken) = oneshot::channel();
        let (shared, layer) = (self.shared().clone(), job.layer.clone());
        tokio::task::spawn_blocking(move || {
            if let Err(unwanted) = result.send(take_in(&shared, reader, &layer)) {
                // The flight was dropped in the very last moment: nobody refers to what was just stored.
                drop(unwanted);
                if let Err(error) = shared.collect_garbage() {
                    tracing::warn!(error = &error as &dyn std::error::Error, "collecting after a dropped download");
                }
            }
        });
        let moved = |current| drop(states.send_replace(State::Downloading { current, total }));
        let waiting = |wait: std::time::Duration| {
            // Docker counts in seconds; a shorter wait is one.
            drop(states.send_replace(State::Retrying { seconds: wait.as_secs().max(1) }));
        };
        let downloaded = job.session.blob(&job.layer.blob, writer, job.retry, moved, waiting).await;
        let resumed = match downloaded {
            Ok(downloaded) => {
                states.send_replace(State::Extracting { total });
                downloaded.resumed
            }
            Err(BlobError::ReaderGone) => false,
            // The thread sees a stream that was dropped, and cleans up; its story is ours.
            Err(BlobError::Registry(error)) => {
                let _ = taken.await;
                return Err((error.into(), false));
            }
        };
        match taken.await {
            Ok(Ok(pins)) => Ok(pins),
            Ok(Err(error)) => Err((error, resumed)),
            Err(_) => Err((ContentError::Panicked.into(), resumed)),
        }
    }
}

/// The layer from what is here: both files, or the blob alone, from which the disk is made again.
fn local(shared: &Shared, layer: &ImageLayer) -> Result<Option<Vec<Pin>>, ImageError> {
    let Some(blob) = shared.find_blob(&layer.blob.digest) else { return Ok(None) };
    if let Some(disk) = shared.find_layer(&layer.diff_id) {
        return Ok(Some(vec![blob, disk]));
    }
    let mut reader = HashingReader::new(shared.open_blob(&layer.blob.digest)?, layer.blob.digest.algorithm());
    let unpacked = unpack(&shared.layout, &mut reader);
    // A blob that is damaged is fetched again, and takes the place of this one.
    match unpacked {
        Ok(unpacked) if reader.finish().0 == layer.blob.digest && unpacked.diff_id == layer.diff_id => {
            Ok(Some(vec![blob, unpacked.commit(shared)?]))
        }
        _ => Ok(None),
    }
}

/// Takes in a stream: verifies, stores the blob, builds the disk unless it is here. Blocks.
fn take_in(shared: &Shared, reader: PipeReader, layer: &ImageLayer) -> Result<Vec<Pin>, ImageError> {
    let mut tee = Tee::new(&shared.layout, reader, layer.blob.digest.algorithm())?;
    let known = shared.find_layer(&layer.diff_id);
    let built = match &known {
        Some(_) => measure(&mut tee).map(|diff_id| (diff_id, None)),
        None => unpack(&shared.layout, &mut tee).map(|unpacked| (unpacked.diff_id.clone(), Some(unpacked))),
    };
    // Whether the bytes are the right ones comes before what is wrong with them.
    let (temp, digest, _) = tee.finish()?;
    if digest != layer.blob.digest {
        return Err(RegistryError::LayerDigest(layer.blob.digest.clone()).into());
    }
    let (diff_id, unpacked): (Digest, Option<Unpacked>) = built?;
    if diff_id != layer.diff_id {
        return Err(RegistryError::LayerMismatch.into());
    }
    let mut pins = vec![shared.put_blob(temp, &digest)?];
    pins.extend(known);
    if let Some(unpacked) = unpacked {
        pins.push(unpacked.commit(shared)?);
    }
    Ok(pins)
}

/// The diff ID of a layer whose disk is here already.
fn measure(reader: impl Read) -> Result<Digest, ImageError> {
    let failed = |error: io::Error| ImageError::Layer(error.to_string());
    let (compression, buffered) = detect(reader).map_err(failed)?;
    let mut plain = HashingReader::new(decoder(compression, buffered).map_err(failed)?, Algorithm::Sha256);
    plain.drain().map_err(failed)?;
    Ok(plain.finish().0)
}
