//! A path of the container's as a tar, as `docker cp` and `docker export` get it (moby daemon/archive_unix.go and
//! pkg/archive, TarResourceRebaseOpts).

use super::entry::Entries;
use super::{Outcome, Stop, answer, path_error, stat, walk};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use vch_agent_proto::FileAnswer;

/// Says what the path is, and packs it and what is below it. Names begin with the path's last part: `/etc` gives `etc/…`,
/// `/etc/.` gives `./…`, `/` gives `/…`. A link is packed as a link unless the path ends in `/` or `/.`.
pub(super) fn path(path: &str, output: &mut impl Write) -> Outcome {
    let (found, metadata) = stat::of(path)?;
    let source = stat::absolute(path);
    let name = found.name.clone();
    if metadata.is_dir() {
        // A directory that cannot be read must not look empty.
        std::fs::read_dir(&source).map_err(|error| path_error("open", Path::new(&source), &error))?;
    }
    answer(output, &FileAnswer::Stat(found))?;
    let prefix = if name == "/" { "" } else { name.as_str() };
    let mut entries = Entries::new(output);
    let root = Path::new(&source);
    entries.add(root, name.as_bytes(), &metadata).map_err(|_| Stop::Output)?;
    if metadata.is_dir() {
        tree(root, prefix.as_bytes(), &mut entries)?;
    }
    entries.finish().map_err(|_| Stop::Output)
}

/// Packs the whole root file system; names are relative, and the root itself has no entry.
pub(super) fn root(output: &mut impl Write) -> Outcome {
    answer(output, &FileAnswer::Done)?;
    let mut entries = Entries::new(output);
    walk::below(Path::new("/"), |path, metadata| {
        let name = path.strip_prefix("/").unwrap_or(path).as_os_str().as_bytes();
        entries.add(path, name, metadata).map_err(|_| Stop::Output)
    })?;
    entries.finish().map_err(|_| Stop::Output)
}

fn tree<W: Write>(root: &Path, prefix: &[u8], entries: &mut Entries<'_, W>) -> Outcome {
    walk::below(root, |path, metadata| {
        let below = path.strip_prefix(root).unwrap_or(path).as_os_str().as_bytes();
        let name = [prefix, b"/", below].concat();
        entries.add(path, &name, metadata).map_err(|_| Stop::Output)
    })
}
