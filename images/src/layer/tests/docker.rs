//! What entries mean, as Docker has it.

use super::making::{Member, tar};
use super::{Layer, Limits};

#[test]
fn a_layer_without_entries_makes_no_disk() {
    for bytes in [&[][..], &[0; 512], &[0; 1024], &[0; 10240]] {
        let layer = Layer::unchecked(bytes).unwrap();
        assert!(layer.built.empty);
        assert_eq!((layer.built.disk_bytes, layer.built.size_bytes, layer.built.entries), (0, 0, 0));
    }
}

#[test]
fn the_disk_of_an_empty_directory_can_be_made() {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    let built = crate::layer::empty_disk(&disk).unwrap();
    super::fsck(&disk);
    assert_eq!(built.disk_bytes, 1 << 20);
    assert_eq!(super::Seen::in_image(&disk).paths(), [""]);
    assert!(crate::layer::empty_disk(&disk).is_err(), "an existing file is not overwritten");
    assert!(disk.exists());
}

#[test]
fn sizes_are_told_as_docker_tells_them() {
    let layer = Layer::of(&tar([
        Member::file("a", &[7; 5000]),
        Member::hard_link("b", "a"),
        Member::symlink("c", "four"),
        Member::file("gone", &[7; 100]),
        Member::directory("gone"),
        Member::file(".wh.x", b""),
    ]));
    assert_eq!(layer.built.size_bytes, 5004);
    assert_eq!(layer.built.entries, 6);
    assert_eq!(layer.built.disk_bytes % (1 << 20), 0);
    assert_eq!(layer.built.disk_bytes, layer.disk().metadata().unwrap().len());
    assert!(layer.built.used_bytes < 1 << 17);
}

#[test]
fn names_are_taken_relative_to_the_layer() {
    let layer = Layer::of(&tar([
        Member::directory("./"),
        Member::file("./a", b"1"),
        Member::file("/b", b"2"),
        Member::directory("c//d/./"),
        Member::file("c/../e", b"3"),
    ]));
    assert_eq!(layer.seen().paths(), ["", "a", "b", "c", "c/d", "e"]);
}

#[test]
fn the_root_takes_the_metadata_of_its_entry() {
    let seen =
        Layer::of(&tar([Member::directory("./").mode(0o1711).owner(5, 6).mtime(77).xattr("user.a", b"b")])).seen();
    let root = seen.file("");
    assert_eq!((root.mode, root.owner, root.mtime), (0o1711, (5, 6), (77, 0)));
    assert_eq!(root.xattrs, [("user.a".to_owned(), b"b".to_vec())]);
}

#[test]
fn missing_parents_are_roots_with_0755() {
    let seen = Layer::of(&tar([Member::file("a/b/c", b"").owner(5, 6).mode(0o600)])).seen();
    for path in ["", "a", "a/b"] {
        let directory = seen.file(path);
        assert_eq!(
            (directory.kind.as_str(), directory.mode, directory.owner),
            ("directory", 0o755, (0, 0)),
            "{path:?}"
        );
    }
    assert_eq!(seen.file("a/b/c").owner, (5, 6));
}

#[test]
fn the_last_entry_of_a_name_wins() {
    let seen = Layer::of(&tar([
        Member::file("twice", b"old"),
        Member::file("twice", b"new"),
        Member::directory("dir").mode(0o700),
        Member::file("dir/kept", b""),
        Member::directory("dir").mode(0o711).mtime(9),
        Member::file("to-dir", b"x"),
        Member::directory("to-dir"),
        Member::directory("to-file"),
        Member::directory("to-file/sub"),
        Member::file("to-file/sub/gone", b"x"),
        Member::file("to-file", b"y"),
        Member::symlink("to-real", "dir"),
        Member::directory("to-real"),
    ]))
    .seen();
    assert_eq!(seen.paths(), ["", "dir", "dir/kept", "to-dir", "to-file", "to-real", "twice"]);
    assert_eq!(seen.content("twice"), b"new");
    assert_eq!((seen.file("dir").mode, seen.file("dir").mtime), (0o711, (9, 0)));
    assert_eq!(seen.file("to-dir").kind, "directory");
    assert_eq!(seen.file("to-real").kind, "directory");
    assert_eq!(seen.content("to-file"), b"y");
}

#[test]
fn whiteouts_become_what_overlayfs_wants() {
    let seen = Layer::of(&tar([
        Member::file("d/.wh.gone", b"").owner(3, 4),
        Member::file("o/.wh..wh..opq", b""),
        Member::file("o/new", b"1"),
        Member::directory("o").mode(0o700),
        Member::file(".wh..wh.aufs", b"x"),
        Member::directory(".wh..wh.plnk"),
        Member::file(".wh..wh.plnk/1.2", b"x"),
    ]))
    .seen();
    assert_eq!(seen.paths(), ["", "d", "d/gone", "o", "o/new"]);
    let whiteout = seen.file("d/gone");
    assert_eq!((whiteout.kind.as_str(), whiteout.mode, whiteout.owner), ("char 0:0", 0, (3, 4)));
    assert!(seen.is_opaque("o"));
    assert_eq!(seen.file("o").mode, 0o700, "an opaque directory takes new metadata and stays opaque");
    assert!(!seen.is_opaque("d"));
}

#[test]
fn whiteouts_hide_what_is_below_and_never_their_own_layer() {
    let file = || Member::file("f", b"1");
    let directory = || Member::file("d/inside", b"2");
    let (no_file, no_directory) = (|| Member::file(".wh.f", b""), || Member::file(".wh.d", b""));
    for order in [[file(), directory(), no_file(), no_directory()], [no_file(), no_directory(), file(), directory()]] {
        let seen = Layer::of(&tar(order)).seen();
        assert_eq!(seen.paths(), ["", "d", "d/inside", "f"]);
        assert_eq!(seen.content("f"), b"1");
        assert!(seen.is_opaque("d"), "the directory below was replaced, so nothing of it may show");
    }
    let seen = Layer::of(&tar([no_directory(), Member::directory("d").mode(0o700), directory()])).seen();
    assert!(seen.is_opaque("d"));
    assert_eq!(seen.file("d").mode, 0o700);
}

#[test]
fn hard_links_share_an_inode() {
    let seen = Layer::of(&tar([
        Member::file("a/inline", b"small"),
        Member::file("a/blocks", &[1; 8192]),
        Member::file("a/empty", b""),
        Member::symlink("a/sym", "inline"),
        Member::hard_link("b/inline", "a/inline"),
        Member::hard_link("b/blocks", "/a/blocks"),
        Member::hard_link("b/empty", "./a/empty"),
        Member::hard_link("b/sym", "a/sym"),
        Member::hard_link("b/again", "b/inline").mode(0o777).owner(9, 9),
        Member::file("a/inline", b"replaced"),
    ]))
    .seen();
    assert_eq!(seen.content("b/inline"), b"small");
    assert_eq!(seen.content("a/inline"), b"replaced");
    assert_eq!(seen.file("b/sym").kind, "-> inline");
    for (path, same_as, links) in [
        ("b/inline", "b/again", 2),
        ("b/blocks", "a/blocks", 2),
        ("b/empty", "a/empty", 2),
        ("b/sym", "a/sym", 2),
        ("a/inline", "a/inline", 1),
    ] {
        assert_eq!((seen.file(path).same_as.as_str(), seen.file(path).links), (same_as, links), "{path}");
    }
    assert_eq!((seen.file("b/again").mode, seen.file("b/again").owner), (0o644, (0, 0)));
}

#[test]
fn symlinks_on_the_way_are_followed_inside_the_layer() {
    let seen = Layer::of(&tar([
        Member::directory("real/deep"),
        Member::symlink("rel", "real"),
        Member::symlink("abs", "/real/deep"),
        Member::symlink("real/deep/up", "../../../../../real"),
        Member::symlink("chain", "rel/deep/up"),
        Member::symlink("dangling", "made/later"),
        Member::file("rel/1", b""),
        Member::file("abs/2", b""),
        Member::file("abs/up/3", b""),
        Member::file("chain/4", b""),
        Member::file("dangling/5", b""),
        Member::hard_link("6", "chain/deep/2"),
    ]))
    .seen();
    for path in ["real/1", "real/deep/2", "real/3", "real/4", "made/later/5"] {
        assert_eq!(seen.file(path).kind, "file");
    }
    assert_eq!(seen.file("6").same_as, "6");
    assert_eq!(seen.file("real/deep/2").same_as, "6");
    assert_eq!(seen.file("dangling").kind, "-> made/later");
}

#[test]
fn attributes_that_docker_would_not_keep_are_dropped() {
    let acl = [&[2, 0, 0, 0][..], &[1, 0, 7, 0, 255, 255, 255, 255]].concat();
    let all = |member: Member| {
        member.pax(&[
            ("SCHILY.xattr.user.a", b"u"),
            ("SCHILY.xattr.security.capability", b"s"),
            ("SCHILY.xattr.trusted.t", b"t"),
            ("SCHILY.xattr.trusted.overlay.opaque", b"y"),
            ("SCHILY.xattr.trusted.overlay.redirect", b"/etc"),
            ("SCHILY.xattr.system.posix_acl_access", &acl),
            ("SCHILY.xattr.system.posix_acl_default", &acl),
            ("SCHILY.xattr.com.apple.provenance", b"x"),
            ("SCHILY.xattr.user.", b"x"),
            ("LIBARCHIVE.xattr.user.b", b"x"),
        ])
    };
    // The nameless attribute is refused where user attributes are kept, so it is left to those that drop it.
    let seen = Layer::of(&tar([
        all(Member::symlink("link", "x")),
        all(Member::device("device", b'3', 1, 3)),
        Member::directory("dir").pax(&[("SCHILY.xattr.trusted.overlay.opaque", b"y"), ("SCHILY.xattr.user.a", b"")]),
        Member::file("file", b"").pax(&[
            ("SCHILY.xattr.system.posix_acl_access", &acl),
            ("SCHILY.xattr.system.posix_acl_default", &acl),
            ("SCHILY.xattr.trusted.overlay.opaque", b"y"),
        ]),
    ]))
    .seen();
    let names = |path: &str| seen.file(path).xattrs.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names("link"), ["security.capability", "trusted.t"]);
    assert_eq!(names("device"), ["security.capability", "system.posix_acl_access", "trusted.t"]);
    assert_eq!(names("dir"), ["trusted.overlay.opaque", "user.a"]);
    assert_eq!(names("file"), ["system.posix_acl_access"]);
}

#[test]
fn limits_are_held() {
    let bytes = tar((0..20).map(|at| Member::file(&format!("file-{at}"), &[0; 3000])));
    let limits = Limits::default();
    assert!(Layer::limited(&bytes, &Limits { entries: 20, ..limits }).is_ok());
    for limits in [
        Limits { entries: 19, ..limits },
        Limits { metadata_bytes: 4000, ..limits },
        Limits { stream_bytes: 30_000, ..limits },
        Limits { disk_bytes: 30_000, ..limits },
    ] {
        assert!(Layer::limited(&bytes, &limits).is_err(), "{limits:?}");
    }
}
