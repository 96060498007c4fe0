//! `import`: a tar of a root file system becomes an image of one layer.

use super::changes;
use super::pull::platform;
use super::transfer::watched;
use super::view::{Import, Progress};
use crate::engine::Engine;
use crate::error::{Error, Result};
use bytes::Bytes;
use futures_util::stream::BoxStream;
use tokio_util::io::StreamReader;
use vch_images::archive::ImportRequest;
use vch_images::image::RunConfig;
use vch_images::{ImageError, Reference};

impl Engine {
    /// Imports a root file system. The stream's one message is the image's ID.
    ///
    /// # Errors
    /// A bad name, platform or change; a tar that cannot be taken.
    pub async fn import(
        &self,
        request: Import,
        body: BoxStream<'static, std::io::Result<Bytes>>,
    ) -> Result<BoxStream<'static, Result<Progress>>> {
        let reference = reference(&request.repository, &request.tag)?;
        let mut config = RunConfig::default();
        changes::apply(&mut config, &request.changes)?;
        let message = if request.message.is_empty() { "Imported from -".into() } else { request.message };
        let platform = platform(request.platform.as_deref())?;
        let import = ImportRequest { config, platform, message, reference };
        let engine = self.clone();
        watched(|teller| async move {
            let id = engine.images_store().import(StreamReader::new(body), import).await?.to_string();
            engine.tell_image("import", &id, &id);
            teller.say(Progress { status: Some(id), ..Default::default() }).await;
            Ok(())
        })
        .await
    }
}

/// The name that an image is to get, if any (moby httputils.RepoTagReference).
pub(super) fn reference(repository: &str, tag: &str) -> Result<Option<Reference>> {
    if repository.is_empty() {
        return Ok(None);
    }
    let bad = |error| Error::from(ImageError::from(error));
    let mut reference = Reference::parse(repository).map_err(bad)?;
    if reference.digest().is_some() {
        return Err(Error::invalid("cannot import digest reference"));
    }
    if !tag.is_empty() {
        reference = reference.with_tag(tag).map_err(bad)?;
    }
    Ok(Some(reference.or_latest()))
}
