//! What a kernel module says of itself, and its plain bytes.
//!
//! The module picker reads every module through it. Packages carry no `modules.dep` (that is made at installation), so
//! dependencies are read from the modules: the ELF section `.modinfo` holds `key=value` strings.

use super::{GuestError, files};
use std::{
    io::{self, Read},
    path::Path,
};

/// Largest module, unpacked, in bytes.
const MAX: u64 = 64 << 20;

/// A module's own words.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Modinfo {
    /// Modules that must be there before.
    pub(super) depends: Vec<String>,
    /// Modules that should be, where the kernel has them.
    pub(super) prefers: Vec<String>,
}

/// A module's plain bytes, whatever its file is packed with.
///
/// # Errors
/// The file cannot be read or unpacked.
pub(super) fn load(path: &Path) -> Result<Vec<u8>, GuestError> {
    let packed = files::read(path)?;
    let unpack = |source: &mut dyn Read| {
        let mut bytes = Vec::new();
        match source.take(MAX + 1).read_to_end(&mut bytes)? as u64 {
            0..=MAX => Ok(bytes),
            _ => Err(io::Error::from(io::ErrorKind::FileTooLarge)),
        }
    };
    let plain = match path.extension().and_then(|extension| extension.to_str()) {
        Some("xz") => unpack(&mut liblzma::read::XzDecoder::new(&*packed)),
        Some("gz") => unpack(&mut flate2::read::GzDecoder::new(&*packed)),
        Some("zst") => zstd::Decoder::new(&*packed).and_then(|mut decoder| unpack(&mut decoder)),
        _ => return Ok(packed),
    };
    plain.map_err(|error| GuestError::Module { path: path.to_path_buf(), problem: error.to_string() })
}

/// Reads a module's `.modinfo`; `None` if the bytes are no 64-bit ELF file with one.
pub(super) fn parse(module: &[u8]) -> Option<Modinfo> {
    let mut info = Modinfo::default();
    for text in section(module, b".modinfo")?.split(|&byte| byte == 0) {
        let Ok(text) = std::str::from_utf8(text) else { continue };
        if let Some(list) = text.strip_prefix("depends=") {
            info.depends.extend(list.split(',').filter(|name| !name.is_empty()).map(normal));
        } else if let Some(list) = text.strip_prefix("softdep=") {
            let before = list.split_ascii_whitespace().skip_while(|word| *word != "pre:").skip(1);
            info.prefers.extend(before.take_while(|word| !word.ends_with(':')).map(normal));
        }
    }
    Some(info)
}

/// A module's name as the kernel has it: `virtio-rng` and `virtio_rng` are one.
pub(super) fn normal(name: &str) -> String {
    name.replace('-', "_")
}

/// The content of a section of a 64-bit little-endian ELF file (System V ABI, chapter 4).
fn section<'a>(elf: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    const HEADER: usize = 64;
    if elf.get(..6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let half = |at: usize| Some(usize::from(u16::from_le_bytes(elf.get(at..at.checked_add(2)?)?.try_into().ok()?)));
    let long = |at: usize| usize::try_from(u64::from_le_bytes(elf.get(at..at.checked_add(8)?)?.try_into().ok()?)).ok();
    let word = |at: usize| usize::try_from(u32::from_le_bytes(elf.get(at..at.checked_add(4)?)?.try_into().ok()?)).ok();
    let (table, size, count, names) = (long(40)?, half(58)?, half(60)?, half(62)?);
    if size < HEADER {
        return None;
    }
    let header = |index: usize| table.checked_add(index.checked_mul(size)?);
    let content = |header: usize| {
        let start = long(header.checked_add(24)?)?;
        elf.get(start..start.checked_add(long(header.checked_add(32)?)?)?)
    };
    let names = content(header(names)?)?;
    (0..count).find_map(|index| {
        let header = header(index)?;
        let name = names.get(word(header)?..)?.split(|&byte| byte == 0).next()?;
        (name == wanted).then(|| content(header))?
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::module;
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    #[test]
    fn dependencies_are_read_from_the_section() {
        let module = module("license=GPL\0depends=virtio,virtio-ring\0softdep=pre: crc32c x-y post: z\0name=ext4\0");
        let info = parse(&module).unwrap();
        assert_eq!(info.depends, ["virtio", "virtio_ring"]);
        assert_eq!(info.prefers, ["crc32c", "x_y"]);
        assert_eq!(parse(&super::super::tests::module("depends=\0")), Some(Modinfo::default()));
        assert_eq!(parse(b"\x7fELF"), None);
    }

    #[test]
    fn packed_modules_are_unpacked() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(b"plain").unwrap();
        let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
        xz.write_all(b"plain").unwrap();
        for path in [
            write("a.ko", b"plain"),
            write("a.ko.gz", &gz.finish().unwrap()),
            write("a.ko.xz", &xz.finish().unwrap()),
            write("a.ko.zst", &zstd::encode_all(&b"plain"[..], 1).unwrap()),
        ] {
            assert_eq!(load(&path).unwrap(), b"plain", "{}", path.display());
        }
        let damaged = load(&write("b.ko.xz", b"not xz")).unwrap_err().to_string();
        assert!(damaged.contains("b.ko.xz cannot be used"), "{damaged}");
    }

    proptest! {
        #[test]
        fn no_module_makes_it_panic(at in 0usize..400, with in prop::collection::vec(any::<u8>(), 1..9), keep in 0usize..600) {
            let mut bytes = module("depends=a\0");
            for (offset, byte) in with.iter().enumerate() {
                if let Some(place) = bytes.get_mut(at + offset) {
                    *place = *byte;
                }
            }
            bytes.truncate(keep);
            let _ = parse(&bytes);
        }
    }
}
