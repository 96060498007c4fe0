//! Compressed streams, told by their first bytes: gzip, zstd, bzip2, xz, or none.
//!
//! Used for layers and for whole archives. Decoders run with bounded memory whatever the stream claims.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

/// How a stream is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
    Bzip2,
    Xz,
}

/// Longest of the magic numbers below.
pub(crate) const MAGIC: usize = 6;
/// Memory an xz decoder may take; the largest preset (`xz -9`) needs 65 MiB.
const XZ_MEMORY: u64 = 128 * 1024 * 1024;
/// Largest zstd window, as a power of two; 128 MiB is what `zstd -d` takes without being told otherwise.
const ZSTD_WINDOW_LOG: u32 = 27;

impl Compression {
    /// By the first bytes of a stream.
    pub(crate) fn of(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, 0x08, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            // A skippable frame: estargz-like zstd streams may begin with one.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            _ => Self::None,
        }
    }

    /// Whether a registry takes layers of this kind.
    pub(crate) fn layer_media_type(self) -> Option<&'static str> {
        match self {
            Self::None => Some("application/vnd.oci.image.layer.v1.tar"),
            Self::Gzip => Some("application/vnd.oci.image.layer.v1.tar+gzip"),
            Self::Zstd => Some("application/vnd.oci.image.layer.v1.tar+zstd"),
            Self::Bzip2 | Self::Xz => None,
        }
    }
}

/// Looks at the start of a stream and gives back a reader of the whole of it.
pub(crate) fn detect<R: Read>(mut reader: R) -> io::Result<(Compression, impl BufRead)> {
    let mut start = Vec::with_capacity(MAGIC);
    reader.by_ref().take(MAGIC as u64).read_to_end(&mut start)?;
    let compression = Compression::of(&start);
    Ok((compression, BufReader::with_capacity(64 * 1024, Cursor::new(start).chain(reader))))
}

/// A reader of the plain bytes of a compressed stream.
pub(crate) fn decoder<'r, R: BufRead + 'r>(compression: Compression, reader: R) -> io::Result<Box<dyn Read + 'r>> {
    Ok(match compression {
        Compression::None => Box::new(reader),
        Compression::Gzip => Box::new(MultiGzDecoder::new(reader)),
        Compression::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(reader)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            Box::new(decoder)
        }
        Compression::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(reader)),
        Compression::Xz => {
            let flags = liblzma::stream::CONCATENATED;
            let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, flags)?;
            Box::new(liblzma::bufread::XzDecoder::new_stream(reader, stream))
        }
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn round_trip(compressed: &[u8], expected: Compression) -> io::Result<Vec<u8>> {
        let (compression, reader) = detect(compressed)?;
        assert_eq!(compression, expected);
        let mut plain = Vec::new();
        decoder(compression, reader)?.read_to_end(&mut plain)?;
        Ok(plain)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn every_kind_is_told_and_read() {
        let text = b"some text, some text, some text".repeat(1000);
        let mut bz = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        bz.write_all(&text).unwrap();
        let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
        xz.write_all(&text).unwrap();
        for (bytes, kind) in [
            (text.clone(), Compression::None),
            (gzip(&text), Compression::Gzip),
            (zstd::encode_all(&text[..], 1).unwrap(), Compression::Zstd),
            (bz.finish().unwrap(), Compression::Bzip2),
            (xz.finish().unwrap(), Compression::Xz),
        ] {
            assert_eq!(round_trip(&bytes, kind).unwrap(), text, "{kind:?}");
            if kind != Compression::None {
                round_trip(&bytes[..bytes.len() - 7], kind).expect_err("a stream that breaks off");
            }
        }
        assert_eq!(round_trip(b"", Compression::None).unwrap(), b"");
        assert_eq!(round_trip(b"\x1f", Compression::None).unwrap(), b"\x1f");
    }

    #[test]
    fn members_that_follow_each_other_are_one_stream() {
        let two = [gzip(b"one "), gzip(b"two")].concat();
        assert_eq!(round_trip(&two, Compression::Gzip).unwrap(), b"one two");
        let two = [zstd::encode_all(&b"one "[..], 1).unwrap(), zstd::encode_all(&b"two"[..], 1).unwrap()].concat();
        assert_eq!(round_trip(&two, Compression::Zstd).unwrap(), b"one two");
    }

    #[test]
    fn a_window_beyond_the_bound_is_refused() {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(28).unwrap();
        encoder.write_all(b"x").unwrap();
        let bytes = encoder.finish().unwrap();
        round_trip(&bytes, Compression::Zstd).expect_err("a window of 256 MiB");
    }
}
