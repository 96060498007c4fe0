//! `save`.

use super::pull::platform;
use crate::engine::Engine;
use crate::error::{Error, Result};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio_stream::wrappers::ReceiverStream;

impl Engine {
    /// Images as one tar: docker-archive and OCI layout at once.
    ///
    /// # Errors
    /// No such image; an image that is not for the platform asked for. A failure half-way ends the stream.
    pub async fn save(&self, names: Vec<String>, wanted: Option<String>) -> Result<BoxStream<'static, Result<Bytes>>> {
        let wanted = platform(wanted.as_deref())?;
        let archive = self.images_store().save(&names, wanted.as_ref()).await?;
        for id in archive.images {
            self.tell_image("save", &id.to_string(), &id.to_string());
        }
        Ok(ReceiverStream::new(archive.chunks).map(|chunk| chunk.map_err(Error::from)).boxed())
    }
}
