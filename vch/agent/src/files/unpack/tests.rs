//! Tars that users and attackers send.

use super::*;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use tar::{Builder, Header};

struct Tar(Builder<Vec<u8>>);

impl Tar {
    fn new() -> Self {
        Self(Builder::new(Vec::new()))
    }

    fn add(mut self, kind: EntryType, name: &str, target: &str, content: &[u8]) -> Self {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(0o640);
        header.set_uid(rustix::process::getuid().as_raw().into());
        header.set_gid(rustix::process::getgid().as_raw().into());
        header.set_mtime(1_000_000_000);
        header.set_size(content.len() as u64);
        let old = header.as_old_mut();
        old.name[..name.len()].copy_from_slice(name.as_bytes());
        old.linkname[..target.len()].copy_from_slice(target.as_bytes());
        header.set_cksum();
        self.0.append(&header, content).unwrap();
        self
    }

    fn pax(mut self, records: &[(&str, &[u8])]) -> Self {
        self.0.append_pax_extensions(records.iter().copied()).unwrap();
        self
    }

    fn into(self, folder: &Path, keep_kinds: bool) -> Result<(), String> {
        let tar = self.0.into_inner().unwrap();
        let wanted = Wanted { keep_kinds, owner: None, read_only: false };
        unpack(folder.to_str().unwrap(), &wanted, tar.as_slice()).map_err(|failure| failure.message)
    }
}

#[test]
fn files_come_with_what_the_tar_says_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    Tar::new()
        .add(EntryType::Directory, "d/", "", b"")
        .pax(&[("mtime", b"1000000001.5")])
        .add(EntryType::Regular, "d/f", "", b"content")
        .add(EntryType::Link, "d/g", "d/f", b"")
        .add(EntryType::Symlink, "l", "/anywhere", b"")
        .add(EntryType::Regular, "implied/x", "", b"")
        .into(folder.path(), false)
        .unwrap();
    assert_eq!(std::fs::read(at("d/g")).unwrap(), b"content");
    let file = std::fs::metadata(at("d/f")).unwrap();
    assert_eq!((file.mtime(), file.mtime_nsec(), file.nlink()), (1_000_000_001, 500_000_000, 2));
    assert_eq!(file.permissions().mode() & 0o7777, 0o640);
    // Its time is set after its files are there.
    assert_eq!(std::fs::metadata(at("d")).unwrap().mtime(), 1_000_000_000);
    assert_eq!(std::fs::read_link(at("l")).unwrap(), Path::new("/anywhere"));
    assert_eq!(std::fs::metadata(at("implied")).unwrap().permissions().mode() & 0o777, 0o755);
}

#[test]
fn nothing_leaves_the_directory_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    for (kind, name, target, words) in [
        (EntryType::Regular, "../out", "", "is outside of"),
        (EntryType::Directory, "a/../../out", "", "is outside of"),
        (EntryType::Symlink, "l", "../../out", "invalid symlink"),
        (EntryType::Link, "l", "../out", "invalid hardlink"),
    ] {
        let refused = Tar::new().add(kind, name, target, b"").into(&inner, false).unwrap_err();
        assert!(refused.contains(words), "{refused}");
        assert!(!folder.path().join("out").exists());
    }
    // Absolute names are taken as relative ones.
    Tar::new().add(EntryType::Regular, "/x", "", b"1").into(&inner, false).unwrap();
    assert!(inner.join("x").exists());
}

#[test]
fn kinds_are_kept_where_that_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let fill = || {
        std::fs::create_dir_all(at("d/below")).unwrap();
        std::fs::write(at("f"), "").unwrap();
    };
    fill();
    let over_folder = || Tar::new().add(EntryType::Regular, "d", "", b"");
    let over_file = || Tar::new().add(EntryType::Directory, "f", "", b"");
    let refused = over_folder().into(folder.path(), true).unwrap_err();
    let expected =
        format!("cannot overwrite directory {} with non-directory {}", shown(&at("d")), shown(folder.path()));
    assert_eq!(refused, expected);
    assert!(over_file().into(folder.path(), true).unwrap_err().starts_with("cannot overwrite non-directory"));
    over_folder().into(folder.path(), false).unwrap();
    over_file().into(folder.path(), false).unwrap();
    assert!(at("d").is_file() && at("f").is_dir());
}

#[test]
fn a_link_in_the_place_of_a_file_is_replaced_and_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (victim, link) = (folder.path().join("victim"), folder.path().join("link"));
    std::fs::write(&victim, "kept").unwrap();
    symlink(&victim, &link).unwrap();
    Tar::new().add(EntryType::Regular, "link", "", b"new").into(folder.path(), true).unwrap();
    assert_eq!(std::fs::read(&victim).unwrap(), b"kept");
    assert!(!link.is_symlink());
}

#[test]
fn a_tar_that_is_none_or_breaks_off_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let wanted = Wanted { keep_kinds: false, owner: None, read_only: false };
    let told = |bytes: &[u8]| unpack(folder.path().to_str().unwrap(), &wanted, bytes).map_err(|e| e.message);
    assert_eq!(told(&[b'x'; 1024]).unwrap_err(), "archive/tar: invalid tar header");
    assert_eq!(told(&[b'x'; 100]).unwrap_err(), "unexpected EOF");
    let whole = Tar::new().add(EntryType::Regular, "f", "", &[1; 5000]).0.into_inner().unwrap();
    assert_eq!(told(&whole[..2000]).unwrap_err(), "unexpected EOF");
    assert_eq!(told(&[]), Ok(()));
    assert_eq!(told(&whole), Ok(()));
}

#[test]
fn the_destination_is_a_directory_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(at("f"), "").unwrap();
    symlink(folder.path(), at("l")).unwrap();
    let class = |path: String| destination(&path).map_err(|failure| (failure.class, failure.message));
    assert_eq!(class(at("l")).unwrap(), folder.path());
    assert_eq!(class(at("l/.")).unwrap(), folder.path());
    assert_eq!(class(at("f")).unwrap_err().1, "extraction point is not a directory");
    assert_eq!(class(at("f/")).unwrap_err().1, format!("lstat {}: not a directory", at("f/")));
    assert_eq!(class(at("none")).unwrap_err().0, FileFailureClass::NotFound);
}
