//! Names of a tar as paths inside the layer.
//!
//! Called for every entry and every hard link's target. As Docker does, a name is cleaned by its text alone: `a/../b` is
//! `b` whatever `a` may be. An absolute name counts from the layer's root.

use super::error::Refusal;

/// Longest path in bytes, as Linux has it.
const PATH_MAX: usize = 4096;
/// Longest file name in bytes.
pub(super) const NAME_MAX: usize = 255;

/// The file names on the way from the root; none for the root itself.
///
/// # Errors
/// A name or the path is too long, or `..` leads above the root.
pub(super) fn clean(name: &[u8]) -> Result<Vec<&[u8]>, Refusal> {
    if name.len() > PATH_MAX {
        return Err(Refusal::PathTooLong);
    }
    if name.contains(&0) {
        return Err(Refusal::Header("a path holds a zero byte"));
    }
    let mut clean = Vec::new();
    for part in name.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            // A name with `..` at the root of an absolute path is no honest tar's either.
            b".." => {
                clean.pop().ok_or(Refusal::Climbs)?;
            }
            _ if part.len() > NAME_MAX => return Err(Refusal::NameTooLong),
            _ => clean.push(part),
        }
    }
    Ok(clean)
}

/// What a file name means to the layer above, by Docker's and the OCI's convention.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning<'a> {
    /// A file like any other.
    File,
    /// The directory it stands in hides the one below.
    Opaque,
    /// The file of this name is hidden.
    Whiteout(&'a [u8]),
    /// Metadata of aufs.
    Aufs,
}

/// Tells whiteouts from files.
///
/// # Errors
/// A whiteout whose file's name is impossible.
pub(super) fn meaning(name: &[u8]) -> Result<Meaning<'_>, Refusal> {
    match name.strip_prefix(b".wh.") {
        None => Ok(Meaning::File),
        Some(b".wh..opq") => Ok(Meaning::Opaque),
        Some(b"" | b"." | b"..") => Err(Refusal::Whiteout),
        Some(hidden) if hidden.starts_with(b".wh.") => Ok(Meaning::Aufs),
        Some(hidden) => Ok(Meaning::Whiteout(hidden)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cleaned_as_docker_does() {
        let cases: [(&str, Result<&str, Refusal>); 13] = [
            ("", Ok("")),
            (".", Ok("")),
            ("./", Ok("")),
            ("/", Ok("")),
            ("./a//b/./c/", Ok("a/b/c")),
            ("/etc/passwd", Ok("etc/passwd")),
            ("a/../b", Ok("b")),
            ("a/b/../../c", Ok("c")),
            ("..a/...", Ok("..a/...")),
            ("..", Err(Refusal::Climbs)),
            ("../x", Err(Refusal::Climbs)),
            ("/../x", Err(Refusal::Climbs)),
            ("a/../../b", Err(Refusal::Climbs)),
        ];
        for (name, expected) in cases {
            let found = clean(name.as_bytes()).map(|parts| parts.join(&b'/'));
            assert_eq!(found, expected.map(|path| path.as_bytes().to_vec()), "{name}");
        }
        assert_eq!(clean(&[b'a'; 256]), Err(Refusal::NameTooLong));
        assert_eq!(clean(&b"a/".repeat(2049)), Err(Refusal::PathTooLong));
        assert_eq!(clean(&b"a/".repeat(2048)).map(|parts| parts.len()), Ok(2048));
        assert!(matches!(clean(b"a\0b"), Err(Refusal::Header(_))));
    }

    #[test]
    fn whiteouts_are_told_from_files() {
        assert_eq!(meaning(b"wh.x"), Ok(Meaning::File));
        assert_eq!(meaning(b".whx"), Ok(Meaning::File));
        assert_eq!(meaning(b".wh.x"), Ok(Meaning::Whiteout(b"x")));
        assert_eq!(meaning(b".wh..x"), Ok(Meaning::Whiteout(b".x")));
        assert_eq!(meaning(b".wh..wh..opq"), Ok(Meaning::Opaque));
        assert_eq!(meaning(b".wh..wh.plnk"), Ok(Meaning::Aufs));
        for name in [&b".wh."[..], b".wh..", b".wh..."] {
            assert_eq!(meaning(name), Err(Refusal::Whiteout));
        }
    }
}
