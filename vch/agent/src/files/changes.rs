//! What a container changed in its image's files, as dockerd tells it (moby pkg/archive/changes.go, addChanges, which
//! overlay2 uses for this as well).
//!
//! The changes are the upper directory of an overlayfs: a character device 0:0 stands for something deleted, and the
//! attribute `trusted.overlay.opaque` for a directory whose former content is gone (Documentation/filesystems/overlayfs.rst).
//! Whatever is not there has not changed. A directory counts as changed when its mode or owner did, or something below it.

use super::{Outcome, Stop, answer, other};
use crate::container::rootfs::UPPER;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::Metadata;
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use vch_agent_proto::{ChangeKind, FileAnswer, FileChange};

/// Lists the changes to the image whose root is `image`: a directory before what is in it, names in byte order.
pub(super) fn list(image: &str, output: &mut impl Write) -> Outcome {
    answer(output, &FileAnswer::Done)?;
    let mut list = List { told: Vec::new(), tell: |kind, path: &Path| tell(kind, path, output) };
    list.directory(Path::new(UPPER), Some(Path::new(image)), Path::new("/"))
}

struct List<T> {
    /// For each directory on the way whether it has been told.
    told: Vec<(PathBuf, bool)>,
    tell: T,
}

impl<T: FnMut(ChangeKind, &Path) -> Outcome> List<T> {
    /// Lists what is in `new` that was not so in `old`, if that was a directory.
    fn directory(&mut self, new: &Path, old: Option<&Path>, inside: &Path) -> Outcome {
        let mut names = names(new);
        if let Some(old) = old.filter(|_| is_opaque(new)) {
            // What it hides is deleted, each file by itself.
            names.extend(self::names(old));
        }
        for name in names {
            let (new, inside) = (new.join(&name), inside.join(&name));
            let was = old.map(|old| old.join(&name)).filter(|old| old.symlink_metadata().is_ok());
            match new.symlink_metadata() {
                Ok(metadata) if !is_whiteout(&metadata) => self.one(&new, &metadata, was.as_deref(), &inside)?,
                _ if was.is_some() => self.change(ChangeKind::Deleted, &inside)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn one(&mut self, new: &Path, metadata: &Metadata, old: Option<&Path>, inside: &Path) -> Outcome {
        let was = old.and_then(|old| old.symlink_metadata().ok());
        let told = match &was {
            None => self.change(ChangeKind::Added, inside).map(|()| true),
            Some(was) if differs(was, metadata) || capability(old) != capability(Some(new)) => {
                self.change(ChangeKind::Modified, inside).map(|()| true)
            }
            Some(_) => Ok(false),
        }?;
        if !metadata.is_dir() {
            return Ok(());
        }
        self.told.push((inside.to_owned(), told));
        let old = old.filter(|_| was.is_some_and(|was| was.is_dir()));
        let outcome = self.directory(new, old, inside);
        self.told.pop();
        outcome
    }

    /// Tells a change, and first of all that the directories above it have changed.
    fn change(&mut self, kind: ChangeKind, inside: &Path) -> Outcome {
        for (path, told) in &mut self.told {
            if !std::mem::replace(told, true) {
                (self.tell)(ChangeKind::Modified, path)?;
            }
        }
        (self.tell)(kind, inside)
    }
}

fn names(directory: &Path) -> BTreeSet<OsString> {
    std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.file_name()).collect()
}

/// dockerd's measure (statDifferent): sizes and times of directories say nothing.
fn differs(old: &Metadata, new: &Metadata) -> bool {
    let status = |of: &Metadata| (of.mode(), of.uid(), of.gid(), of.rdev());
    let content = |of: &Metadata| if of.is_dir() { (0, 0) } else { (of.size(), of.mtime()) };
    // A tar may have brought whole seconds only.
    let parts = (old.mtime_nsec(), new.mtime_nsec());
    let nanoseconds = !new.is_dir() && parts.0 != parts.1 && parts.0 != 0 && parts.1 != 0;
    status(old) != status(new) || content(old) != content(new) || nanoseconds
}

fn capability(path: Option<&Path>) -> Option<Vec<u8>> {
    let mut value = vec![0; 64];
    let length = rustix::fs::lgetxattr(path?, c"security.capability", &mut value[..]).ok()?;
    value.truncate(length);
    Some(value)
}

/// Whether a file of the upper directory stands for something deleted.
pub(super) fn is_whiteout(metadata: &Metadata) -> bool {
    metadata.file_type().is_char_device() && metadata.rdev() == 0
}

/// Whether a directory of the upper directory hides what the image has below it.
pub(super) fn is_opaque(directory: &Path) -> bool {
    let mut value = [0; 2];
    rustix::fs::lgetxattr(directory, c"trusted.overlay.opaque", &mut value[..]).is_ok_and(|length| length == 1)
        && value[0] == b'y'
}

fn tell(kind: ChangeKind, inside: &Path, output: &mut impl Write) -> Outcome {
    let change = FileChange { kind, path: inside.to_string_lossy().into_owned() };
    let bytes = vch_agent_proto::files::encode(&change).map_err(|error| other(format!("tell a change: {error}")))?;
    output.write_all(&bytes).map_err(|_| Stop::Output)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ChangeKind::{Added, Modified};
    use std::fs::{create_dir_all, set_permissions, write};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn directories_are_told_before_what_is_in_them_and_only_then() {
        let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for root in [&old, &new] {
            for folder in ["a/b/c", "same/x", "mode"] {
                create_dir_all(root.path().join(folder)).unwrap();
            }
        }
        write(old.path().join("a/f"), "1").unwrap();
        write(new.path().join("a/f"), "12").unwrap();
        write(new.path().join("a/b/c/new"), "").unwrap();
        create_dir_all(new.path().join("n/m")).unwrap();
        set_permissions(new.path().join("mode"), PermissionsExt::from_mode(0o700)).unwrap();
        let mut seen = Vec::new();
        let tell = |kind, path: &Path| {
            seen.push((kind, path.display().to_string()));
            Ok(())
        };
        let mut list = List { told: Vec::new(), tell };
        assert!(list.directory(new.path(), Some(old.path()), Path::new("/")).is_ok());
        let expected = [
            (Modified, "/a"),
            (Modified, "/a/b"),
            (Modified, "/a/b/c"),
            (Added, "/a/b/c/new"),
            (Modified, "/a/f"),
            (Modified, "/mode"),
            (Added, "/n"),
            (Added, "/n/m"),
        ];
        assert_eq!(seen.iter().map(|(kind, path)| (*kind, path.as_str())).collect::<Vec<_>>(), expected);
    }
}
