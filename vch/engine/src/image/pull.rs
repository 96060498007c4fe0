//! `pull`.

use super::transfer::{passed_on, watched};
use super::view::{Credentials, Progress, Pull};
use crate::engine::Engine;
use crate::error::{Error, Kind, Result};
use futures_util::stream::BoxStream;
use vch_images::digest::Digest;
use vch_images::pull::PullRequest;
use vch_images::{ImageError, Platform, Reference};

impl Engine {
    /// Pulls an image, or (without tag or digest) every tag of a repository.
    ///
    /// # Errors
    /// A bad reference or platform; the registry's refusal.
    pub async fn pull(&self, request: Pull) -> Result<BoxStream<'static, Result<Progress>>> {
        let reference = reference(&request.name, &request.tag)?;
        let request = PullRequest {
            all_tags: reference.is_name_only(),
            reference,
            platform: platform(request.platform.as_deref())?,
            credentials: request.credentials.map(login),
        };
        let engine = self.clone();
        watched(|teller| async move {
            let (progress, passing) = teller.of_store();
            let outcome = engine.images_store().pull(request, progress).await;
            passed_on(passing).await?;
            let outcome = outcome.map_err(|error| match Error::from(error) {
                // As dockerd: to a 401 the CLI would answer by asking a person for a password, in a script too.
                Error { kind: Kind::Unauthorized, message } => Error::system(message),
                other => other,
            });
            for pulled in outcome?.pulled {
                let name = pulled.reference.familiar();
                engine.tell_image("pull", &name, &pulled.reference.familiar_name());
            }
            Ok(())
        })
        .await
    }
}

/// The reference that name and tag mean together; the tag may be a digest.
pub(super) fn reference(name: &str, tag: &str) -> Result<Reference> {
    let bad = |error| Error::from(ImageError::from(error));
    // "pull -a" of old clients sends the name with a colon behind.
    let named = Reference::parse(name.trim_end_matches(':')).map_err(bad)?;
    match tag {
        "" => Ok(named),
        tag if tag.contains(':') => {
            let digest: Digest = tag.parse().map_err(|error| Error::from(ImageError::Digest(error)))?;
            Ok(named.trimmed().with_digest(digest))
        }
        tag => named.trimmed().with_tag(tag).map_err(bad),
    }
}

/// A platform as clients write it; none for none.
pub(super) fn platform(text: Option<&str>) -> Result<Option<Platform>> {
    text.filter(|text| !text.is_empty()).map(|text| text.parse().map_err(Error::from)).transpose()
}

/// A login in the store's terms.
pub(super) fn login(credentials: Credentials) -> vch_images::registry::Credentials {
    vch_images::registry::Credentials {
        username: credentials.username,
        password: credentials.password,
        identity_token: credentials.identity_token,
        registry_token: credentials.registry_token,
    }
}
