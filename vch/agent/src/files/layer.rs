//! What a container changed, as an image layer: whiteouts in the form of the OCI image specification (layer.md), in the
//! order and with the details that dockerd gives them (moby pkg/archive, OverlayWhiteoutFormat).

use super::changes::{is_opaque, is_whiteout};
use super::entry::Entries;
use super::{Outcome, Stop, answer, walk};
use crate::container::rootfs::UPPER;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use vch_agent_proto::FileAnswer;

/// Packs the changes.
pub(super) fn pack(output: &mut impl Write) -> Outcome {
    answer(output, &FileAnswer::Done)?;
    let mut entries = Entries::new(output);
    walk::below(Path::new(UPPER), |path, metadata| {
        let name = path.strip_prefix(UPPER).unwrap_or(path).as_os_str().as_bytes();
        if is_whiteout(metadata) {
            return entries.add_mark(&marked(name), 0o600, metadata).map_err(|_| Stop::Output);
        }
        entries.add(path, name, metadata).map_err(|_| Stop::Output)?;
        if metadata.is_dir() && is_opaque(path) {
            let mark = [name, b"/.wh..wh..opq"].concat();
            entries.add_mark(&mark, metadata.mode() & 0o777, metadata).map_err(|_| Stop::Output)?;
        }
        Ok(())
    })?;
    entries.finish().map_err(|_| Stop::Output)
}

/// `a/b` as `a/.wh.b`.
fn marked(name: &[u8]) -> Vec<u8> {
    let at = name.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
    let (folder, last) = name.split_at(at);
    [folder, b".wh.", last].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_stands_beside_what_it_deletes() {
        assert_eq!(marked(b"a/b"), b"a/.wh.b");
        assert_eq!(marked(b"b"), b".wh.b");
    }
}
