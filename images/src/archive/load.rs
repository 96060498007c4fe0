//! `docker load`: an archive's images enter the store, all that can be told of them checked first.
//!
//! Called by the engine with the request's body. The archive is spooled under `ingest/` (its description may come last),
//! then each image is unpacked. An image is visible only when it is whole; after a failure nothing stays but the images
//! before it.

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;

use super::spool::Spool;
use super::{ArchiveError, docker, layout};
use crate::Store;
use crate::compression::{decoder, detect};
use crate::content::{ContentError, NewImage, Pin, Shared, unpack};
use crate::digest::Digest;
use crate::error::ImageError;
use crate::image::{ConfigError, Descriptor, ImageConfig, ImageId, ImageLayer};
use crate::pipe::{CHUNK, PipeReader, pipe};
use crate::platform::Platform;
use crate::progress::{Progress, Reporter};
use crate::reference::Reference;

/// One image of an archive, loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedImage {
    /// Its identifier.
    pub id: ImageId,
    /// The tags it got; none for an image without a name.
    pub references: Vec<Reference>,
    /// For each tag taken from another image: the familiar tag, and that image.
    pub renamed: Vec<(String, ImageId)>,
}

impl LoadedImage {
    /// The lines dockerd prints for this image, each with its newline.
    pub fn messages(&self) -> Vec<String> {
        let renamed = self.renamed.iter().map(|(tag, old)| {
            format!("The image {tag} already exists, renaming the old one with ID {old} to empty string\n")
        });
        let mut lines: Vec<String> = renamed.collect();
        lines.extend(self.references.iter().map(|reference| format!("Loaded image: {}\n", reference.familiar())));
        if self.references.is_empty() {
            lines.push(format!("Loaded image ID: {}\n", self.id));
        }
        lines
    }
}

/// An image as an archive describes it.
pub(super) struct Described {
    pub(super) config: String,
    pub(super) layers: Vec<String>,
    pub(super) references: Vec<Reference>,
    /// The manifest's file, and the descriptors it gave for the layers (OCI layouts only).
    pub(super) manifest: Option<(String, Descriptor, Vec<Descriptor>)>,
}

impl Store {
    /// Loads the images of an archive: docker-archive or OCI layout, compressed or not. Progress is `Loading layer`.
    ///
    /// With a platform, images for others are passed over, as dockerd does; an OCI index is followed to that platform.
    ///
    /// # Errors
    /// [`ImageError::Archive`] in dockerd's words where it has any; a stream that breaks off; a failed write.
    pub async fn load(
        &self,
        archive: impl AsyncRead + Unpin,
        platform: Option<Platform>,
        progress: mpsc::Sender<Progress>,
    ) -> Result<Vec<LoadedImage>, ImageError> {
        let reporter = Reporter::new(progress);
        self.consume(archive, move |shared, reader| load(shared, reader, platform.as_ref(), &reporter)).await
    }

    /// Runs something that reads a stream on a blocking thread; what it leaves behind on failure is collected.
    pub(super) async fn consume<T: Send + 'static>(
        &self,
        mut stream: impl AsyncRead + Unpin,
        work: impl FnOnce(&Shared, PipeReader) -> Result<T, ImageError> + Send + 'static,
    ) -> Result<T, ImageError> {
        let (writer, reader) = pipe();
        let worker = self.blocking(move |shared| {
            let result = work(shared, reader);
            // On success too: blobs that an image known already did not need.
            let swept = shared.collect_garbage();
            let value = result?;
            swept?;
            Ok(value)
        });
        let feed = async move {
            let mut buffer = bytes::BytesMut::new();
            loop {
                buffer.reserve(CHUNK);
                match stream.read_buf(&mut buffer).await {
                    Ok(0) => return writer.end().await.map_err(|_| None),
                    Ok(_) => writer.write(buffer.split().freeze()).await.map_err(|_| None)?,
                    Err(error) => return Err(Some(error)),
                }
            }
        };
        match tokio::join!(worker, feed) {
            // A stream that failed is the reason for whatever the worker then met.
            (_, Err(Some(error))) => Err(ArchiveError::Read(error).into()),
            (result, _) => result,
        }
    }
}

fn load(
    shared: &Shared,
    reader: PipeReader,
    platform: Option<&Platform>,
    reporter: &Reporter,
) -> Result<Vec<LoadedImage>, ImageError> {
    let (compression, buffered) = detect(reader).map_err(ArchiveError::Read)?;
    let mut plain = decoder(compression, buffered).map_err(ArchiveError::Read)?;
    let mut spool = Spool::read(shared, &mut plain)?;
    // What follows the end of the archive is padding; reading it lets the sender finish.
    std::io::copy(&mut plain, &mut std::io::sink()).map_err(ArchiveError::Read)?;
    let described = if spool.contains(docker::MANIFEST) {
        docker::describe(shared, &spool)?
    } else if spool.contains(layout::INDEX) {
        layout::describe(shared, &spool, platform)?
    } else {
        return Err(ArchiveError::NoImage.into());
    };
    let mut loaded = Vec::with_capacity(described.len());
    for image in described {
        let (bytes, _) = spool.document(shared, &image.config)?;
        let wrong = |source| match source {
            ConfigError::OperatingSystem(os) => ArchiveError::OperatingSystem(os),
            source => ArchiveError::Config { name: image.config.clone(), source },
        };
        let config = ImageConfig::parse(&bytes).map_err(wrong)?;
        if platform.is_none_or(|wanted| wanted.rank(&config.platform()).is_some()) {
            loaded.push(put(shared, &mut spool, image, (config, &bytes), reporter)?);
        }
    }
    Ok(loaded)
}

fn put(
    shared: &Shared,
    spool: &mut Spool,
    image: Described,
    (config, bytes): (ImageConfig, &[u8]),
    reporter: &Reporter,
) -> Result<LoadedImage, ImageError> {
    let expected = config.diff_ids().to_vec();
    if expected.len() != image.layers.len() {
        return Err(ArchiveError::LayerCount { expected: expected.len(), got: image.layers.len() }.into());
    }
    let mut pins = Vec::new();
    let mut layers = Vec::with_capacity(expected.len());
    for (number, (file, diff_id)) in image.layers.iter().zip(&expected).enumerate() {
        let given = image.manifest.as_ref().map(|(_, _, descriptors)| descriptors[number].clone());
        layers.push(put_layer(shared, spool, Source { number, file, diff_id, given }, &mut pins, reporter)?);
    }
    let (config_digest, pin) = shared.put_document(bytes)?;
    pins.push(pin);
    let manifest = match image.manifest {
        Some((file, descriptor, _)) => {
            pins.push(spool.keep(shared, &file)?);
            Some(descriptor)
        }
        None => None,
    };
    let id = ImageId::new(config_digest);
    let new = NewImage { id: id.clone(), config, parent: None, manifest, index: None, layers };
    let put = shared.put_image(new, &image.references)?;
    let taken = image.references.iter().zip(put.before);
    let renamed =
        taken.filter_map(|(reference, old)| old.filter(|old| *old != id).map(|old| (reference.familiar(), old)));
    Ok(LoadedImage { id: id.clone(), renamed: renamed.collect(), references: image.references })
}

/// One layer to load.
struct Source<'a> {
    number: usize,
    file: &'a str,
    diff_id: &'a Digest,
    /// What a manifest says of the blob.
    given: Option<Descriptor>,
}

fn put_layer(
    shared: &Shared,
    spool: &mut Spool,
    source: Source<'_>,
    pins: &mut Vec<Pin>,
    reporter: &Reporter,
) -> Result<ImageLayer, ImageError> {
    let diff_id = source.diff_id.clone();
    // A layer known here keeps the blob it came in, unless a manifest asks for another.
    let known = shared.find_layer(&diff_id);
    if known.is_some() && source.given.is_none() {
        let blob = shared.index.snapshot().blob_of(&diff_id).cloned();
        if let Some((blob, pin)) = blob.and_then(|blob| shared.find_blob(&blob.digest).map(|pin| (blob, pin))) {
            pins.push(pin);
            pins.extend(known);
            return Ok(ImageLayer { diff_id, blob });
        }
    }
    let (digest, size) = spool.facts(source.file)?;
    pins.push(spool.keep(shared, source.file)?);
    let mut media_type = crate::compression::Compression::None.layer_media_type();
    if let Some(pin) = known {
        pins.push(pin);
    } else {
        let file = shared.open_blob(&digest)?;
        let id = diff_id.short().to_owned();
        let counted = Counted { file, read: 0, said: 0, size, id: &id, reporter };
        let unpacked = unpack(&shared.layout, counted)?;
        if unpacked.diff_id != diff_id {
            let (number, got) = (source.number, unpacked.diff_id);
            return Err(ArchiveError::DiffId { number, expected: diff_id, got }.into());
        }
        media_type = unpacked.compression.layer_media_type();
        pins.push(unpacked.commit(shared)?);
        reporter.count(&id, "Loading layer", size, size);
    }
    let blob = source.given.unwrap_or_else(|| Descriptor {
        media_type: media_type.unwrap_or("application/vnd.oci.image.layer.v1.tar").to_owned(),
        digest,
        size,
    });
    if blob.size != size {
        return Err(ContentError::Corrupt(blob.digest).into());
    }
    Ok(ImageLayer { diff_id, blob })
}

/// A file that tells how far it was read, every mebibyte.
struct Counted<'a> {
    file: std::fs::File,
    read: u64,
    said: u64,
    size: u64,
    id: &'a str,
    reporter: &'a Reporter,
}

impl std::io::Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.read += n as u64;
        if self.read - self.said >= 1 << 20 {
            self.said = self.read;
            self.reporter.count(self.id, "Loading layer", self.read, self.size);
        }
        Ok(n)
    }
}
