//! Blanks and clones as e2fsprogs and the kernel see them. They need `e2fsprogs`.

use std::os::unix::fs::MetadataExt;

use super::*;

fn tool(program: &str, arguments: &[&str], path: &Path) -> String {
    let output = Command::new(program)
        .args(arguments)
        .arg(path)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C")
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}: install e2fsprogs"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{program}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

fn allocated(path: &Path) -> u64 {
    path.metadata().unwrap().blocks() * 512
}

#[test]
fn a_blank_is_a_sound_small_ext4() {
    let folder = tempfile::tempdir().unwrap();
    let blank = blank(folder.path(), 10 << 30).unwrap();
    assert_eq!(blank.metadata().unwrap().len(), 10 << 30);
    assert!(allocated(&blank) < 1 << 20, "{} bytes", allocated(&blank));
    tool("e2fsck", &["-f", "-n"], &blank);
    let about = tool("dumpe2fs", &[], &blank);
    for line in [
        "Filesystem volume name:   vch-scratch",
        "Reserved block count:     0",
        "Reserved blocks uid:      0 (user root)",
        "Block size:               4096",
        "Total journal size:       64M",
        "Inode count:              1310720",
    ] {
        assert!(about.contains(line), "{line}: {about}");
    }
    let (groups, zeroed) = (about.matches(": (Blocks ").count(), about.matches("ITABLE_ZEROED").count());
    assert!(groups >= 80 && groups == zeroed, "{zeroed} of {groups} groups need no zeroing by the guest");
}

#[test]
fn a_blank_is_made_once_and_sizes_are_rounded_up() {
    let folder = tempfile::tempdir().unwrap();
    let first = blank(folder.path(), MIN_BYTES).unwrap();
    let inode = first.metadata().unwrap().ino();
    assert_eq!(blank(folder.path(), MIN_BYTES - 5).unwrap(), first);
    assert_eq!(first.metadata().unwrap().ino(), inode);
    let larger = blank(folder.path(), MIN_BYTES + 1).unwrap();
    assert_eq!(larger.metadata().unwrap().len(), MIN_BYTES + STEP);
    assert_eq!(folder.path().read_dir().unwrap().count(), 2);
}

#[test]
fn many_may_ask_for_the_same_blank_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = std::thread::scope(|scope| {
        let ask = || scope.spawn(|| blank(folder.path(), 64 << 20).unwrap());
        let threads: Vec<_> = (0..8).map(|_| ask()).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(paths.windows(2).all(|pair| pair[0] == pair[1]));
    tool("e2fsck", &["-f", "-n"], &paths[0]);
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for size in [0, 1 << 20, MAX_BYTES + 1, u64::MAX] {
        assert!(matches!(blank(folder.path(), size), Err(ScratchError::Size(refused)) if refused == size));
    }
    assert!(matches!(blank(&folder.path().join("missing"), 1 << 30), Err(ScratchError::Io { .. })));
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

#[test]
fn a_clone_is_the_same_and_as_sparse() {
    let folder = tempfile::tempdir().unwrap();
    let blank = blank(folder.path(), 256 << 20).unwrap();
    let to = folder.path().join("clone");
    clone(&blank, &to).unwrap();
    assert_eq!(to.metadata().unwrap().len(), 256 << 20);
    assert!(allocated(&to) <= allocated(&blank) + (64 << 10));
    tool("e2fsck", &["-f", "-n"], &to);
    tool("cmp", &[blank.to_str().unwrap()], &to);
    assert!(matches!(clone(&blank, &to), Err(ScratchError::Io { .. })), "an existing disk is never overwritten");
    assert!(to.exists());
}

#[test]
fn data_is_copied_wherever_it_lies() {
    let folder = tempfile::tempdir().unwrap();
    for (number, parts) in
        [&[][..], &[0], &[1 << 30], &[0, 5 << 20, (1 << 30) - 3], &[(3 << 30) - 5]].iter().enumerate()
    {
        let from = folder.path().join(format!("from-{number}"));
        let file = File::create_new(&from).unwrap();
        file.set_len(3 << 30).unwrap();
        for offset in *parts {
            file.write_all_at(b"data!", *offset).unwrap();
        }
        let target = File::create_new(folder.path().join(format!("to-{number}"))).unwrap();
        copy_data(&file, &target).unwrap();
        assert_eq!(target.metadata().unwrap().len(), 3 << 30);
        for offset in *parts {
            let mut found = [0; 5];
            target.read_exact_at(&mut found, *offset).unwrap();
            assert_eq!(&found, b"data!");
        }
        assert!(target.metadata().unwrap().blocks() * 512 <= parts.len() as u64 * (128 << 10));
    }
}

#[test]
fn a_clone_that_fails_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("clone");
    assert!(clone(&folder.path().join("missing"), &to).is_err());
    assert!(clone(folder.path(), &to).is_err(), "a folder is no blank");
    assert!(!to.exists());
}
