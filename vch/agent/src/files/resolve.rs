//! Where a link leads in the end, as far as that can be told: what stands behind a name that does not exist is kept as it
//! is (moby/sys/symlink, FollowSymlinkInScope with `/` as its scope).

use super::{other, path_error};
use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use vch_agent_proto::FileFailure;

/// Links followed before it is taken for a loop.
const MAX_LINKS: usize = 255;

/// Follows every link in `path`, which is absolute, below `root`.
///
/// # Errors
/// More links than are followed; a part that cannot be looked at.
pub(super) fn follow(root: &Path, path: &Path) -> Result<PathBuf, FileFailure> {
    let mut found = PathBuf::from("/");
    let mut left: Vec<OsString> = parts(path);
    left.reverse();
    let mut links = 0;
    while let Some(part) = left.pop() {
        if part == ".." {
            found.pop();
            continue;
        }
        let next = found.join(&part);
        let inside = root.join(next.strip_prefix("/").unwrap_or(&next));
        match std::fs::symlink_metadata(&inside) {
            Ok(metadata) if metadata.is_symlink() => {
                links += 1;
                if links > MAX_LINKS {
                    return Err(other(format!("evalSymlinksInScope: too many links in {}", path.display())));
                }
                let target = std::fs::read_link(&inside).map_err(|error| path_error("readlink", &next, &error))?;
                if target.is_absolute() {
                    found = PathBuf::from("/");
                }
                left.extend(parts(&target).into_iter().rev());
            }
            Ok(_) => found = next,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound) => found = next,
            Err(error) => return Err(path_error("lstat", &next, &error)),
        }
    }
    Ok(found)
}

fn parts(path: &Path) -> Vec<OsString> {
    let part = |component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsStr::from_bytes(b"..").to_owned()),
        _ => None,
    };
    path.components().filter_map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_lead_where_they_would_in_the_root() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        std::fs::create_dir_all(at("a/b")).unwrap();
        for (link, target) in [
            ("l", "a"),
            ("abs", "/a/b"),
            ("out", "../../../a"),
            ("gone", "no/such/../x"),
            ("a/b/up", ".."),
            ("loop", "loop"),
        ] {
            symlink(target, at(link)).unwrap();
        }
        let follow = |path: &str| follow(root.path(), Path::new(path)).map(|path| path.display().to_string());
        for (path, expected) in [
            ("/l", "/a"),
            ("/l/b", "/a/b"),
            ("/abs/up/b", "/a/b"),
            ("/out", "/a"),
            ("/gone", "/no/x"),
            ("/", "/"),
            ("/a/../..", "/"),
        ] {
            assert_eq!(follow(path).unwrap(), expected, "{path}");
        }
        assert!(follow("/loop").unwrap_err().message.starts_with("evalSymlinksInScope: too many links"));
    }
}
