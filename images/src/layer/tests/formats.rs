//! What the tar formats can say, and that the same tar gives the same bytes.

use sha2::{Digest, Sha256};

use super::Layer;
use super::making::{Member, tar};

#[test]
fn names_longer_than_a_header() {
    let long = format!("{}/{}", "d".repeat(200), "f".repeat(255));
    let target = "t/".repeat(2000);
    let seen = Layer::of(&tar([
        Member::file("x", b"pax").pax(&[("path", long.as_bytes())]),
        Member::new(b'0', "x").gnu_long(b'L', &long.replace('f', "g")).data(b"gnu"),
        Member::file(&"e".repeat(100), b"full field"),
        Member::file("name", b"prefix").bytes(345, "p".repeat(155).as_bytes()),
        Member::symlink("pax-link", "").pax(&[("linkpath", target.as_bytes())]),
        Member::symlink("gnu-link", "").gnu_long(b'K', &target),
        Member::hard_link("hard", "").gnu_long(b'K', &long),
    ]))
    .seen();
    assert_eq!(seen.content(&long), b"pax");
    assert_eq!(seen.content(&long.replace('f', "g")), b"gnu");
    assert_eq!(seen.content(&"e".repeat(100)), b"full field");
    assert_eq!(seen.content(&format!("{}/name", "p".repeat(155))), b"prefix");
    assert_eq!(seen.file("pax-link").kind, format!("-> {target}"));
    assert_eq!(seen.file("gnu-link").kind, format!("-> {target}"));
    assert_eq!(seen.file("hard").links, 2);
}

#[test]
fn owners_times_and_modes() {
    let seen = Layer::of(&tar([
        Member::file("binary", b"").owner(4_000_000_000, 3_000_000_000).mtime(1 << 40).mode(0o106_755),
        Member::file("pax", b"").pax(&[("uid", b"70000"), ("gid", b"80000"), ("mtime", b"1234567890.123456789")]),
        Member::file("negative", b"").pax(&[("mtime", b"-5.5")]),
        Member::file("far", b"").pax(&[("mtime", b"9300000000")]),
        Member::symlink("link", "x").mode(0o600).owner(1, 2),
    ]))
    .seen();
    let file = seen.file("binary");
    assert_eq!(
        (file.owner, file.mode, file.mtime),
        ((4_000_000_000, 3_000_000_000), 0o6755, (0, 0)),
        "Docker's latest time is in 2262"
    );
    let file = seen.file("pax");
    assert_eq!((file.owner, file.mtime), ((70_000, 80_000), (1_234_567_890, 123_456_789)));
    assert_eq!(seen.file("negative").mtime, (0, 0));
    assert_eq!(seen.file("far").mtime, (0, 0));
    assert_eq!((seen.file("link").mode, seen.file("link").owner), (0o777, (1, 2)));
}

#[test]
fn devices_and_pipes() {
    let seen = Layer::of(&tar([
        Member::device("null", b'3', 1, 3).mode(0o666),
        Member::device("large", b'4', 4095, 1_048_575),
        Member::new(b'6', "pipe").mode(0o620),
    ]))
    .seen();
    assert_eq!((seen.file("null").kind.as_str(), seen.file("null").mode), ("char 1:3", 0o666));
    assert_eq!(seen.file("large").kind, "block 4095:1048575");
    assert_eq!((seen.file("pipe").kind.as_str(), seen.file("pipe").mode), ("fifo", 0o620));
}

#[test]
fn a_type_of_zero_is_a_file_or_by_its_slash_a_directory() {
    let seen = Layer::of(&tar([
        Member::new(0, "old-file").data(b"1"),
        Member::new(0, "old-dir/").mode(0o700),
        Member::file("new-file/", b"2"),
        Member::new(b'7', "contiguous").data(b"3"),
    ]))
    .seen();
    assert_eq!(seen.content("old-file"), b"1");
    assert_eq!(seen.file("old-dir").kind, "directory");
    assert_eq!(seen.content("new-file"), b"2");
    assert_eq!(seen.content("contiguous"), b"3");
}

#[test]
fn what_has_no_contents_has_none_whatever_its_size_says() {
    let seen = Layer::of(&tar([
        Member::directory("dir").size(512),
        Member::symlink("link", "x").size(512),
        Member::file("after", b"seen"),
        Member::hard_link("hard", "after").size(4),
        Member::file("last", b""),
    ]))
    .seen();
    assert_eq!(seen.paths(), ["", "after", "dir", "hard", "last", "link"]);
}

#[test]
fn a_size_in_an_extended_header_counts_for_everyone() {
    // The abandoned-reader hole: one reader skips by the header's size, another by the record's, and sees other entries.
    let inside = Member::file("smuggled", b"x").encode();
    let outer = Member::new(b'0', "outer").raw_data(&inside).pax(&[("size", inside.len().to_string().as_bytes())]);
    let seen = Layer::of(&tar([outer, Member::file("after", b"")])).seen();
    assert_eq!(seen.paths(), ["", "after", "outer"]);
    assert_eq!(seen.content("outer"), inside);
}

#[test]
fn global_headers_are_passed_over() {
    let global = Member::new(b'g', "pax_global_header").data(b"18 comment=a b c d\n");
    let seen = Layer::of(&tar([global.clone(), Member::file("a", b"1"), global, Member::file("b", b"2")])).seen();
    assert_eq!(seen.paths(), ["", "a", "b"]);
}

#[test]
fn the_end_may_be_missing_and_what_follows_it_is_not_read_as_entries() {
    let without_end = Member::file("a", b"1").encode();
    assert_eq!(Layer::of(&without_end).seen().paths(), ["", "a"]);
    let mut more = tar([Member::file("a", b"1")]);
    more.extend(Member::file("b", b"2").encode());
    more.extend(b"rubbish");
    assert_eq!(Layer::of(&more).seen().paths(), ["", "a"]);
}

#[test]
fn sparse_files_of_every_format() {
    // 3 bytes at 5000, 4 at 100000, size 200000.
    let mut expected = vec![0; 200_000];
    expected[5000..5003].copy_from_slice(b"abc");
    expected[100_000..100_004].copy_from_slice(b"defg");
    let data = b"abcdefg";

    let gnu = |name: &str| Member::new(b'S', name).bytes(257, b"ustar  \0").data(data).number(483, 12, 200_000);
    let part =
        |member: Member, at: usize, offset: u64, len: u64| member.number(at, 12, offset).number(at + 12, 12, len);
    let mut extended = gnu("gnu-extended").bytes(482, b"\x01");
    for at in 0..4 {
        extended = part(extended, 386 + 24 * at, 10 * at as u64, 0);
    }
    let extension = part(part(Member::new(0, ""), 0, 5000, 3), 24, 100_000, 4);
    // The extension is no header: no checksum, no type.
    let mut block = extension.encode();
    block[48..].fill(0);
    let mut extended = extended.encode();
    extended.splice(512..512, block);

    let mut bytes = part(part(gnu("gnu"), 386, 5000, 3), 410, 100_000, 4).encode();
    bytes.extend(extended);
    let mut one = b"2\n5000\n3\n100000\n4\n".to_vec();
    one.resize(512, 0);
    one.extend(data);
    bytes.extend(tar([
        Member::file("GNUSparseFile.0/x", data).pax(&[
            ("GNU.sparse.size", b"200000"),
            ("GNU.sparse.numblocks", b"2"),
            ("GNU.sparse.name", b"pax-0.0"),
            ("GNU.sparse.offset", b"5000"),
            ("GNU.sparse.numbytes", b"3"),
            ("GNU.sparse.offset", b"100000"),
            ("GNU.sparse.numbytes", b"4"),
        ]),
        Member::file("x", data).pax(&[
            ("GNU.sparse.major", b"0"),
            ("GNU.sparse.minor", b"1"),
            ("GNU.sparse.size", b"200000"),
            ("GNU.sparse.name", b"pax-0.1"),
            ("GNU.sparse.map", b"5000,3,100000,4"),
        ]),
        Member::file("x", &one).pax(&[
            ("GNU.sparse.major", b"1"),
            ("GNU.sparse.minor", b"0"),
            ("GNU.sparse.realsize", b"200000"),
            ("GNU.sparse.name", b"pax-1.0"),
        ]),
        Member::file("after", b"still in step"),
    ]));
    let seen = Layer::of(&bytes).seen();
    assert_eq!(seen.paths(), ["", "after", "gnu", "gnu-extended", "pax-0.0", "pax-0.1", "pax-1.0"]);
    for path in ["gnu", "gnu-extended", "pax-0.0", "pax-0.1", "pax-1.0"] {
        assert!(seen.content(path) == expected, "{path}");
    }
    assert_eq!(seen.content("after"), b"still in step");
}

#[test]
fn a_hole_of_gigabytes_takes_no_room_on_the_host() {
    use std::os::unix::fs::MetadataExt;
    let size = 6_u64 << 30;
    let member = Member::file("x", b"end").pax(&[
        ("GNU.sparse.size", size.to_string().as_bytes()),
        ("GNU.sparse.name", b"large"),
        ("GNU.sparse.map", format!("{},3", size - 3).as_bytes()),
    ]);
    let layer = Layer::of(&tar([member, Member::file("after", b"1")]));
    assert_eq!(layer.built.size_bytes, size + 1);
    assert!(layer.disk().metadata().unwrap().blocks() * 512 < 1 << 20);
    let reader = crate::erofs::reader::Reader::open(&layer.disk()).unwrap();
    let large = reader.walk(10).map(Result::unwrap).find(|file| file.path == b"large").unwrap();
    let mut end = [1; 8];
    assert_eq!(reader.read_at(&large.inode, size - 7, &mut end).unwrap(), 7);
    assert_eq!(&end[..7], b"\0\0\0\0end");
}

/// A bit of everything, always the same.
fn sample() -> Vec<u8> {
    let contents: Vec<u8> = (0..300_000_u32).map(|at| (at.wrapping_mul(at) >> 7) as u8).collect();
    let mut members = vec![
        Member::directory("./").mode(0o755).mtime(1),
        Member::directory("bin").mtime(2).xattr("user.one", b"1"),
        Member::file("bin/tool", &contents)
            .mode(0o4755)
            .owner(1000, 1000)
            .mtime(3)
            .xattr("security.capability", b"cap"),
        Member::hard_link("bin/same", "bin/tool"),
        Member::symlink("lib", "usr/lib").mtime(4),
        Member::device("dev/null", b'3', 1, 3).mode(0o666),
        Member::file("etc/.wh.old", b""),
        Member::file("var/.wh..wh..opq", b""),
    ];
    members.extend((0..500).map(|at| Member::file(&format!("many/{at}"), &contents[..at * 13]).mtime(at as u64)));
    tar(members)
}

#[test]
fn the_same_tar_gives_the_same_bytes() {
    let tar = sample();
    let disk = Layer::of(&tar).bytes();
    assert!(disk == Layer::of(&tar).bytes());
    // Also when it arrives in pieces of other sizes.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk");
    super::build(InPieces(&tar, 1), &path, &super::Limits::default()).unwrap();
    assert!(disk == std::fs::read(&path).unwrap());
    // And on every machine, in every version: stored layers are known by what they were made from. A change of the
    // layout is a decision; then, and only then, this digest changes.
    assert_eq!(hex::encode(Sha256::digest(&disk)), "9f4b16d818f92d2f54e15b6dba7f58ea7faf78d88479b1bcfad283958b417621");
    assert!(disk != Layer::of(&tar[512..]).bytes());
}

/// Gives its bytes in pieces of ever other sizes, with an interruption now and then.
struct InPieces<'a>(&'a [u8], usize);

impl std::io::Read for InPieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.1 = (self.1 * 31 + 7) % 10_007;
        if self.1.is_multiple_of(5) {
            return Err(std::io::ErrorKind::Interrupted.into());
        }
        let len = self.1.max(1).min(buffer.len()).min(self.0.len());
        buffer[..len].copy_from_slice(&self.0[..len]);
        self.0 = &self.0[len..];
        Ok(len)
    }
}
