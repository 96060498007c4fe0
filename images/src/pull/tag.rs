//! One reference: from its manifest to its place in the index (moby `distribution/pull_v2.go`, `pullTag`).

use std::sync::Arc;

use super::{Pulled, told};
use crate::Store;
use crate::content::{NewImage, Pin, Shared};
use crate::digest::Digest;
use crate::error::ImageError;
use crate::image::{Descriptor, Image, ImageConfig, ImageId};
use crate::platform::Platform;
use crate::progress::Reporter;
use crate::reference::Reference;
use crate::registry::{Fetched, ImageManifest, Manifest, RegistryError, Session, verify};

/// A document that will be a blob: its bytes and what names it.
struct Document {
    bytes: Vec<u8>,
    descriptor: Descriptor,
}

/// What a reference led to.
struct Found {
    /// The digest users see: of the index where there is one.
    digest: Digest,
    index: Option<Document>,
    manifest: Document,
    image: ImageManifest,
}

impl Store {
    pub(super) async fn pull_tag(
        &self,
        session: &Arc<Session>,
        reference: &Reference,
        platform: Option<&Platform>,
        reporter: &Reporter,
    ) -> Result<Pulled, ImageError> {
        // Docker shows the whole reference where it was asked by digest.
        let shown = match (reference.digest(), reference.tag()) {
            (None, Some(tag)) => tag.to_owned(),
            _ => reference.to_string(),
        };
        let found = self.find(session, reference, platform, &shown, reporter).await?;
        let digest = found.digest.clone();
        let id = ImageId::new(found.image.config.digest.clone());
        let (new, pins) = match self.intact(&id).await? {
            Some(known) => known,
            None => self.fetch(session, found, reporter).await?,
        };
        let mut references = vec![reference.trimmed().with_digest(digest.clone())];
        if reference.digest().is_none() {
            references.push(reference.stored());
        }
        let put = self
            .blocking(move |shared| {
                let put = shared.put_image(new, &references);
                drop(pins);
                put
            })
            .await?;
        reporter.say("", &format!("Digest: {digest}")).await;
        let newer = put.before.last().is_none_or(|before| before.as_ref() != Some(&id));
        Ok(Pulled { reference: reference.clone(), id, digest, newer })
    }

    /// Follows a reference to the manifest for the platform.
    async fn find(
        &self,
        session: &Session,
        reference: &Reference,
        platform: Option<&Platform>,
        shown: &str,
        reporter: &Reporter,
    ) -> Result<Found, ImageError> {
        let asked =
            reference.digest().map_or_else(|| reference.tag().unwrap_or_default().to_owned(), ToString::to_string);
        let fetched = session.manifest(&asked, self.retry()).await.map_err(|error| told(error, reference))?;
        let digest = match reference.digest() {
            Some(digest) => verify(&fetched.bytes, digest).map(|()| digest.clone())?,
            None => Digest::of(&fetched.bytes),
        };
        let first = Manifest::parse(&fetched.bytes, &fetched.content_type, &reference.to_string())?;
        reporter.say(shown, &format!("Pulling from {}", reference.path())).await;
        let top = document(fetched, digest.clone());
        let index = match first {
            Manifest::Image(image) => return Ok(Found { digest, index: None, manifest: top, image }),
            Manifest::Index(index) => index,
        };
        let platform = platform.cloned().unwrap_or_default();
        let entry = index.choose(&platform)?.descriptor.clone();
        let fetched = session.manifest(&entry.digest.to_string(), self.retry()).await;
        let fetched = fetched.map_err(|error| told(error, reference))?;
        verify(&fetched.bytes, &entry.digest)?;
        match Manifest::parse(&fetched.bytes, &fetched.content_type, &reference.to_string())? {
            Manifest::Image(image) => {
                Ok(Found { digest, index: Some(top), manifest: document(fetched, entry.digest), image })
            }
            Manifest::Index(_) => Err(RegistryError::ManifestContent("its index leads to another index").into()),
        }
    }

    /// An image that is here with all its files, pinned: there is nothing to fetch.
    async fn intact(&self, id: &ImageId) -> Result<Option<(NewImage, Vec<Pin>)>, ImageError> {
        let id = id.clone();
        self.blocking(move |shared| {
            let Some(image) = shared.index.snapshot().images.get(&id).cloned() else { return Ok(None) };
            Ok(pin_all(shared, &image).map(|pins| {
                let new = NewImage {
                    id,
                    config: ImageConfig::clone(&image.config),
                    parent: image.parent.clone(),
                    manifest: image.manifest.clone(),
                    index: None,
                    layers: image.layers.clone(),
                };
                (new, pins)
            }))
        })
        .await
    }

    /// Fetches configuration and layers.
    async fn fetch(
        &self,
        session: &Arc<Session>,
        found: Found,
        reporter: &Reporter,
    ) -> Result<(NewImage, Vec<Pin>), ImageError> {
        let id = ImageId::new(found.image.config.digest.clone());
        let bytes = session.config(id.digest(), self.retry()).await?;
        let config = ImageConfig::parse(&bytes).map_err(RegistryError::Config)?;
        if config.diff_ids().len() != found.image.layers.len() {
            return Err(RegistryError::LayerMismatch.into());
        }
        let (layers, flights) = self.fetch_layers(session, &found.image, config.diff_ids(), reporter).await?;
        let (manifest, index) = (found.manifest, found.index);
        let mut new = NewImage { id, config, parent: None, manifest: None, index: None, layers };
        self.blocking(move |shared| {
            let mut pins = vec![shared.put_document(&bytes)?.1, shared.put_document(&manifest.bytes)?.1];
            if let Some(index) = &index {
                pins.push(shared.put_document(&index.bytes)?.1);
            }
            pins.extend(flights.into_iter().flat_map(|flight| flight.pin_again(shared)));
            new.manifest = Some(manifest.descriptor);
            new.index = index.map(|index| index.descriptor);
            Ok((new, pins))
        })
        .await
    }
}

fn document(fetched: Fetched, digest: Digest) -> Document {
    let size = fetched.bytes.len() as u64;
    Document { bytes: fetched.bytes, descriptor: Descriptor { media_type: fetched.content_type, digest, size } }
}

/// Pins all files of an image, if all are there.
fn pin_all(shared: &Shared, image: &Image) -> Option<Vec<Pin>> {
    let documents = [Some(image.id.digest()), image.manifest.as_ref().map(|m| &m.digest)];
    let blobs = documents.into_iter().flatten().chain(image.layers.iter().map(|layer| &layer.blob.digest));
    let blobs = blobs.map(|digest| shared.find_blob(digest));
    let layers = image.diff_ids().map(|diff_id| shared.find_layer(diff_id));
    blobs.chain(layers).collect()
}
