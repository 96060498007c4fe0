//! What a kernel image says of itself (Linux's `Documentation/arch/x86/boot.rst`).
//!
//! The kernel's finder calls it with files that a user may have named. It promises not to trust an offset in them.

/// The kernel's release, `6.1.0-56-cloud-amd64`; `None` if the file is no bzImage or says none.
pub(super) fn release(image: &[u8]) -> Option<String> {
    if image.get(0x202..0x206)? != b"HdrS" {
        return None;
    }
    let offset = u16::from_le_bytes(image.get(0x20e..0x210)?.try_into().ok()?);
    let text = image.get(usize::from(offset) + 0x200..)?;
    let end = text.iter().take(256).position(|&byte| byte == 0)?;
    let release = std::str::from_utf8(&text[..end]).ok()?.split_ascii_whitespace().next()?;
    // It becomes part of paths.
    let plain = release.chars().all(|c| c.is_ascii_alphanumeric() || ".+-_~".contains(c));
    (plain && release.starts_with(|c: char| c.is_ascii_digit())).then(|| release.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::tests::bzimage;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_release_is_the_first_word_of_the_version() {
        let image = bzimage("6.1.0-56-cloud-amd64 (debian-kernel@lists.debian.org) #1 SMP");
        assert_eq!(release(&image).as_deref(), Some("6.1.0-56-cloud-amd64"));
    }

    #[test]
    fn a_release_that_climbs_out_of_a_folder_is_none() {
        for version in ["../../etc", "6.1/../..", "", "..", "\u{fc}"] {
            assert_eq!(release(&bzimage(version)), None, "{version}");
        }
        let mut far = bzimage("6.1.0");
        far[0x20e..0x210].copy_from_slice(&[0xff, 0xff]);
        assert_eq!(release(&far), None);
        assert_eq!(release(b"MZ"), None);
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..2048), head in any::<bool>()) {
            if head && bytes.len() > 0x206 {
                bytes[0x202..0x206].copy_from_slice(b"HdrS");
            }
            let _ = release(&bytes);
        }
    }
}
