//! An image as a registry takes it: its manifest and the blobs that it names, all here and pinned.
//!
//! Called by push; blocks. A manifest that the image came with is taken as it is where every blob of it is here. Else
//! dockerd's own form is made: layers in gzip and a schema 2 manifest. A layer that had to be compressed is kept so, in the
//! plain one's place: compressing it again would have to give the same bytes for ever.

use std::sync::Arc;

use flate2::Compression as Level;
use flate2::read::GzEncoder;
use serde_json::json;

use crate::archive::ArchiveError;
use crate::compression::{Compression, decoder, detect};
use crate::content::{Change, ContentError, Kept, Pin, Shared, Tee};
use crate::digest::{Algorithm, Digest, HashingReader};
use crate::error::ImageError;
use crate::image::{Descriptor, Image, ImageId, ImageLayer};
use crate::registry::{DOCKER_MANIFEST, Manifest, OCI_MANIFEST};

const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// An image that is ready to be pushed.
pub(super) struct Packed {
    pub(super) manifest: Vec<u8>,
    pub(super) media_type: String,
    pub(super) config: Vec<u8>,
    pub(super) config_digest: Digest,
    /// Lowest first.
    pub(super) layers: Vec<ImageLayer>,
    /// Held until the push is through.
    _pins: Vec<Pin>,
}

/// Finds or makes all that is to be sent.
pub(super) fn pack(shared: &Shared, id: &ImageId) -> Result<Packed, ImageError> {
    let missing = || ImageError::NoSuchImage(id.to_string());
    let known = shared.index.snapshot().images.get(id).cloned().ok_or_else(missing)?;
    // Pinned before they are looked for: nothing of it goes while it is being sent.
    let blobs = known.layers.iter().map(|layer| &layer.blob.digest).chain(known.manifest.as_ref().map(|m| &m.digest));
    let blobs = blobs.chain([id.digest()]).cloned().map(Kept::Blob);
    let mut pins: Vec<Pin> = blobs.map(|kept| shared.pins.pin(kept)).collect();
    let config = shared.read_document(id.digest())?;
    if let Some((manifest, media_type)) = original(shared, &known) {
        let layers = known.layers.clone();
        return Ok(Packed { manifest, media_type, config, config_digest: id.digest().clone(), layers, _pins: pins });
    }
    let mut layers = Vec::with_capacity(known.layers.len());
    for layer in &known.layers {
        layers.push(gzipped(shared, layer, &mut pins)?);
    }
    if known.manifest.is_none() {
        keep(shared, &layers)?;
    }
    let blobs: Vec<_> = layers
        .iter()
        .map(|ImageLayer { blob, .. }| json!({"mediaType": DOCKER_LAYER, "digest": blob.digest, "size": blob.size}))
        .collect();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": DOCKER_MANIFEST,
        "config": {"mediaType": DOCKER_CONFIG, "digest": id, "size": config.len()},
        "layers": blobs,
    });
    Ok(Packed {
        manifest: manifest.to_string().into_bytes(),
        media_type: DOCKER_MANIFEST.to_owned(),
        config,
        config_digest: id.digest().clone(),
        layers,
        _pins: pins,
    })
}

/// The manifest that the image came with, if it and all that it names are here.
fn original(shared: &Shared, image: &Image) -> Option<(Vec<u8>, String)> {
    let descriptor = image.manifest.as_ref()?;
    let bytes = shared.read_document(&descriptor.digest).ok()?;
    let Ok(Manifest::Image(manifest)) = Manifest::parse(&bytes, &descriptor.media_type, "") else { return None };
    let named = manifest.layers.iter().map(|layer| &layer.digest);
    let same = manifest.config.digest == *image.id.digest()
        && named.eq(image.layers.iter().map(|layer| &layer.blob.digest))
        && image.layers.iter().all(|layer| shared.has_blob(&layer.blob.digest));
    let said = serde_json::from_slice::<serde_json::Value>(&bytes).ok()?;
    let media_type = match said["mediaType"].as_str().unwrap_or(&descriptor.media_type) {
        DOCKER_MANIFEST => DOCKER_MANIFEST,
        // OCI manifests need not say what they are.
        _ => OCI_MANIFEST,
    };
    same.then(|| (bytes, media_type.to_owned()))
}

/// The layer in gzip, compressed if it is not yet.
fn gzipped(shared: &Shared, layer: &ImageLayer, pins: &mut Vec<Pin>) -> Result<ImageLayer, ImageError> {
    let source = &layer.blob.digest;
    let (compression, buffered) = detect(shared.open_blob(source)?).map_err(ArchiveError::Read)?;
    if compression == Compression::Gzip {
        return Ok(layer.clone());
    }
    let plain = decoder(compression, buffered).map_err(ArchiveError::Read)?;
    let mut plain = HashingReader::new(plain, Algorithm::Sha256);
    let tee = Tee::new(&shared.layout, GzEncoder::new(&mut plain, Level::default()), Algorithm::Sha256)?;
    let (temp, digest, size) = tee.finish()?;
    if plain.finish().0 != layer.diff_id {
        return Err(ContentError::Corrupt(source.clone()).into());
    }
    pins.push(shared.put_blob(temp, &digest)?);
    let media_type = Compression::Gzip.layer_media_type().unwrap_or_default().to_owned();
    Ok(ImageLayer { diff_id: layer.diff_id.clone(), blob: Descriptor { media_type, digest, size } })
}

/// Points all images that came without a manifest at these blobs.
fn keep(shared: &Shared, layers: &[ImageLayer]) -> Result<(), ContentError> {
    shared.index.commit(|state| {
        let better = |image: &Arc<Image>| {
            let mut image = Image::clone(image);
            let mut changed = false;
            for layer in &mut image.layers {
                let packed = layers.iter().find(|packed| packed.diff_id == layer.diff_id && packed.blob != layer.blob);
                if let Some(packed) = packed {
                    layer.blob = packed.blob.clone();
                    changed = true;
                }
            }
            (changed && image.manifest.is_none()).then(|| Change::Image(image.id.clone(), Some(Arc::new(image))))
        };
        Ok((state.images.values().filter_map(better).collect(), ()))
    })
}
