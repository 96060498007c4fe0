//! One path looked at, as `docker cp` does before it copies (moby daemon/containerfs_linux.go, Stat).

use super::{path_error, resolve};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use vch_agent_proto::{FileFailure, PathStat};

/// Looks at a path of the container's.
///
/// # Errors
/// It is not there, or cannot be looked at.
pub(super) fn stat(path: &str) -> Result<PathStat, FileFailure> {
    Ok(of(path)?.0)
}

/// The same, with all that lstat(2) tells.
///
/// # Errors
/// As [`stat`].
pub(super) fn of(path: &str) -> Result<(PathStat, Metadata), FileFailure> {
    let path = absolute(path);
    let metadata = std::fs::symlink_metadata(&path).map_err(|error| path_error("lstat", Path::new(&path), &error))?;
    let link_target = if metadata.is_symlink() {
        resolve::follow(Path::new("/"), Path::new(&path))?.to_string_lossy().into_owned()
    } else {
        String::new()
    };
    let stat = PathStat {
        name: base(&path).to_owned(),
        size: metadata.size(),
        mode: metadata.mode(),
        modified_ns: metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec()),
        link_target,
    };
    Ok((stat, metadata))
}

/// The path as Docker takes it: absolute, without `.`, `..` and doubled slashes, but a final `/` or `/.` kept
/// (`PreserveTrailingDotOrSeparator`).
pub(super) fn absolute(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let clean = format!("/{}", parts.join("/"));
    match path {
        path if path == "." || path.ends_with("/.") => format!("{}/.", clean.trim_end_matches('/')),
        path if path.ends_with('/') && clean != "/" => format!("{clean}/"),
        _ => clean,
    }
}

/// Go's `filepath.Base`.
pub(super) fn base(path: &str) -> &str {
    match path.trim_end_matches('/') {
        "" => "/",
        path => path.rsplit_once('/').map_or(path, |(_, last)| last),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_as_docker_takes_them() {
        for (path, expected, last) in [
            ("/a/b", "/a/b", "b"),
            ("a/b/", "/a/b/", "b"),
            ("/a/./b/.", "/a/b/.", "."),
            ("../../x", "/x", "x"),
            ("/", "/", "/"),
            (".", "/.", "."),
            ("/a/..", "/", "/"),
        ] {
            assert_eq!(absolute(path), expected);
            assert_eq!(base(&absolute(path)), last);
        }
    }
}
