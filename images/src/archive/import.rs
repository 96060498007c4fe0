//! `docker import`: a tar of a root file system becomes an image of one layer (moby `daemon/images/image_import.go`).
//!
//! Called by the engine, which has parsed and applied `--change`.

use std::fs::File;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::io::AsyncRead;

use super::ArchiveError;
use crate::Store;
use crate::compression::{Compression, decoder, detect};
use crate::content::{ContentError, NewImage, Pin, Shared, Tee, TempFile, unpack};
use crate::digest::{Algorithm, Digest};
use crate::error::ImageError;
use crate::image::tag::check_tag;
use crate::image::{Descriptor, History, ImageConfig, ImageId, ImageLayer, RootFs, RunConfig};
use crate::pipe::PipeReader;
use crate::platform::Platform;
use crate::reference::Reference;

/// What an imported image is to be.
#[derive(Clone, Debug, Default)]
pub struct ImportRequest {
    /// How its containers run.
    pub config: RunConfig,
    /// For which platform it is; this host's where it is not said.
    pub platform: Option<Platform>,
    /// A remark, `Imported from -`.
    pub message: String,
    /// The name it gets.
    pub reference: Option<Reference>,
}

impl Store {
    /// Imports a root file system, compressed or not.
    ///
    /// # Errors
    /// A tar that is refused; a stream that breaks off; a name that cannot be a tag; a failed write.
    pub async fn import(&self, tar: impl AsyncRead + Unpin, request: ImportRequest) -> Result<ImageId, ImageError> {
        request.reference.as_ref().map_or(Ok(()), check_tag)?;
        self.consume(tar, move |shared, reader| import(shared, reader, request)).await
    }
}

fn import(shared: &Shared, reader: PipeReader, request: ImportRequest) -> Result<ImageId, ImageError> {
    let mut tee = Tee::new(&shared.layout, reader, Algorithm::Sha256)?;
    let unpacked = unpack(&shared.layout, &mut tee)?;
    let (temp, digest, size) = tee.finish()?;
    let (diff_id, compression) = (unpacked.diff_id.clone(), unpacked.compression);
    let (blob, pin) = put_blob(shared, temp, Descriptor { media_type: String::new(), digest, size }, compression)?;
    let pins = [pin, unpacked.commit(shared)?];
    let config = describe(request.config, request.platform.unwrap_or_default(), request.message, diff_id.clone());
    let wrong = |source| ArchiveError::Json { name: "image configuration".to_owned(), source };
    let (config_digest, config_pin) = shared.put_document(&serde_json::to_vec(&config).map_err(wrong)?)?;
    let new = NewImage {
        id: ImageId::new(config_digest),
        config,
        parent: None,
        manifest: None,
        index: None,
        layers: vec![ImageLayer { diff_id, blob }],
    };
    let references: Vec<Reference> = request.reference.into_iter().collect();
    let put = shared.put_image(new, &references);
    drop((pins, config_pin));
    Ok(put?.image.id.clone())
}

/// Stores the stream as it came if registries take it so, else its plain tar.
pub(super) fn put_blob(
    shared: &Shared,
    temp: TempFile,
    given: Descriptor,
    compression: Compression,
) -> Result<(Descriptor, Pin), ImageError> {
    if let Some(media_type) = compression.layer_media_type() {
        let pin = shared.put_blob(temp, &given.digest)?;
        return Ok((Descriptor { media_type: media_type.to_owned(), ..given }, pin));
    }
    let file = File::open(temp.path()).map_err(ContentError::io("open", temp.path()))?;
    let (compression, buffered) = detect(file).map_err(ArchiveError::Read)?;
    let plain = decoder(compression, buffered).map_err(ArchiveError::Read)?;
    let (temp, digest, size) = Tee::new(&shared.layout, plain, Algorithm::Sha256)?.finish()?;
    let pin = shared.put_blob(temp, &digest)?;
    let media_type = Compression::None.layer_media_type().unwrap_or_default().to_owned();
    Ok((Descriptor { media_type, digest, size }, pin))
}

fn describe(config: RunConfig, platform: Platform, message: String, diff_id: Digest) -> ImageConfig {
    let created = OffsetDateTime::now_utc().format(&Rfc3339).ok();
    ImageConfig {
        architecture: platform.architecture,
        variant: platform.variant,
        os: platform.os,
        created: created.clone(),
        comment: message.clone(),
        config,
        history: vec![History { created, comment: message, ..History::default() }],
        rootfs: Some(RootFs { kind: "layers".to_owned(), diff_ids: vec![diff_id] }),
        ..ImageConfig::default()
    }
}
