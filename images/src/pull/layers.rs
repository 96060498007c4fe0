//! The layers of one image: fetched together, told about one by one.
//!
//! Called by `tag.rs`. What this pull tells of a layer comes from the layer's flight, which other pulls may share.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;

use super::flight::{Flight, State};
use super::intake::Job;
use crate::Store;
use crate::digest::Digest;
use crate::error::ImageError;
use crate::image::ImageLayer;
use crate::progress::Reporter;
use crate::registry::{ImageManifest, Session};

/// The least time between two byte counts of a layer.
const PACE: Duration = Duration::from_millis(100);
/// Said of a layer that need not be fetched.
const EXISTS: &str = "Already exists";

impl Store {
    /// Fetches what is not here. The flights hold pins on all layers until dropped.
    pub(super) async fn fetch_layers(
        &self,
        session: &Arc<Session>,
        manifest: &ImageManifest,
        diff_ids: &[Digest],
        reporter: &Reporter,
    ) -> Result<(Vec<ImageLayer>, Vec<Arc<Flight>>), ImageError> {
        let layers: Vec<ImageLayer> = manifest
            .layers
            .iter()
            .zip(diff_ids)
            .map(|(blob, diff_id)| ImageLayer { diff_id: diff_id.clone(), blob: blob.clone() })
            .collect();
        let mut waits = Vec::new();
        for layer in &layers {
            let id = layer.blob.digest.short();
            let job = Job { layer: layer.clone(), session: session.clone(), retry: self.retry() };
            let exists = self.has_layer(layer).await?;
            reporter.say(id, if exists { EXISTS } else { "Pulling fs layer" }).await;
            // The same layer twice in one image is fetched once and told of once.
            if !waits.iter().any(|(other, _): &(Job, bool)| other.layer == job.layer) {
                waits.push((job, exists));
            }
        }
        let flights = try_join_all(waits.into_iter().map(|(job, exists)| self.watch(job, exists, reporter))).await?;
        Ok((layers, flights))
    }

    async fn has_layer(&self, layer: &ImageLayer) -> Result<bool, ImageError> {
        let layer = layer.clone();
        self.blocking(move |shared| {
            Ok(shared.find_layer(&layer.diff_id).is_some() && shared.find_blob(&layer.blob.digest).is_some())
        })
        .await
    }

    /// Waits for a layer's flight and tells of it.
    async fn watch(&self, job: Job, exists: bool, reporter: &Reporter) -> Result<Arc<Flight>, ImageError> {
        let (flight, joined) = self.shared().flights.join(self, job.clone());
        match tell(&flight, job.layer.blob.digest.short(), exists, reporter).await {
            Ok(()) => Ok(flight),
            // Another pull's failure may be its own (its registry, its credentials): then we try ourselves.
            Err(error) if joined => {
                tracing::info!(layer = %job.layer.diff_id, error = %error.chain(), "fetching what another pull could not");
                drop(flight);
                let (flight, _) = self.shared().flights.join(self, job.clone());
                tell(&flight, job.layer.blob.digest.short(), exists, reporter).await.map(|()| flight)
            }
            Err(error) => Err(error),
        }
    }
}

/// Says what a flight does, each word once and in dockerd's order, until it ends.
async fn tell(flight: &Flight, id: &str, exists: bool, reporter: &Reporter) -> Result<(), ImageError> {
    let mut states = flight.states();
    let mut said = Said::default();
    loop {
        let state = states.borrow_and_update().clone();
        match &state {
            State::Queued | State::Present => {}
            State::Waiting => reporter.say(id, "Waiting").await,
            State::Downloading { current, total } => reporter.count(id, "Downloading", *current, *total),
            State::Retrying { seconds } => {
                let plural = if *seconds == 1 { "" } else { "s" };
                reporter.say(id, &format!("Retrying in {seconds} second{plural}")).await;
            }
            State::Extracting { total } => {
                said.downloaded(id, reporter).await;
                reporter.count(id, "Extracting", *total, *total);
            }
            State::Done { fetched } => {
                if *fetched {
                    said.downloaded(id, reporter).await;
                    reporter.say(id, "Pull complete").await;
                } else if !exists {
                    // Another pull was quicker.
                    reporter.say(id, EXISTS).await;
                }
                return Ok(());
            }
            State::Failed(error) => return Err(ImageError::Shared(error.clone())),
        }
        let busy = matches!(state, State::Downloading { .. });
        if states.changed().await.is_err() {
            return Err(ImageError::Cancelled);
        }
        if busy {
            // Not more than ten counts a second; the last of them and all words come through.
            let _ =
                tokio::time::timeout(PACE, states.wait_for(|state| !matches!(state, State::Downloading { .. }))).await;
        }
    }
}

/// Words that come once.
#[derive(Default)]
struct Said {
    downloaded: bool,
}

impl Said {
    async fn downloaded(&mut self, id: &str, reporter: &Reporter) {
        if !std::mem::replace(&mut self.downloaded, true) {
            reporter.say(id, "Verifying Checksum").await;
            reporter.say(id, "Download complete").await;
        }
    }
}
