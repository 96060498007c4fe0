//! The writer and the reader together, without tar: layouts at the edges, and images made to do harm.

use super::reader::{Kind, ReadError, Reader};
use super::*;
use proptest::prelude::*;

const PLAIN: Attributes = Attributes { mode: 0o644, uid: 0, gid: 0, mtime: 0, mtime_nsec: 0 };

/// Writes one file of each size, its bytes made from its number; and gives the image.
fn image(sizes: &[u64], xattrs: &[Xattr]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    let mut writer = Writer::new(std::fs::File::create_new(&path).unwrap(), 1 << 30).unwrap();
    let mut tree = Tree::new(Attributes { mode: 0o755, ..PLAIN });
    for (number, size) in sizes.iter().enumerate() {
        let ids = writer.intern(xattrs).unwrap();
        let mut file = writer.file(&PLAIN, &ids, *size).unwrap();
        file.write(&content(number, *size)).unwrap();
        let content = file.finish().unwrap();
        tree.add(Tree::ROOT, format!("{number:05}").as_bytes(), PLAIN, ids, Body::File(content));
    }
    let written = writer.finish(&tree, [7; 16], 1 << 20).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(written.file_bytes, bytes.len() as u64);
    assert_eq!(written.inodes, sizes.len() as u64 + 1);
    bytes
}

fn content(number: usize, size: u64) -> Vec<u8> {
    (0..size).map(|at| (at as usize * 7 + number) as u8).collect()
}

#[test]
fn files_of_every_size_around_a_block_come_back() {
    let sizes = [0, 1, 63, 64, 4031, 4032, 4033, 4095, 4096, 4097, 8191, 8192, 8193, 3 << 20, (3 << 20) + 5];
    let xattrs = [(b"user.a".to_vec(), vec![1; 300]), (b"security.b".to_vec(), vec![])];
    for xattrs in [&[][..], &xattrs[..]] {
        let bytes = image(&sizes, xattrs);
        let reader = Reader::new(&bytes[..]).unwrap();
        let files: Vec<_> = reader.walk(100).map(Result::unwrap).skip(1).collect();
        assert_eq!(files.len(), sizes.len());
        for (number, file) in files.iter().enumerate() {
            assert_eq!(file.inode.kind, Kind::File);
            assert!(
                reader.read_all(&file.inode, 4 << 20).unwrap() == content(number, sizes[number]),
                "{}",
                sizes[number]
            );
            let mut expected = xattrs.to_vec();
            expected.sort();
            assert_eq!(reader.xattrs(&file.inode).unwrap(), expected);
        }
    }
}

#[test]
fn many_small_files_fill_several_windows_and_a_large_directory() {
    let sizes: Vec<u64> = (0..3000).map(|number| number * 37 % 4500).collect();
    let bytes = image(&sizes, &[]);
    let reader = Reader::new(&bytes[..]).unwrap();
    let mut count = 0;
    for (number, file) in reader.walk(10_000).map(Result::unwrap).skip(1).enumerate() {
        assert_eq!(file.path, format!("{number:05}").as_bytes());
        assert!(reader.read_all(&file.inode, 1 << 20).unwrap() == content(number, sizes[number]));
        count += 1;
    }
    assert_eq!(count, sizes.len());
    let used: u64 = sizes.iter().sum();
    assert!(reader.blocks() * 4096 < used * 5 / 4 + (1 << 20), "{} blocks for {used} bytes", reader.blocks());
}

#[test]
fn a_file_with_other_bytes_than_announced_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = std::fs::File::create_new(folder.path().join("image")).unwrap();
    let mut writer = Writer::new(file, 1 << 30).unwrap();
    for size in [10, 4096, 5000] {
        let short = writer.file(&PLAIN, &[], size).unwrap();
        assert!(short.finish().is_err());
        let mut long = writer.file(&PLAIN, &[], size).unwrap();
        assert!(long.write(&vec![0; size as usize + 1]).is_err());
    }
}

#[test]
fn the_limit_on_the_image_holds() {
    let folder = tempfile::tempdir().unwrap();
    let file = std::fs::File::create_new(folder.path().join("image")).unwrap();
    let mut writer = Writer::new(file, 1 << 20).unwrap();
    let error = writer.file(&PLAIN, &[], 1 << 40).unwrap().hole(1 << 40).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::FileTooLarge);
}

#[test]
fn what_is_no_image_is_refused() {
    assert!(matches!(Reader::new(&[0_u8; 100][..]), Err(ReadError::NotErofs)));
    assert!(matches!(Reader::new(&[0_u8; 8192][..]), Err(ReadError::NotErofs)));
    let mut bytes = image(&[10], &[]);
    bytes[2000] ^= 1;
    assert!(matches!(Reader::new(&bytes[..]), Err(ReadError::Corrupt { .. })));
}

/// Reads everything there is, up to bounds, and forgets it.
fn read_everything(bytes: &[u8]) {
    let Ok(reader) = Reader::new(bytes) else { return };
    for visited in reader.walk(1000) {
        let Ok(visited) = visited else { return };
        let _ = reader.xattrs(&visited.inode);
        let _ = reader.read_all(&visited.inode, 1 << 20);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn no_damage_to_an_image_makes_the_reader_panic(
        damage in prop::collection::vec((0_usize..16384, any::<u8>()), 1..20)
    ) {
        static IMAGE: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
            let mut bytes = image(&[10, 5000, 4096], &[(b"user.a".to_vec(), b"value".to_vec())]);
            // Without its checksum the superblock's damage is met as well.
            bytes[1024 + 8] = 2;
            bytes
        });
        let mut bytes = IMAGE.clone();
        bytes.truncate(32 << 10);
        for (at, value) in damage {
            bytes[1024 + at] = value;
        }
        read_everything(&bytes);
    }
}
