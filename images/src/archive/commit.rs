//! `docker commit`: what a container changed becomes a layer on top of its image (moby `image/image.go`, NewChildImage).
//!
//! Called by the engine, which has the changes packed by the container's own machine: the tar is hostile, and read as any
//! other layer's.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::io::AsyncRead;

use super::ArchiveError;
use super::import::put_blob;
use crate::Store;
use crate::content::{NewImage, Shared, Tee, unpack};
use crate::digest::{Algorithm, Digest};
use crate::error::ImageError;
use crate::image::tag::check_tag;
use crate::image::{Descriptor, History, Image, ImageConfig, ImageId, ImageLayer, RootFs, RunConfig};
use crate::pipe::PipeReader;
use crate::reference::Reference;

/// Most layers that an image may have and its containers still start.
const MAX_LAYERS: usize = 127;

/// What a committed image is to be.
#[derive(Clone, Debug)]
pub struct CommitRequest {
    /// The image that the container was made from.
    pub parent: ImageId,
    /// The container's ID.
    pub container: String,
    /// How the container runs.
    pub container_config: RunConfig,
    /// How containers of the new image run.
    pub config: RunConfig,
    /// Who made it.
    pub author: String,
    /// A remark.
    pub comment: String,
    /// The name it gets.
    pub reference: Option<Reference>,
}

impl Store {
    /// Makes an image of another one and a layer's tar.
    ///
    /// # Errors
    /// No such parent, or one with too many layers; a tar that is refused or breaks off; a failed write.
    pub async fn commit(&self, tar: impl AsyncRead + Unpin, request: CommitRequest) -> Result<ImageId, ImageError> {
        request.reference.as_ref().map_or(Ok(()), check_tag)?;
        self.consume(tar, move |shared, reader| commit(shared, reader, request)).await
    }
}

fn commit(shared: &Shared, reader: PipeReader, request: CommitRequest) -> Result<ImageId, ImageError> {
    let parent = shared.index.snapshot().images.get(&request.parent).cloned();
    let parent = parent.ok_or_else(|| ImageError::NoSuchImage(request.parent.to_string()))?;
    let mut tee = Tee::new(&shared.layout, reader, Algorithm::Sha256)?;
    let unpacked = unpack(&shared.layout, &mut tee)?;
    let (temp, digest, size) = tee.finish()?;
    // Docker's measure: the tar of nothing, and no other that happens to make no file.
    let added = (digest != empty_tar()).then(|| unpacked.diff_id.clone());
    let mut layers = parent.layers.clone();
    let mut pins = Vec::new();
    if let Some(diff_id) = &added {
        if layers.len() >= MAX_LAYERS {
            return Err(ImageError::Layer("max depth exceeded".to_owned()));
        }
        let (compression, given) = (unpacked.compression, Descriptor { media_type: String::new(), digest, size });
        let (blob, pin) = put_blob(shared, temp, given, compression)?;
        pins.extend([pin, unpacked.commit(shared)?]);
        layers.push(ImageLayer { diff_id: diff_id.clone(), blob });
    }
    let reference = request.reference.clone();
    let config = describe(request, &parent, added)?;
    let (config_digest, config_pin) = shared.put_document(&serde_json::to_vec(&config).map_err(wrong)?)?;
    let id = ImageId::new(config_digest);
    let new = NewImage { id, config, parent: Some(parent.id.clone()), manifest: None, index: None, layers };
    let put = shared.put_image(new, reference.as_slice());
    drop((pins, config_pin));
    Ok(put?.image.id.clone())
}

fn describe(request: CommitRequest, parent: &Image, added: Option<Digest>) -> Result<ImageConfig, ImageError> {
    let created = OffsetDateTime::now_utc().format(&Rfc3339).ok();
    let below = &parent.config;
    let step = History {
        created: created.clone(),
        created_by: request.container_config.cmd.clone().unwrap_or_default().join(" "),
        author: request.author.clone(),
        comment: request.comment,
        empty_layer: added.is_none(),
    };
    let diff_ids = below.diff_ids().iter().cloned().chain(added).collect();
    Ok(ImageConfig {
        architecture: below.architecture.clone(),
        variant: below.variant.clone(),
        os: below.os.clone(),
        os_version: below.os_version.clone(),
        os_features: below.os_features.clone(),
        created,
        author: request.author,
        config: request.config,
        container: request.container,
        container_config: Some(serde_json::to_value(&request.container_config).map_err(wrong)?),
        history: below.history.iter().cloned().chain([step]).collect(),
        rootfs: Some(RootFs { kind: "layers".to_owned(), diff_ids }),
        ..ImageConfig::default()
    })
}

fn wrong(source: serde_json::Error) -> ImageError {
    ArchiveError::Json { name: "image configuration".to_owned(), source }.into()
}

/// Digest of a tar without entries: two blocks of zeros (moby `layer.DigestSHA256EmptyTar`).
fn empty_tar() -> Digest {
    Digest::of(&[0; 1024])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tar_of_nothing_has_dockers_digest() {
        let known = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";
        assert_eq!(empty_tar().to_string(), known);
    }
}
