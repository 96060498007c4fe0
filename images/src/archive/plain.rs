//! A client's tar without its compression, as it arrives: what `docker cp` sends may be compressed in any way that Docker
//! knows (moby pkg/archive, DecompressStream).
//!
//! Memory is bounded: a few chunks on either side of the decoder, and the decoder's own bound.

use crate::compression::{Compression, MAGIC, decoder};
use crate::pipe::{PipeWriter, pipe};
use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt};
use std::io::{self, BufReader};
use tokio::sync::mpsc;

/// Chunks of decoded bytes in flight.
const DEPTH: usize = 4;
/// Largest chunk of decoded bytes.
const CHUNK: usize = 128 * 1024;

/// The plain bytes of a stream, compressed with gzip, zstd, bzip2 or xz, or not at all. An uncompressed one passes as it
/// is.
///
/// # Errors
/// The stream breaks off before its kind can be told. What is wrong later is an item of the result.
pub async fn plain(
    source: impl Stream<Item = io::Result<Bytes>> + Send + Unpin + 'static,
) -> io::Result<BoxStream<'static, io::Result<Bytes>>> {
    let mut source = source;
    let mut start = BytesMut::new();
    while start.len() < MAGIC {
        match source.next().await {
            Some(bytes) => start.extend_from_slice(&bytes?),
            None => break,
        }
    }
    let compression = Compression::of(&start);
    let source = stream::iter([Ok(start.freeze())]).chain(source);
    if compression == Compression::None {
        return Ok(source.boxed());
    }
    let (writer, reader) = pipe();
    let (decoded, mut receiver) = mpsc::channel(DEPTH);
    let failed = decoded.clone();
    tokio::spawn(async move {
        if let Err(error) = fill(source, writer).await {
            // Said first, so that it stands before what the decoder makes of the end.
            let _ = failed.send(Err(error)).await;
        }
    });
    tokio::task::spawn_blocking(move || {
        if let Err(error) = decode(compression, BufReader::with_capacity(CHUNK, reader), &decoded) {
            let _ = decoded.blocking_send(Err(error));
        }
    });
    Ok(stream::poll_fn(move |context| receiver.poll_recv(context)).boxed())
}

async fn fill(mut source: impl Stream<Item = io::Result<Bytes>> + Unpin, writer: PipeWriter) -> io::Result<()> {
    while let Some(bytes) = source.next().await {
        if writer.write(bytes?).await.is_err() {
            return Ok(());
        }
    }
    let _ = writer.end().await;
    Ok(())
}

fn decode(
    compression: Compression,
    reader: impl io::BufRead,
    decoded: &mpsc::Sender<io::Result<Bytes>>,
) -> io::Result<()> {
    use std::io::Read;
    let mut plain = decoder(compression, reader)?;
    loop {
        let mut chunk = Vec::with_capacity(CHUNK);
        if plain.by_ref().take(CHUNK as u64).read_to_end(&mut chunk)? == 0 {
            return Ok(());
        }
        if decoded.blocking_send(Ok(chunk.into())).is_err() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    async fn through(bytes: Vec<u8>, cut: usize) -> io::Result<Vec<u8>> {
        let chunks: Vec<_> = bytes.chunks(cut).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        let mut plain = plain(stream::iter(chunks)).await?;
        let mut out = Vec::new();
        while let Some(chunk) = plain.next().await {
            out.extend_from_slice(&chunk?);
        }
        Ok(out)
    }

    fn gzipped(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[tokio::test]
    async fn every_kind_is_told_and_undone() {
        let bytes: Vec<u8> = (0..700_000u32).map(|i| (i / 7 % 251) as u8).collect();
        let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        bzip2.write_all(&bytes).unwrap();
        let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
        xz.write_all(&bytes).unwrap();
        let kinds = [
            bytes.clone(),
            gzipped(&bytes),
            zstd::encode_all(bytes.as_slice(), 1).unwrap(),
            bzip2.finish().unwrap(),
            xz.finish().unwrap(),
        ];
        for compressed in kinds {
            assert!(through(compressed.clone(), 3).await.unwrap() == bytes);
            assert!(through(compressed, 100_000).await.unwrap() == bytes);
        }
        assert_eq!(through(Vec::new(), 1).await.unwrap(), b"");
        assert_eq!(through(b"ab".to_vec(), 1).await.unwrap(), b"ab");
    }

    #[tokio::test]
    async fn a_stream_that_breaks_off_is_no_end() {
        let compressed = gzipped(&[3; 100_000]);
        assert!(through(compressed[..compressed.len() - 20].to_vec(), 50).await.is_err());
        let broken = io::Error::new(io::ErrorKind::UnexpectedEof, "the client left");
        let chunks = vec![Ok(Bytes::from(gzipped(b"x"))), Err(broken)];
        let mut stream = plain(stream::iter(chunks)).await.unwrap();
        let mut failed = false;
        while let Some(chunk) = stream.next().await {
            failed |= chunk.is_err();
        }
        assert!(failed);
    }
}
