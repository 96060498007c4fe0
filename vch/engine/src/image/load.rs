//! `load`.

use super::pull::platform;
use super::transfer::{passed_on, watched};
use super::view::Progress;
use crate::engine::Engine;
use crate::error::Result;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use tokio_util::io::StreamReader;

impl Engine {
    /// Takes images from an archive (docker-archive or OCI layout, compressed or not); of a platform, where one is named.
    ///
    /// # Errors
    /// A bad platform; the archive cannot be read: nothing of it stays then.
    pub async fn load(
        &self,
        quiet: bool,
        wanted: Option<String>,
        body: BoxStream<'static, std::io::Result<Bytes>>,
    ) -> Result<BoxStream<'static, Result<Progress>>> {
        let wanted = platform(wanted.as_deref())?;
        let engine = self.clone();
        watched(|teller| async move {
            let body = StreamReader::new(body);
            let loaded = if quiet {
                // Nobody listens: the store's messages go nowhere.
                engine.images_store().load(body, wanted, tokio::sync::mpsc::channel(1).0).await
            } else {
                let (progress, passing) = teller.of_store();
                let loaded = engine.images_store().load(body, wanted, progress).await;
                passed_on(passing).await?;
                loaded
            };
            for image in loaded? {
                engine.tell_image("load", &image.id.to_string(), &image.id.to_string());
                for line in image.messages() {
                    teller.say(Progress { stream: Some(line), ..Default::default() }).await;
                }
            }
            Ok(())
        })
        .await
    }
}
