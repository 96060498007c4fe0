//! The layers of one image: those that the repository lacks are mounted from a neighbour, or sent.
//!
//! Called by push. A layer whose upload fails in passing is begun again, as dockerd does (moby `distribution/xfer/upload.go`).

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::try_join_all;

use super::{Push, told_bare};
use crate::Store;
use crate::digest::Digest;
use crate::error::ImageError;
use crate::image::{Descriptor, ImageLayer};
use crate::progress::Reporter;
use crate::reference::Reference;
use crate::registry::{Begun, RegistryError, Session, Source};

/// The least time between two byte counts of a layer.
const PACE: Duration = Duration::from_millis(100);
/// Said of a layer that need not be sent.
const EXISTS: &str = "Layer already exists";

impl Store {
    /// Brings all layers into the repository, several at once.
    pub(super) async fn push_layers(
        &self,
        push: &mut Push<'_>,
        reference: &Reference,
        layers: &[ImageLayer],
    ) -> Result<(), ImageError> {
        let mut seen = HashSet::new();
        let mut wanted: Vec<&ImageLayer> = Vec::new();
        for layer in layers.iter().rev().filter(|layer| seen.insert(&layer.blob.digest)) {
            if push.there.contains(&layer.blob.digest) {
                push.reporter.say(layer.diff_id.short(), EXISTS).await;
            } else {
                wanted.push(layer);
            }
        }
        let (session, reporter) = (push.session, push.reporter);
        try_join_all(wanted.iter().map(|layer| self.push_layer(session, reporter, reference, layer))).await?;
        push.there.extend(wanted.into_iter().map(|layer| layer.blob.digest.clone()));
        Ok(())
    }

    async fn push_layer(
        &self,
        session: &Session,
        reporter: &Reporter,
        reference: &Reference,
        layer: &ImageLayer,
    ) -> Result<(), ImageError> {
        let id = layer.diff_id.short();
        let semaphore = &self.shared().uploads;
        let permit = match semaphore.try_acquire() {
            Ok(permit) => Ok(permit),
            Err(_) => {
                reporter.say(id, "Waiting").await;
                semaphore.acquire().await
            }
        };
        let _permit = permit.map_err(|_| ImageError::Cancelled)?;
        let retry = self.retry();
        let mut failures = 0;
        loop {
            let error = match self.bring(session, reporter, reference, layer).await {
                Ok(words) => {
                    reporter.say(id, &words).await;
                    return Ok(());
                }
                Err(error) => error,
            };
            failures += 1;
            if !may_pass(&error) || failures >= retry.attempts {
                return Err(told_bare(error));
            }
            let wait = retry.wait(failures);
            tracing::info!(layer = %layer.blob.digest, error = %error, "upload broke off, beginning again in {wait:?}");
            let seconds = wait.as_secs().max(1);
            let plural = if seconds == 1 { "" } else { "s" };
            reporter.say(id, &format!("Retrying in {seconds} second{plural}")).await;
            tokio::time::sleep(wait).await;
        }
    }

    /// One attempt; the words for how the layer came to be there.
    async fn bring(
        &self,
        session: &Session,
        reporter: &Reporter,
        reference: &Reference,
        layer: &ImageLayer,
    ) -> Result<String, RegistryError> {
        let blob = &layer.blob;
        if session.has_blob(&blob.digest).await? {
            return Ok(EXISTS.to_owned());
        }
        let mut begun = None;
        for neighbour in self.neighbours(reference, blob) {
            match session.begin_upload(&blob.digest, Some(&neighbour)).await {
                Ok(Begun::Mounted) => return Ok(format!("Mounted from {neighbour}")),
                // Not mounted, but an upload was begun all the same.
                Ok(upload) => begun = Some(upload),
                // Whoever may not read the neighbour may still write here.
                Err(error) => tracing::info!(blob = %blob.digest, from = neighbour, error = %error, "not mounted"),
            }
        }
        let begun = match begun {
            Some(begun) => begun,
            None => session.begin_upload(&blob.digest, None).await?,
        };
        let Begun::Upload(upload) = begun else { return Ok(EXISTS.to_owned()) };
        let moved = Arc::new(AtomicU64::new(0));
        let path = self.shared().layout.blob(&blob.digest);
        let source = Source { path, size: blob.size, moved: moved.clone() };
        let id = layer.diff_id.short();
        let sending = session.upload(upload, &blob.digest, &source);
        tokio::pin!(sending);
        loop {
            tokio::select! {
                sent = &mut sending => {
                    sent?;
                    return Ok("Pushed".to_owned());
                }
                () = tokio::time::sleep(PACE) => reporter.count(id, "Pushing", moved.load(Ordering::Relaxed), blob.size),
            }
        }
    }

    /// Repositories of the same registry that were seen to have a blob, the likeliest first; the smaller the blob, the fewer
    /// are tried (moby `getMaxMountAndExistenceCheckAttempts`).
    fn neighbours(&self, reference: &Reference, blob: &Descriptor) -> Vec<String> {
        let state = self.state();
        let has = |digest: &Digest| *digest == blob.digest;
        let mut found: Vec<String> = state
            .references
            .iter()
            .filter(|(other, _)| other.digest().is_some() && other.domain() == reference.domain())
            .filter(|(other, _)| other.path() != reference.path())
            .filter(|(_, id)| {
                state.images.get(id).is_some_and(|image| image.layers.iter().any(|l| has(&l.blob.digest)))
            })
            .map(|(other, _)| other.path().to_owned())
            .collect();
        let alike =
            |path: &String| path.split('/').zip(reference.path().split('/')).take_while(|(a, b)| a == b).count();
        found.sort_by_key(|path| std::cmp::Reverse(alike(path)));
        found.dedup();
        found.truncate(match blob.size {
            0..=100_000 => 1,
            100_001..=10_000_000 => 3,
            _ => 4,
        });
        found
    }
}

/// Whether beginning again may help: not where the registry said no.
fn may_pass(error: &RegistryError) -> bool {
    match error {
        // An upload that the registry has lost, or whose bytes were not what they should be.
        RegistryError::Wire(wire) => {
            error.is_passing() || wire.code.starts_with("BLOB_UPLOAD_") || wire.code == "DIGEST_INVALID"
        }
        error => error.is_passing(),
    }
}
