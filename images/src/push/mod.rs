//! `docker push`: a tag, or all tags of a name, go to their registry (moby `distribution/push.go`, `push_v2.go`).
//!
//! ```text
//! name → endpoint → for each tag: manifest and blobs → layers (there · mounted · sent) → configuration → manifest
//! ```
//!
//! Called by the engine. An image that came with a manifest goes out with the very same bytes, so that its digest stays; one
//! that came without (load, import) has its layers compressed once and keeps them so.

mod layers;
mod pack;

use std::collections::HashSet;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::Store;
use crate::content::{Change, ContentError};
use crate::digest::Digest;
use crate::error::ImageError;
use crate::image::ImageId;
use crate::platform::Platform;
use crate::progress::{Progress, Pushed, Reporter};
use crate::reference::Reference;
use crate::registry::{Begun, Credentials, Endpoint, RegistryError, Session};

/// What to push.
#[derive(Clone, Debug)]
pub struct PushRequest {
    /// A tag; without one all tags of the name.
    pub reference: Reference,
    /// The platform the image must be for.
    pub platform: Option<Platform>,
    /// How to be let in.
    pub credentials: Option<Credentials>,
}

/// What one push to one repository shares.
struct Push<'a> {
    session: &'a Session,
    reporter: &'a Reporter,
    /// Blobs that the repository is known to have.
    there: HashSet<Digest>,
}

impl Store {
    /// Pushes a tag or all tags of a name, telling what happens in dockerd's words. Each tag is told in
    /// [`Progress::pushed`]. Dropping the future stops the push.
    ///
    /// # Errors
    /// [`ImageError::NothingToPush`], [`ImageError::NoSuchTag`] and the like; [`RegistryError`]; a blob that is missing.
    pub async fn push(&self, request: PushRequest, progress: mpsc::Sender<Progress>) -> Result<(), ImageError> {
        let (reporter, reference) = (Reporter::new(progress), &request.reference);
        if let Some(asked) = &request.platform {
            let own = self.resolve(&reference.to_string())?.config.platform();
            if asked.rank(&own).is_none() {
                let (reference, own, asked) = (reference.familiar(), own.to_string(), asked.to_string());
                return Err(ImageError::WrongPlatform { reference, own, asked });
            }
        }
        reporter.say("", &format!("The push refers to repository [{}]", reference.name())).await;
        if !self.state().references.keys().any(|known| known.trimmed() == reference.trimmed()) {
            return Err(ImageError::NothingToPush(reference.familiar_name()));
        }
        let session = self.session_to_write(&request).await?;
        let mut push = Push { session: &session, reporter: &reporter, there: HashSet::new() };
        for (reference, id) in self.tags_to_push(reference)? {
            self.push_tag(&mut push, &reference, &id).await?;
        }
        Ok(())
    }

    /// A conversation with the first endpoint that answers. Mirrors are not written to.
    async fn session_to_write(&self, request: &PushRequest) -> Result<Session, ImageError> {
        let domain = request.reference.domain().to_owned();
        let endpoints: Vec<Endpoint> =
            self.blocking(move |shared| Ok(shared.registry.settings.endpoints(&domain))).await?;
        let mut failure = RegistryError::ManifestContent("its registry has no endpoint");
        for endpoint in endpoints.into_iter().filter(|endpoint| !endpoint.mirror) {
            let transport = self.shared().registry.transport.clone();
            let (path, credentials) = (request.reference.path().to_owned(), request.credentials.clone());
            // Making a client reads certificates.
            let session =
                self.blocking(move |_| Ok(Session::new(&transport, endpoint, &path, credentials.as_ref())?)).await?;
            match session.ping().await {
                Ok(()) => return Ok(session.writing()),
                Err(error) => failure = error,
            }
        }
        Err(failure.into())
    }

    /// The tags that a reference means, and their images.
    fn tags_to_push(&self, reference: &Reference) -> Result<Vec<(Reference, ImageId)>, ImageError> {
        let state = self.state();
        if reference.digest().is_some() {
            return Err(ImageError::PushByDigest);
        }
        if reference.tag().is_some() {
            let id = state.references.get(&reference.stored());
            let id = id.ok_or_else(|| ImageError::NoSuchTag(reference.familiar()))?;
            return Ok(vec![(reference.clone(), id.clone())]);
        }
        let of_name =
            state.references.iter().filter(|(known, _)| known.trimmed() == *reference && known.tag().is_some());
        let mut tags: Vec<_> = of_name.map(|(known, id)| (known.clone(), id.clone())).collect();
        tags.sort_by_cached_key(|(known, _)| known.to_string());
        if tags.is_empty() {
            return Err(ImageError::NoTags(reference.familiar_name()));
        }
        Ok(tags)
    }

    async fn push_tag(&self, push: &mut Push<'_>, reference: &Reference, id: &ImageId) -> Result<(), ImageError> {
        let image = self.get(id).ok_or_else(|| ImageError::NoSuchImage(id.to_string()))?;
        let mut ids: Vec<&str> = image.diff_ids().map(Digest::short).collect();
        // The topmost first, as dockerd has it, and each once.
        ids.reverse();
        let mut told = HashSet::new();
        for id in ids.into_iter().filter(|id| told.insert(*id)) {
            push.reporter.say(id, "Preparing").await;
        }
        let wanted = id.clone();
        let packed = self.blocking(move |shared| pack::pack(shared, &wanted)).await?;
        self.push_layers(push, reference, &packed.layers).await?;
        self.push_config(push, &packed).await.map_err(told_bare)?;
        let tag = reference.tag().unwrap_or_default();
        let manifest = Bytes::from(packed.manifest);
        let size = manifest.len() as u64;
        let digest = Digest::of(&manifest);
        push.session.put_manifest(tag, &packed.media_type, manifest).await.map_err(told_bare)?;
        push.reporter.say("", &format!("{tag}: digest: {digest} size: {size}")).await;
        self.remember(reference.trimmed().with_digest(digest.clone()), id.clone()).await?;
        push.reporter.pushed(Pushed { tag: tag.to_owned(), digest, size }).await;
        Ok(())
    }

    async fn push_config(&self, push: &mut Push<'_>, packed: &pack::Packed) -> Result<(), RegistryError> {
        let session = push.session;
        if push.there.contains(&packed.config_digest) || session.has_blob(&packed.config_digest).await? {
            return Ok(());
        }
        if let Begun::Upload(upload) = session.begin_upload(&packed.config_digest, None).await? {
            session.upload_whole(upload, &packed.config_digest, packed.config.clone().into()).await?;
        }
        push.there.insert(packed.config_digest.clone());
        Ok(())
    }

    /// An image that was pushed is known by that digest, as one that was pulled.
    async fn remember(&self, reference: Reference, id: ImageId) -> Result<(), ImageError> {
        self.blocking(move |shared| {
            shared.index.commit(|state| {
                let known = state.images.contains_key(&id);
                let change = Change::Reference(reference, Some(id));
                // Removed meanwhile: what is at the registry is there all the same.
                Ok::<_, ContentError>((if known { vec![change] } else { Vec::new() }, ()))
            })?;
            Ok(())
        })
        .await
    }
}

/// dockerd says why nobody was let in without the address that was asked.
fn told_bare(error: RegistryError) -> ImageError {
    match error {
        RegistryError::NoCredentials { .. } => RegistryError::NoPushCredentials.into(),
        error => error.into(),
    }
}

#[cfg(test)]
mod tests;
