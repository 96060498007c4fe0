//! Tars that mean harm, or are damaged: each is refused with a reason, and nothing stays.

use proptest::prelude::*;

use super::making::{Member, tar};
use super::{Layer, Limits, build, chain};

/// Expects the refusal of `members`, its text naming all of `words`.
fn refused(members: impl IntoIterator<Item = Member>, words: &[&str]) {
    let error = match Layer::unchecked(&tar(members)) {
        Ok(_) => panic!("accepted what should be refused with {words:?}"),
        Err(error) => chain(&error),
    };
    for word in words {
        assert!(error.contains(word), "{error:?} does not say {word:?}");
    }
}

#[test]
fn paths_that_climb_out() {
    for name in ["../evil", "a/../../evil", "/../evil", "..", "./..", "a/b/../../../c"] {
        refused([Member::file(name, b"x")], &[name, "climbs out"]);
        refused([Member::file("ok", b""), Member::hard_link("link", name)], &["\"link\"", "climbs out"]);
    }
    refused([Member::file("x", b"").pax(&[("path", b"../evil")])], &["../evil", "climbs out"]);
    refused([Member::new(b'0', "x").gnu_long(b'L', "../evil")], &["../evil", "climbs out"]);
}

#[test]
fn symlinks_never_lead_out_of_the_layer() {
    let seen = Layer::of(&tar([
        Member::symlink("up", "../../../../.."),
        Member::symlink("abs", "/"),
        Member::file("up/etc/one", b""),
        Member::file("abs/etc/two", b""),
        Member::file("up/abs/up/etc/three", b""),
    ]))
    .seen();
    assert_eq!(seen.paths(), ["", "abs", "etc", "etc/one", "etc/three", "etc/two", "up"]);
}

#[test]
fn symlink_loops() {
    let words = ["\"a/x\"", "loop"];
    refused([Member::symlink("a", "b"), Member::symlink("b", "a"), Member::file("a/x", b"")], &words);
    refused([Member::symlink("a", "a"), Member::file("a/x", b"")], &words);
    refused([Member::symlink("a", "a/b/c"), Member::file("a/x", b"")], &words);
    refused([Member::symlink("a", "/./a/"), Member::file("a/x", b"")], &words);
    refused([Member::symlink("a", "a"), Member::file("f", b""), Member::hard_link("l", "a/x")], &["\"l\"", "loop"]);
    // 41 symlinks one after the other are too many, as in Linux.
    let chain = (0..41).map(|at| Member::symlink(&format!("s{at}"), &format!("s{}", at + 1)));
    refused(chain.chain([Member::file("s0/x", b"")]), &["\"s0/x\"", "too many symlinks"]);
}

#[test]
fn files_that_are_no_directories() {
    refused([Member::file("a", b""), Member::file("a/b", b"")], &["\"a/b\"", "\"a\"", "not a directory"]);
    refused([Member::device("a", b'3', 1, 3), Member::file("a/b", b"")], &["\"a/b\"", "not a directory"]);
    refused(
        [Member::file("x", b""), Member::symlink("a", "x"), Member::file("a/b", b"")],
        &["\"a/b\"", "not a directory"],
    );
    for root in [Member::file("./", b""), Member::symlink("/", "x"), Member::file(".", b"")] {
        refused([root], &["root", "directory"]);
    }
}

#[test]
fn hard_links_to_nothing() {
    refused([Member::hard_link("l", "missing")], &["\"l\"", "\"missing\"", "not in the layer"]);
    refused([Member::hard_link("l", "no/such/path")], &["\"no/such/path\"", "not in the layer"]);
    refused([Member::hard_link("l", "later"), Member::file("later", b"")], &["\"later\"", "not in the layer"]);
    refused([Member::file("l", b""), Member::hard_link("l", "l")], &["\"l\"", "not in the layer"]);
    refused([Member::file(".wh.gone", b""), Member::hard_link("l", "gone")], &["\"gone\"", "not in the layer"]);
    refused([Member::directory("d"), Member::hard_link("l", "d")], &["\"d\"", "is a directory"]);
    refused([Member::directory("d"), Member::hard_link("l", "/")], &["is a directory"]);
}

#[test]
fn names_beyond_all_bounds() {
    refused([Member::file(&"n".repeat(256), b"")], &["nnnn", "longer than 255"]);
    refused([Member::file(&"n/".repeat(2500), b"")], &["n/n/", "longer than 4096"]);
    refused([Member::symlink("link", "").pax(&[("linkpath", "t".repeat(4096).as_bytes())])], &["\"link\"", "4095"]);
    refused([Member::symlink("link", "")], &["\"link\"", "target"]);
    refused([Member::new(b'0', "x").pax(&[("path", b"a\0b")])], &["malformed"]);
    // Symlinks make trees deeper than any path.
    let deep = "d/".repeat(2000);
    refused(
        [Member::directory(&deep), Member::symlink("s", &deep), Member::directory(&format!("s/{}", "e/".repeat(100)))],
        &["too many directories deep"],
    );
}

#[test]
fn a_long_name_is_shortened_in_errors() {
    let error =
        Layer::unchecked(&tar([Member::file(&"n".repeat(4000), b"")])).err().map(|error| chain(&error)).unwrap();
    assert!(error.len() < 400, "{error}");
    let error =
        Layer::unchecked(&tar([Member::file("\x1b[2J\n\u{202e}", b"").bytes(156, b"Z")])).err().unwrap().to_string();
    assert!(!error.contains(['\x1b', '\n', '\u{202e}']), "{error:?}");
}

#[test]
fn whiteouts_of_nothing() {
    for name in [".wh.", "d/.wh..", ".wh..."] {
        refused([Member::file(name, b"")], &[name, "whiteout"]);
    }
    refused([Member::file(".wh.d/x", b"")], &[".wh.d/x", "whiteout"]);
    refused([Member::symlink("s", ".wh.d"), Member::file("s/x", b"")], &["s/x", "whiteout"]);
}

#[test]
fn numbers_beyond_all_bounds() {
    refused([Member::file("f", b"").size(1 << 62)], &["\"f\"", "too large"]);
    refused([Member::file("f", b"").size(u64::MAX >> 1)], &["\"f\"", "too large"]);
    refused([Member::file("f", b"").bytes(124, &[0xff; 12])], &["\"f\"", "size is negative"]);
    refused([Member::file("f", b"").pax(&[("size", b"-1")])], &["\"f\"", "size is negative"]);
    refused([Member::file("f", b"").pax(&[("size", b"99999999999999999999")])], &["number is malformed"]);
    refused([Member::file("f", b"").owner(u64::from(u32::MAX), 0)], &["\"f\"", "owner"]);
    refused([Member::file("f", b"").owner(0, 1 << 32)], &["\"f\"", "owner"]);
    refused([Member::file("f", b"").pax(&[("uid", b"-1")])], &["\"f\"", "owner"]);
    refused([Member::device("f", b'3', 4096, 0)], &["\"f\"", "device number"]);
    refused([Member::device("f", b'4', 0, 1 << 20)], &["\"f\"", "device number"]);
    refused([Member::file("f", b"").bytes(100, b"notoctal")], &["number is malformed"]);
}

#[test]
fn a_sparse_file_that_claims_the_universe() {
    let sparse = |size: &str, map: &str| {
        Member::file("x", b"abc").pax(&[("GNU.sparse.size", size.as_bytes()), ("GNU.sparse.map", map.as_bytes())])
    };
    refused([sparse("9000000000000000000", "0,3")], &["too large"]);
    refused([sparse("2", "0,3")], &["sparse map"]);
    refused([sparse("10", "0,2")], &["sparse map"]);
    refused([sparse("10", "5,2,4,1")], &["sparse map"]);
    refused([sparse("10", "-5,3")], &["sparse map"]);
    refused([sparse("10", "0")], &["sparse map"]);
    refused([sparse("10", "0,x")], &["malformed"]);
    let one = |data: &[u8]| {
        Member::file("x", data).pax(&[
            ("GNU.sparse.major", b"1"),
            ("GNU.sparse.minor", b"0"),
            ("GNU.sparse.realsize", b"10"),
        ])
    };
    refused([one(b"1\n0\n3\nabc")], &["sparse map"]);
    refused([one(&[b'1'; 512])], &["sparse map"]);
    refused([one(&[&b"99999999\n"[..], &[0; 503]].concat())], &["sparse map"]);
    refused([Member::new(b'S', "x").data(b"abc")], &["sparse map"]);
}

#[test]
fn attributes_that_cannot_be() {
    let long = "n".repeat(256);
    refused([Member::file("f", b"").xattr(&format!("user.{long}"), b"")], &["\"f\"", "255"]);
    refused([Member::file("f", b"").xattr("user.a", &[0; 65536])], &["\"f\"", "65535"]);
    refused([Member::file("f", b"").xattr("system.posix_acl_access", b"rwx")], &["\"f\"", "access control list"]);
    let keys: Vec<String> = (0..300).map(|at| format!("SCHILY.xattr.user.{at}")).collect();
    let records: Vec<(&str, &[u8])> = keys.iter().map(|key| (key.as_str(), &b"v"[..])).collect();
    refused([Member::file("f", b"").pax(&records)], &["\"f\"", "250"]);
}

#[test]
fn what_is_no_tar() {
    for bytes in [vec![1; 512], vec![b'x'; 5000], b"not a tar at all".repeat(100)] {
        assert!(Layer::unchecked(&bytes).is_err());
    }
    refused([Member::new(b'V', "volume")], &["\"volume\"", "type 'V'"]);
    refused([Member::new(b'x', "pax").data(b"nonsense")], &["malformed"]);
    refused([Member::new(b'x', "pax").size(2 << 20)], &["1 MiB"]);
    refused([Member::new(b'L', "long").size(1 << 40)], &["1 MiB"]);
    let mut lone = vec![0; 512];
    lone.extend(Member::file("a", b"").encode());
    assert!(Layer::unchecked(&lone).is_err());
}

#[test]
fn truncated_anywhere() {
    let whole = tar([
        Member::file("a/file", &[1; 1000]),
        Member::file("long", b"x").pax(&[("path", "p".repeat(200).as_bytes())]),
        Member::directory("d"),
    ]);
    // Where an entry ends, so may the archive.
    let ends = [0, 512 + 1024, 512 + 1024 + 512 * 4, 512 + 1024 + 512 * 5];
    let near_a_block = |len: &usize| matches!(len % 512, 0 | 1 | 511) || len.is_multiple_of(13);
    for len in (0..whole.len() - 1024).filter(near_a_block) {
        let result = Layer::unchecked(&whole[..len]);
        assert_eq!(result.is_ok(), ends.contains(&len), "{len}");
        if let Err(error) = result {
            assert!(chain(&error).contains("cut short"), "{len}: {}", chain(&error));
        }
    }
}

#[test]
fn a_stream_that_fails_is_told_from_a_tar_that_is_bad() {
    struct Failing(Vec<u8>);
    impl std::io::Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if self.0.is_empty() {
                return Err(std::io::Error::other("digest mismatch"));
            }
            let len = buffer.len().min(self.0.len());
            buffer[..len].copy_from_slice(&self.0[..len]);
            self.0.drain(..len);
            Ok(len)
        }
    }
    let folder = tempfile::tempdir().unwrap();
    // Even after the archive's end: the caller's digest speaks last.
    for bytes in
        [tar([Member::file("a", &[0; 5000])]), vec![0; 1024], Member::file("a", &[0; 5000]).encode()[..600].to_vec()]
    {
        let error = build(Failing(bytes), &folder.path().join("disk"), &Limits::default()).unwrap_err();
        assert_eq!(chain(&error), "cannot read the layer's tar stream: digest mismatch");
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }
}

#[test]
fn a_disk_that_exists_or_cannot_be_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk");
    std::fs::write(&path, "mine").unwrap();
    let tar = tar([Member::file("a", b"")]);
    assert!(build(&tar[..], &path, &Limits::default()).is_err());
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    let error = build(&tar[..], &folder.path().join("no/such"), &Limits::default()).unwrap_err();
    assert!(chain(&error).contains("no/such"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn no_damage_makes_it_panic_or_leave_anything(damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut bytes = tar([
            Member::directory("d").xattr("user.a", b"value"),
            Member::file("d/file", &[1; 700]).pax(&[("mtime", b"1.5"), ("GNU.sparse.map", b"0,700"), ("GNU.sparse.size", b"900")]),
            Member::symlink("s", "d"),
            Member::hard_link("s/hard", "s/file"),
            Member::new(b'S', "sparse").bytes(257, b"ustar  \0").data(b"abc").number(386, 12, 9).number(398, 12, 3).number(483, 12, 50),
        ]);
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
            // Keep checksums right, so that the damage is met.
            for header in bytes.chunks_exact_mut(512).filter(|block| block[257..262] == *b"ustar") {
                header[148..156].fill(b' ');
                let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
                header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            }
        }
        if let Ok(layer) = Layer::limited(&bytes, &Limits { disk_bytes: 1 << 24, ..Limits::default() }) && !layer.built.empty {
            layer.seen();
        }
    }
}
