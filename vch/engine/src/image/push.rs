//! `push`.

use super::pull::{login, platform, reference};
use super::transfer::{passed_on, watched};
use super::view::{Progress, Push};
use crate::engine::Engine;
use crate::error::Result;
use futures_util::stream::BoxStream;
use vch_images::push::PushRequest;

impl Engine {
    /// Pushes a tag of an image, or all tags of a name. Nearly every failure is the stream's last item, as in dockerd.
    ///
    /// # Errors
    /// A bad reference; an image for another platform than the one asked for.
    pub async fn push(&self, request: Push) -> Result<BoxStream<'static, Result<Progress>>> {
        let reference = reference(&request.name, &request.tag)?;
        let (named, name) = (reference.familiar(), reference.familiar_name());
        let request = PushRequest {
            reference,
            platform: platform(request.platform.as_deref())?,
            credentials: request.credentials.map(login),
        };
        let engine = self.clone();
        watched(|teller| async move {
            let (progress, passing) = teller.of_store();
            let outcome = engine.images_store().push(request, progress).await;
            passed_on(passing).await?;
            outcome?;
            engine.tell_image("push", &named, &name);
            Ok(())
        })
        .await
    }
}
