//! A tree in the order of Go's `filepath.WalkDir`: a directory before what is in it, names in byte order.

use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Visits everything below `root`, and not `root` itself, until a visit fails. What vanishes or cannot be looked at
/// meanwhile is left out: a container may go on changing its files.
///
/// # Errors
/// The visit's own.
pub(super) fn below<E>(root: &Path, mut visit: impl FnMut(&Path, &Metadata) -> Result<(), E>) -> Result<(), E> {
    // The names still to come, a list for each directory on the way, last first.
    let mut levels: Vec<Vec<OsString>> = vec![names(root)];
    let mut at = PathBuf::from(root);
    while let Some(level) = levels.last_mut() {
        let Some(name) = level.pop() else {
            levels.pop();
            at.pop();
            continue;
        };
        let path = at.join(&name);
        let Ok(metadata) = std::fs::symlink_metadata(&path) else { continue };
        visit(&path, &metadata)?;
        if metadata.is_dir() {
            levels.push(names(&path));
            at = path;
        }
    }
    Ok(())
}

fn names(directory: &Path) -> Vec<OsString> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names: Vec<OsString> = entries.map(|entry| entry.file_name()).collect();
    names.sort_unstable_by(|a, b| b.as_bytes().cmp(a.as_bytes()));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_names_and_depth() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["b/c", "a", "b.d"] {
            std::fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        std::fs::write(root.path().join("b/x"), "").unwrap();
        std::os::unix::fs::symlink("b", root.path().join("z")).unwrap();
        let mut seen = Vec::new();
        below(root.path(), |path, _| {
            seen.push(path.strip_prefix(root.path()).unwrap().display().to_string());
            Ok::<_, ()>(())
        })
        .unwrap();
        assert_eq!(seen, ["a", "b", "b/c", "b/x", "b.d", "z"]);
    }
}
