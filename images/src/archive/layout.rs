//! OCI image layout: `index.json` leads to manifests under `blobs/` (OCI image-spec `image-layout.md`).
//!
//! Called by load. Every document is verified against the digest that names it; layers are verified by what unpacks them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::ArchiveError;
use super::load::Described;
use super::spool::Spool;
use crate::content::Shared;
use crate::digest::Digest;
use crate::error::ImageError;
use crate::image::Descriptor;
use crate::image::tag::check_tag;
use crate::platform::Platform;
use crate::reference::Reference;
use crate::registry::{DOCKER_LIST, IndexEntry, Manifest, OCI_INDEX, RegistryError};

pub(super) const INDEX: &str = "index.json";
/// Indexes within indexes followed.
const MAX_DEPTH: usize = 4;

#[derive(Deserialize)]
struct Top {
    #[serde(default)]
    manifests: Vec<IndexEntry>,
}

/// The images for a platform (this host's where none is asked for) that the layout leads to.
pub(super) fn describe(
    shared: &Shared,
    spool: &Spool,
    platform: Option<&Platform>,
) -> Result<Vec<Described>, ImageError> {
    let top: Top = spool.json(shared, INDEX)?;
    let platform = platform.cloned().unwrap_or_default();
    let mut images: Vec<Described> = Vec::new();
    for entry in &top.manifests {
        let offered = entry.platform.as_ref().is_none_or(|offered| platform.rank(offered).is_some());
        if !offered {
            continue;
        }
        let references = names(entry.annotations.as_ref());
        let Some(mut image) = follow(shared, spool, &entry.descriptor, &platform, MAX_DEPTH)? else { continue };
        // Several names of one image stand as several entries.
        match images.iter_mut().find(|other| other.config == image.config) {
            Some(other) => other.references.extend(references),
            None => {
                image.references = references;
                images.push(image);
            }
        }
    }
    if images.is_empty() {
        return Err(ArchiveError::NoPlatform(platform).into());
    }
    Ok(images)
}

/// The image a descriptor leads to; `None` for things that are no images, such as attestations.
fn follow(
    shared: &Shared,
    spool: &Spool,
    descriptor: &Descriptor,
    platform: &Platform,
    depth: usize,
) -> Result<Option<Described>, ImageError> {
    let file = blob(&descriptor.digest);
    let (bytes, digest) = spool.document(shared, &file)?;
    verify(&file, &descriptor.digest, &digest)?;
    let is_index = matches!(descriptor.media_type.as_str(), OCI_INDEX | DOCKER_LIST);
    match Manifest::parse(&bytes, &descriptor.media_type, &file) {
        Ok(Manifest::Index(index)) if depth > 0 => match index.choose(platform) {
            Ok(entry) => follow(shared, spool, &entry.descriptor, platform, depth - 1),
            Err(_) if is_index => Err(ArchiveError::NoPlatform(platform.clone()).into()),
            Err(error) => Err(error.into()),
        },
        Ok(Manifest::Index(_)) => Err(ArchiveError::TooLarge("its indexes are nested too deep").into()),
        Ok(Manifest::Image(manifest)) => {
            let config = blob(&manifest.config.digest);
            verify(&config, &manifest.config.digest, &spool.facts(&config)?.0)?;
            for layer in &manifest.layers {
                let file = blob(&layer.digest);
                verify(&file, &layer.digest, &spool.facts(&file)?.0)?;
            }
            Ok(Some(Described {
                config,
                layers: manifest.layers.iter().map(|layer| blob(&layer.digest)).collect(),
                references: Vec::new(),
                manifest: Some((file, descriptor.clone(), manifest.layers)),
            }))
        }
        Err(RegistryError::NotAnImage { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn blob(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm().name(), digest.hex())
}

fn verify(file: &str, expected: &Digest, got: &Digest) -> Result<(), ArchiveError> {
    if expected == got { Ok(()) } else { Err(ArchiveError::Digest(file.to_owned())) }
}

/// The names in the annotations: containerd's is whole; OCI's is often only a tag, which names nothing by itself.
fn names(annotations: Option<&BTreeMap<String, String>>) -> Vec<Reference> {
    let get = |key: &str| annotations.and_then(|all| all.get(key));
    let whole = get("io.containerd.image.name");
    let short = get("org.opencontainers.image.ref.name").filter(|name| name.contains([':', '/']));
    let name = whole.or(short).and_then(|name| Reference::parse(name).ok());
    name.map(|reference| reference.or_latest()).filter(|reference| check_tag(reference).is_ok()).into_iter().collect()
}
