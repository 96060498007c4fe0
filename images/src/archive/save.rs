//! `docker save`: images as one tar that is a docker-archive and an OCI layout at once, as Docker 26 writes it.
//!
//! ```text
//! blobs/sha256/<hex>   configurations, layers as plain tars (named by diff ID), OCI manifests
//! index.json           OCI: the manifests, with their names
//! manifest.json        Docker: configurations, tags, layers
//! oci-layout           OCI: the layout's version
//! repositories         Docker before 1.10: names
//! ```
//!
//! Called by the engine. Layers are inflated on the way out, on a blocking thread that waits for the client; each is
//! verified against its diff ID, so that a damaged store never makes a good-looking archive.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use super::ArchiveError;
use crate::Store;
use crate::compression::{Compression, decoder, detect};
use crate::content::{ContentError, Pin, Shared, State};
use crate::digest::{Algorithm, Digest, HashingReader};
use crate::error::ImageError;
use crate::image::{Image, ImageId};
use crate::pipe::CHUNK;
use crate::platform::Platform;
use crate::reference::{AnyReference, Reference};
use crate::registry::{OCI_CONFIG, OCI_INDEX, OCI_MANIFEST};

/// Chunks in flight.
const DEPTH: usize = 4;

/// An image to save, with the tags that were asked for.
struct Saved {
    image: Arc<Image>,
    references: Vec<Reference>,
}

/// An archive being written.
#[derive(Debug)]
pub struct SavedArchive {
    /// The images in it.
    pub images: Vec<ImageId>,
    /// Its bytes; a failure half way is the last item. Dropping this stops the work.
    pub chunks: mpsc::Receiver<Result<Bytes, ImageError>>,
}

impl Store {
    /// The archive of these images, in chunks. A name without a tag means all of its tags. With a platform, an image for
    /// another one is an error.
    ///
    /// # Errors
    /// [`ImageError::NoSuchImage`], [`ImageError::NoSuchReference`], [`ArchiveError::NotForPlatform`], a blob that is
    /// missing: before the first byte.
    pub async fn save(&self, names: &[String], platform: Option<&Platform>) -> Result<SavedArchive, ImageError> {
        let state = self.state();
        let mut saved: Vec<Saved> = Vec::new();
        for name in names {
            choose(&state, name, &mut saved)?;
        }
        if let Some(wanted) = platform
            && saved.iter().any(|one| wanted.rank(&one.image.config.platform()).is_none())
        {
            return Err(ArchiveError::NotForPlatform(wanted.clone()).into());
        }
        let images = saved.iter().map(|one| one.image.id.clone()).collect();
        let (sender, chunks) = mpsc::channel(DEPTH);
        let (saved, pins) = self.blocking(move |shared| pin(shared, &saved).map(|pins| (saved, pins))).await?;
        let shared = self.shared().clone();
        tokio::task::spawn_blocking(move || {
            let mut builder = tar::Builder::new(Chunked { sender: sender.clone(), buffer: Vec::with_capacity(CHUNK) });
            let written = write(&shared, &saved, &mut builder);
            let flushed = written.and_then(|()| builder.into_inner().and_then(|mut out| out.flush()).map_err(broken));
            if let Err(error) = flushed {
                // A client that left hears nothing.
                let _ = sender.blocking_send(Err(error));
            }
            drop(pins);
        });
        Ok(SavedArchive { images, chunks })
    }
}

/// What a name asks for (moby `image/tarexport/save.go`, `parseNames`).
fn choose(state: &State, name: &str, saved: &mut Vec<Saved>) -> Result<(), ImageError> {
    let mut add = |id: &ImageId, reference: Option<&Reference>| {
        let image = state.images.get(id).ok_or_else(|| ImageError::NoSuchImage(name.to_owned()))?;
        let at = saved.iter().position(|one| one.image.id == *id).unwrap_or_else(|| {
            saved.push(Saved { image: image.clone(), references: Vec::new() });
            saved.len() - 1
        });
        let tagged = reference.filter(|reference| reference.tag().is_some());
        let known = tagged.is_none_or(|reference| saved[at].references.contains(reference));
        saved[at].references.extend(tagged.filter(|_| !known).cloned());
        Ok(())
    };
    let reference = match AnyReference::parse(name)? {
        AnyReference::Id(digest) => return add(&ImageId::new(digest), None),
        AnyReference::Named(reference) => reference,
    };
    let by_id = || {
        let mut matches = state.images.keys().filter(|id| id.has_prefix(name));
        match (matches.next(), matches.next()) {
            (Some(id), None) => Ok(id),
            _ => Err(ImageError::NoSuchImage(name.to_owned())),
        }
    };
    if reference.familiar_name() == "sha256" {
        return add(by_id()?, None);
    }
    if !reference.is_name_only() {
        let id = state.references.get(&reference.stored()).ok_or(ImageError::NoSuchReference)?;
        return add(id, Some(&reference.stored()));
    }
    let of_name: Vec<_> = state.references.iter().filter(|(other, _)| other.trimmed() == reference).collect();
    if of_name.is_empty() {
        return add(by_id()?, None);
    }
    of_name.into_iter().try_for_each(|(reference, id)| add(id, Some(reference)))
}

/// Keeps all blobs until the archive is out.
fn pin(shared: &Shared, saved: &[Saved]) -> Result<Vec<Pin>, ImageError> {
    let layers = |one: &Saved| one.image.layers.iter().map(|layer| layer.blob.digest.clone()).collect::<Vec<_>>();
    let blobs = saved.iter().flat_map(|one| layers(one).into_iter().chain([one.image.id.digest().clone()]));
    blobs.map(|digest| shared.find_blob(&digest).ok_or_else(|| ContentError::Missing(digest).into())).collect()
}

fn write(shared: &Shared, saved: &[Saved], out: &mut tar::Builder<Chunked>) -> Result<(), ImageError> {
    let mut written: BTreeSet<Digest> = BTreeSet::new();
    let (mut index, mut docker, mut repositories) = (Vec::new(), Vec::new(), Map::new());
    for directory in ["blobs/", "blobs/sha256/"] {
        append(out, directory, 0, tar::EntryType::Directory, &mut io::empty())?;
    }
    for one in saved {
        let mut layers = Vec::new();
        for layer in &one.image.layers {
            let size = layer_size(shared, &layer.diff_id)?;
            if written.insert(layer.diff_id.clone()) {
                write_layer(shared, &layer.blob.digest, &layer.diff_id, size, out)?;
            }
            let media_type = Compression::None.layer_media_type();
            layers.push(json!({"mediaType": media_type, "digest": layer.diff_id, "size": size}));
        }
        let config = shared.read_document(one.image.id.digest())?;
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"mediaType": OCI_CONFIG, "digest": one.image.id, "size": config.len()},
            "layers": layers,
        });
        let manifest = manifest.to_string().into_bytes();
        for document in [&config, &manifest] {
            let digest = Digest::of(document);
            if written.insert(digest.clone()) {
                document_entry(out, &blob(&digest), document)?;
            }
        }
        let entry = json!({"mediaType": OCI_MANIFEST, "digest": Digest::of(&manifest), "size": manifest.len()});
        index.extend(entries(&entry, &one.references));
        docker.push(docker_item(one, &layers));
        for reference in &one.references {
            let top = one.image.layers.last().map_or("", |layer| layer.diff_id.hex());
            let tags = repositories.entry(reference.familiar_name()).or_insert_with(|| json!({}));
            tags[reference.tag().unwrap_or_default()] = json!(top);
        }
    }
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": index});
    document_entry(out, "index.json", index.to_string().as_bytes())?;
    document_entry(out, "manifest.json", Value::from(docker).to_string().as_bytes())?;
    document_entry(out, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    if !repositories.is_empty() {
        document_entry(out, "repositories", Value::from(repositories).to_string().as_bytes())?;
    }
    Ok(())
}

/// An entry of `index.json` for each name, or one without.
fn entries(entry: &Value, references: &[Reference]) -> Vec<Value> {
    let named = |reference: &Reference| {
        let mut entry = entry.clone();
        entry["annotations"] = json!({
            "io.containerd.image.name": reference.to_string(),
            "org.opencontainers.image.ref.name": reference.tag(),
        });
        entry
    };
    if references.is_empty() { vec![entry.clone()] } else { references.iter().map(named).collect() }
}

fn docker_item(one: &Saved, layers: &[Value]) -> Value {
    let sources: Map<String, Value> =
        one.image.diff_ids().map(ToString::to_string).zip(layers.iter().cloned()).collect();
    let tags = (!one.references.is_empty()).then(|| one.references.iter().map(Reference::familiar).collect::<Vec<_>>());
    json!({
        "Config": blob(one.image.id.digest()),
        "RepoTags": tags,
        "Layers": one.image.diff_ids().map(blob).collect::<Vec<_>>(),
        "LayerSources": sources,
    })
}

fn blob(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

/// Bytes of the layer's plain tar, which the tar header wants to know first.
fn layer_size(shared: &Shared, diff_id: &Digest) -> Result<u64, ContentError> {
    let state = shared.index.snapshot();
    let layer = state.layers.get(diff_id).ok_or_else(|| ContentError::NoLayer(diff_id.clone()))?;
    Ok(layer.tar_size)
}

fn write_layer(
    shared: &Shared,
    source: &Digest,
    diff_id: &Digest,
    size: u64,
    out: &mut tar::Builder<Chunked>,
) -> Result<(), ImageError> {
    let (compression, buffered) = detect(shared.open_blob(source)?).map_err(broken)?;
    let plain = decoder(compression, buffered).map_err(broken)?;
    let mut plain = HashingReader::new(plain, Algorithm::Sha256);
    append(out, &blob(diff_id), size, tar::EntryType::Regular, &mut (&mut plain).take(size))?;
    let (got, read) = plain.finish();
    if got != *diff_id || read != size {
        return Err(ContentError::Corrupt(source.clone()).into());
    }
    Ok(())
}

fn document_entry(out: &mut tar::Builder<Chunked>, name: &str, bytes: &[u8]) -> Result<(), ImageError> {
    append(out, name, bytes.len() as u64, tar::EntryType::Regular, &mut { bytes })
}

fn append(
    out: &mut tar::Builder<Chunked>,
    name: &str,
    size: u64,
    kind: tar::EntryType,
    content: &mut dyn Read,
) -> Result<(), ImageError> {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(if kind == tar::EntryType::Directory { 0o755 } else { 0o644 });
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    out.append_data(&mut header, name, content).map_err(broken)?;
    Ok(())
}

fn broken(error: io::Error) -> ImageError {
    ArchiveError::Write(error).into()
}

/// A writer into the channel, in chunks.
struct Chunked {
    sender: mpsc::Sender<Result<Bytes, ImageError>>,
    buffer: Vec<u8>,
}

impl Write for Chunked {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK));
        self.sender.blocking_send(Ok(chunk.into())).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
