//! `docker pull`: a reference at a registry becomes an image in the store.
//!
//! ```text
//! reference → endpoints → manifest (→ index → manifest) → configuration → layers → one commit
//!                                                                          each: download → hash → inflate → hash → disk
//! ```
//!
//! Called by the engine. Layers are fetched in parallel, each once however many pulls want it. Nothing is visible before
//! the last commit; a pull that fails or is dropped leaves the store as it was.

mod flight;
mod intake;
mod layers;
mod tag;

use tokio::sync::mpsc;

pub(crate) use flight::Flights;

use crate::Store;
use crate::digest::Digest;
use crate::error::ImageError;
use crate::image::ImageId;
use crate::platform::Platform;
use crate::progress::{Progress, Reporter};
use crate::reference::Reference;
use crate::registry::{Credentials, Endpoint, RegistryError, Retry, Session};

/// What to pull.
#[derive(Clone, Debug)]
pub struct PullRequest {
    /// The image; `latest` where there is neither tag nor digest.
    pub reference: Reference,
    /// All tags of the repository instead.
    pub all_tags: bool,
    /// For which platform; this host's where it is not said.
    pub platform: Option<Platform>,
    /// How to be let in.
    pub credentials: Option<Credentials>,
}

/// One reference that was pulled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// The reference, with its tag or digest.
    pub reference: Reference,
    /// The image.
    pub id: ImageId,
    /// The digest the registry knows it by (of the index, where there is one).
    pub digest: Digest,
    /// Whether the reference did not point to this image before.
    pub newer: bool,
}

/// All that was pulled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullOutcome {
    /// In the order pulled; one but for `all_tags`.
    pub pulled: Vec<Pulled>,
    /// Whether any of them was new here.
    pub newer: bool,
}

impl Store {
    /// Pulls an image, telling what happens in dockerd's words.
    ///
    /// Dropping the future stops the pull and leaves the store as it was.
    ///
    /// # Errors
    /// [`RegistryError`] in dockerd's words; a layer that is refused; a failed write.
    pub async fn pull(
        &self,
        request: PullRequest,
        progress: mpsc::Sender<Progress>,
    ) -> Result<PullOutcome, ImageError> {
        let reporter = Reporter::new(progress);
        let sweep = Sweep(Some(self.clone()));
        let result = self.pull_anywhere(&request, &reporter).await;
        sweep.finish(result.is_err()).await?;
        result
    }

    /// Tries the endpoints in turn.
    async fn pull_anywhere(&self, request: &PullRequest, reporter: &Reporter) -> Result<PullOutcome, ImageError> {
        let domain = request.reference.domain().to_owned();
        let endpoints: Vec<Endpoint> =
            self.blocking(move |shared| Ok(shared.registry.settings.endpoints(&domain))).await?;
        let mut left = endpoints.into_iter().peekable();
        loop {
            let Some(endpoint) = left.next() else {
                return Err(RegistryError::ManifestContent("its registry has no endpoint").into());
            };
            let mirror = endpoint.mirror;
            match self.pull_from(endpoint, request, reporter).await {
                Err(error) if left.peek().is_some() && may_go_on(&error, mirror) => {
                    tracing::info!(reference = %request.reference, error = %error.chain(), "asking the next endpoint");
                }
                result => return result,
            }
        }
    }

    async fn pull_from(
        &self,
        endpoint: Endpoint,
        request: &PullRequest,
        reporter: &Reporter,
    ) -> Result<PullOutcome, ImageError> {
        let reference = &request.reference;
        let transport = self.shared().registry.transport.clone();
        let (path, credentials) = (reference.path().to_owned(), request.credentials.clone());
        // Making a client reads certificates.
        let session =
            self.blocking(move |_| Ok(Session::new(&transport, endpoint, &path, credentials.as_ref())?)).await?;
        let session = std::sync::Arc::new(session);
        let references = if request.all_tags {
            let tags = session.tags(self.retry()).await.map_err(|error| told(error, reference))?;
            tags.iter().map(|tag| reference.trimmed().with_tag(tag)).collect::<Result<Vec<_>, _>>()?
        } else {
            vec![reference.or_latest()]
        };
        let mut pulled = Vec::with_capacity(references.len());
        for reference in references {
            pulled.push(self.pull_tag(&session, &reference, request.platform.as_ref(), reporter).await?);
        }
        let newer = pulled.iter().any(|one| one.newer);
        let name = if request.all_tags { reference.trimmed().familiar() } else { reference.or_latest().familiar() };
        let status = if newer { "Downloaded newer image for" } else { "Image is up to date for" };
        reporter.say("", &format!("Status: {status} {name}")).await;
        Ok(PullOutcome { pulled, newer })
    }

    pub(crate) fn retry(&self) -> Retry {
        let options = &self.shared().options;
        Retry { attempts: options.download_attempts.max(1), delay: options.retry_delay }
    }
}

/// Whether another endpoint may do what this one did not.
fn may_go_on(error: &ImageError, mirror: bool) -> bool {
    match error {
        ImageError::Registry(RegistryError::Transport { .. }) => true,
        ImageError::Registry(_) => mirror,
        ImageError::Shared(error) => may_go_on(error, mirror),
        _ => false,
    }
}

/// The words for a failure about a reference (moby `distribution/errors.go`).
fn told(error: RegistryError, reference: &Reference) -> RegistryError {
    let RegistryError::Wire(cause) = error else { return error };
    let (name, reference) = (reference.familiar_name(), reference.familiar());
    match cause.code.as_str() {
        "DENIED" => RegistryError::Denied { name, cause },
        "MANIFEST_UNKNOWN" => RegistryError::ManifestUnknown { reference, cause },
        "NAME_UNKNOWN" => RegistryError::NameUnknown { name, cause },
        _ => RegistryError::Wire(cause),
    }
}

/// Removes what a pull that failed or was dropped has left unreferred.
struct Sweep(Option<Store>);

impl Sweep {
    async fn finish(mut self, failed: bool) -> Result<(), ImageError> {
        let Some(store) = self.0.take() else { return Ok(()) };
        if failed {
            store.collect_garbage().await?;
        }
        Ok(())
    }
}

impl Drop for Sweep {
    fn drop(&mut self) {
        if let (Some(store), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn_blocking(move || store.shared().collect_garbage());
        }
    }
}

#[cfg(test)]
mod tests;
