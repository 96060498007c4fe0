//! `docker manifest inspect`'s question to the daemon: what does a registry have under a name?
//! (`GET /distribution/{name}/json`, moby `api/server/router/distribution`)

use serde::Deserialize;

use super::{Credentials, Manifest, RegistryError, Session, verify};
use crate::Store;
use crate::digest::Digest;
use crate::error::ImageError;
use crate::image::Descriptor;
use crate::platform::Platform;
use crate::reference::Reference;

/// What a registry has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    /// The manifest or index.
    pub descriptor: Descriptor,
    /// The platforms it is for, as the registry spells them.
    pub platforms: Vec<Platform>,
}

impl Store {
    /// Looks a reference up at its registry; `latest` where there is neither tag nor digest.
    ///
    /// # Errors
    /// [`RegistryError`], in the registry's words.
    pub async fn distribution(
        &self,
        reference: &Reference,
        credentials: Option<&Credentials>,
    ) -> Result<Distribution, ImageError> {
        let domain = reference.domain().to_owned();
        let endpoints = self.blocking(move |shared| Ok(shared.registry.settings.endpoints(&domain))).await?;
        let mut failure = RegistryError::ManifestContent("its registry has no endpoint");
        for endpoint in endpoints {
            let (transport, path) = (self.shared().registry.transport.clone(), reference.path().to_owned());
            let (credentials, mirror) = (credentials.cloned(), endpoint.mirror);
            let session =
                self.blocking(move |_| Ok(Session::new(&transport, endpoint, &path, credentials.as_ref())?)).await?;
            if let Err(error) = session.ping().await {
                failure = error;
                continue;
            }
            match self.look_up(&session, &reference.or_latest()).await {
                // A mirror need not have everything.
                Err(error) if mirror => failure = error,
                found => return Ok(found?),
            }
        }
        Err(failure.into())
    }

    async fn look_up(&self, session: &Session, reference: &Reference) -> Result<Distribution, RegistryError> {
        let asked =
            reference.digest().map_or_else(|| reference.tag().unwrap_or_default().to_owned(), Digest::to_string);
        let fetched = session.manifest(&asked, self.retry()).await?;
        let digest = match reference.digest() {
            Some(digest) => verify(&fetched.bytes, digest).map(|()| digest.clone())?,
            None => Digest::of(&fetched.bytes),
        };
        let size = fetched.bytes.len() as u64;
        let platforms = match Manifest::parse(&fetched.bytes, &fetched.content_type, &reference.to_string())? {
            Manifest::Index(index) => index.entries.into_iter().filter_map(|entry| entry.platform).collect(),
            Manifest::Image(image) => {
                let config = session.config(&image.config.digest, self.retry()).await.ok();
                let platform = config.and_then(|bytes| serde_json::from_slice::<Platform>(&bytes).ok());
                platform.filter(|own| !own.os.is_empty() || !own.architecture.is_empty()).into_iter().collect()
            }
        };
        // What the document says of itself comes before what the registry calls it.
        #[derive(Deserialize)]
        struct Said {
            #[serde(rename = "mediaType")]
            media_type: String,
        }
        let said = serde_json::from_slice::<Said>(&fetched.bytes).map(|said| said.media_type);
        let media_type = said.unwrap_or(fetched.content_type);
        Ok(Distribution { descriptor: Descriptor { media_type, digest, size }, platforms })
    }
}
