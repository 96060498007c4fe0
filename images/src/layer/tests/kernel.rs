//! The same layers seen by the Linux kernel and by GNU tar. Root is needed: tars are unpacked with owners and devices.
//!
//! Where the kernel has EROFS and loop devices, disks are mounted as well; elsewhere the reader alone is compared.

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{FileType, Mode, Timespec, Timestamps, XattrFlags, makedev};
use rustix::process::geteuid;

use super::making::{Member, tar};
use super::seeing::Seen;
use super::{Layer, Limits, build, fsck};

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn require_root() {
    assert!(geteuid().is_root(), "this test unpacks devices and foreign owners: run it as root");
}

/// Something mounted, until it is dropped.
struct Mounted(tempfile::TempDir);

impl Mounted {
    fn kernel_can() -> bool {
        let known = std::fs::read_to_string("/proc/filesystems").unwrap();
        known.contains("\terofs") && known.contains("\toverlay") && Path::new("/dev/loop-control").exists()
    }

    fn new(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap().to_owned();
        run("mount", &[arguments, &[&path]].concat());
        Self(folder)
    }

    fn disk(disk: &Path) -> Self {
        Self::new(&["-t", "erofs", "-o", "ro,loop", disk.to_str().unwrap()])
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

fn set_xattr(path: &Path, name: &str, value: &[u8]) {
    rustix::fs::lsetxattr(path, name, value, XattrFlags::empty()).unwrap();
}

fn set_time(path: &Path, seconds: i64, nanos: i64) {
    let time = Timespec { tv_sec: seconds, tv_nsec: nanos };
    let times = Timestamps { last_access: time, last_modification: time };
    rustix::fs::utimensat(rustix::fs::CWD, path, &times, rustix::fs::AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

/// Makes a tree with all that a file system can hold, and a tar names.
fn make_tree(root: &Path) {
    let at = |name: &str| root.join(name);
    for folder in ["bin", "etc/deep/er", "data", "dev"] {
        std::fs::create_dir_all(at(folder)).unwrap();
    }
    for size in [0_usize, 1, 100, 4031, 4032, 4033, 4095, 4096, 4097, 8192, 70_000] {
        std::fs::write(at(&format!("data/{size}")), (0..size).map(|at| ((at * 31) >> 3) as u8).collect::<Vec<_>>())
            .unwrap();
    }
    for number in 0..400 {
        std::fs::write(at(&format!("data/one-of-many-with-a-rather-long-name-{number}")), vec![b'x'; number * 11])
            .unwrap();
    }
    let sparse = File::create(at("data/sparse")).unwrap();
    sparse.set_len(3_000_000).unwrap();
    sparse.write_all_at(b"middle", 1_000_000).unwrap();
    sparse.write_all_at(b"later", 2_000_001).unwrap();

    std::fs::write(at("bin/tool"), "#!/bin/sh\n").unwrap();
    chown(at("bin/tool"), Some(100_000), Some(70_000)).unwrap();
    std::fs::set_permissions(at("bin/tool"), PermissionsExt::from_mode(0o6755)).unwrap();
    std::fs::hard_link(at("bin/tool"), at("bin/also")).unwrap();
    std::fs::hard_link(at("data/8192"), at("etc/deep/er/blocks")).unwrap();
    symlink("tool", at("bin/link")).unwrap();
    symlink("/etc/".repeat(100), at("bin/long-link")).unwrap();
    rustix::fs::linkat(
        rustix::fs::CWD,
        at("bin/link"),
        rustix::fs::CWD,
        at("bin/link-again"),
        rustix::fs::AtFlags::empty(),
    )
    .unwrap();
    std::os::unix::fs::lchown(at("bin/link"), Some(7), Some(8)).unwrap();
    for name in ["!before-the-dots", "-also", "ümläut", "with space\tand\nnewline"] {
        std::fs::write(at("etc").join(name), name).unwrap();
    }
    std::fs::set_permissions(at("etc/deep"), PermissionsExt::from_mode(0o1777)).unwrap();
    for (name, kind, device) in [
        ("null", FileType::CharacterDevice, makedev(1, 3)),
        ("disk", FileType::BlockDevice, makedev(259, 70_000)),
        ("pipe", FileType::Fifo, 0),
    ] {
        rustix::fs::mknodat(rustix::fs::CWD, at("dev").join(name), kind, Mode::from(0o640), device).unwrap();
    }
    set_xattr(&at("data/100"), "user.mime_type", b"text/plain");
    set_xattr(&at("data/100"), "trusted.note", &[0, 255, 10]);
    set_xattr(&at("etc/deep"), "user.empty", b"");
    set_xattr(&at("bin/link"), "trusted.on-a-link", b"yes");
    // cap_net_bind_service+ep, struct vfs_cap_data of revision 2.
    let capability = [[1, 0, 0, 2], [0, 4, 0, 0], [0; 4], [0; 4], [0; 4]].concat();
    set_xattr(&at("bin/tool"), "security.capability", &capability);

    for (number, path) in Seen::in_folder(root).paths().iter().rev().enumerate() {
        set_time(&root.join(path), 1_500_000_000 + number as i64, 123_456_789);
    }
}

#[test]
fn layers_hold_what_gnu_tar_unpacks() {
    require_root();
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    std::fs::create_dir(&tree).unwrap();
    make_tree(&tree);
    let xattrs = ["--xattrs", "--xattrs-include=*"];
    for (number, options) in [
        &["--format=posix", "--xattrs", "--xattrs-include=*"][..],
        &["--format=posix", "--xattrs", "--xattrs-include=*", "-S", "--sparse-version=0.0"],
        &["--format=posix", "-S", "--sparse-version=0.1"],
        &["--format=posix", "-S", "--sparse-version=1.0", "--hard-dereference"],
        &["--format=gnu", "-S"],
        &["--format=gnu", "--absolute-names"],
    ]
    .into_iter()
    .enumerate()
    {
        let archive = folder.path().join(format!("{number}.tar"));
        let archive_name = archive.to_str().unwrap();
        run("tar", &[options, &["--numeric-owner", "-cf", archive_name, "-C", tree.to_str().unwrap(), "."]].concat());
        let unpacked = folder.path().join(format!("{number}.unpacked"));
        std::fs::create_dir(&unpacked).unwrap();
        let target = ["--numeric-owner", "--same-owner", "-xpf", archive_name, "-C", unpacked.to_str().unwrap()];
        run("tar", &[&xattrs[..], &target].concat());

        let disk = folder.path().join(format!("{number}.erofs"));
        let built = build(File::open(&archive).unwrap(), &disk, &Limits::default()).unwrap();
        fsck(&disk);
        let expected = Seen::in_folder(&unpacked);
        assert!(expected.0.len() > 420);
        Seen::in_image(&disk).assert_same(&expected);
        if Mounted::kernel_can() {
            Seen::in_folder(Mounted::disk(&disk).path()).assert_same(&expected);
        }
        let mut inodes = std::collections::BTreeSet::new();
        let files = walk(&unpacked).into_iter().map(|path| path.symlink_metadata().unwrap());
        let once = files.filter(|file| !file.is_dir() && inodes.insert(file.ino()));
        assert_eq!(
            built.size_bytes,
            once.map(|file| file.len()).sum::<u64>(),
            "Docker's size: lengths, each inode once"
        );
    }
}

fn walk(root: &Path) -> Vec<PathBuf> {
    Seen::in_folder(root).paths().into_iter().map(|path| root.join(path)).collect()
}

#[test]
fn the_kernel_serves_what_gnu_tar_does_not_unpack() {
    require_root();
    if !Mounted::kernel_can() {
        return;
    }
    let acl = [
        &[2, 0, 0, 0][..],
        &[1, 0, 7, 0, 255, 255, 255, 255],
        &[2, 0, 4, 0, 5, 0, 0, 0],
        &[4, 0, 5, 0, 255, 255, 255, 255],
        &[16, 0, 7, 0, 255, 255, 255, 255],
        &[32, 0, 5, 0, 255, 255, 255, 255],
    ]
    .concat();
    let many: Vec<String> = (0..250).map(|at| format!("SCHILY.xattr.user.{at:0200}")).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|key| (key.as_str(), &b"value"[..])).collect();
    let target = "t/".repeat(2047);
    let tar = tar([
        Member::directory("./").pax(&many),
        Member::file("acl", b"x").mode(0o675).xattr("system.posix_acl_access", &acl),
        Member::directory("acl-dir").xattr("system.posix_acl_default", &acl),
        Member::file("many", &[7; 4000]).pax(&many),
        Member::file("large-value", b"x").xattr("user.large", &[9; 65535]),
        Member::symlink("long-link", &target),
        Member::symlink("inline-link", &target[..4032]),
        Member::symlink("block-link", &target[..4033]),
        Member::file("d/.wh.gone", b""),
        Member::file("o/.wh..wh..opq", b""),
    ]);
    let layer = Layer::of(&tar);
    Seen::in_folder(Mounted::disk(&layer.disk()).path()).assert_same(&layer.seen());
}

#[test]
fn layers_overlaid_hide_and_replace_as_docker_has_it() {
    require_root();
    let below = [
        Member::directory("./").mtime(1),
        Member::directory("kept").mtime(2),
        Member::file("kept/same", b"below").mtime(3),
        Member::file("kept/gone", b"below").mtime(3),
        Member::file("kept/changed", b"below").mtime(3),
        Member::directory("opaque").mtime(4),
        Member::file("opaque/gone", b"below").mtime(3),
        Member::directory("gone-dir").mtime(5),
        Member::file("gone-dir/file", b"below").mtime(3),
        Member::directory("replaced").mtime(5),
        Member::file("replaced/gone", b"below").mtime(3),
        Member::file("to-dir", b"below").mtime(3),
    ];
    let above = [
        Member::directory("./").mtime(6),
        Member::directory("kept").mode(0o700).mtime(7),
        Member::file("kept/.wh.gone", b""),
        Member::file("kept/changed", b"above").mtime(8),
        Member::directory("opaque").mtime(9),
        Member::file("opaque/.wh..wh..opq", b""),
        Member::file("opaque/new", b"above").mtime(8),
        Member::file(".wh.gone-dir", b""),
        Member::file(".wh.replaced", b""),
        Member::directory("replaced").mtime(10),
        Member::file("replaced/new", b"above").mtime(8),
        Member::directory("to-dir").mtime(11),
        Member::symlink("link", "kept").mtime(12),
    ];
    let below = Layer::of(&tar(below));
    let above = Layer::of(&tar(above));
    if !Mounted::kernel_can() {
        return;
    }
    let (low, high) = (Mounted::disk(&below.disk()), Mounted::disk(&above.disk()));
    let option = format!("ro,lowerdir={}:{}", high.path().display(), low.path().display());
    let merged = Mounted::new(&["-t", "overlay", "-o", &option, "overlay"]);
    let seen = Seen::in_folder(merged.path());
    assert_eq!(
        seen.paths(),
        ["", "kept", "kept/changed", "kept/same", "link", "opaque", "opaque/new", "replaced", "replaced/new", "to-dir"]
    );
    assert_eq!(seen.content("kept/same"), b"below");
    assert_eq!(seen.content("kept/changed"), b"above");
    assert_eq!(seen.file("kept").mode, 0o700);
    assert_eq!(seen.file("kept").mtime, (7, 0));
    assert_eq!(seen.file("to-dir").kind, "directory");
}

#[test]
fn files_of_gigabytes_are_read_back_by_the_kernel() {
    require_root();
    let size = 5_u64 << 30;
    let member = Member::file("x", b"startend").pax(&[
        ("GNU.sparse.size", size.to_string().as_bytes()),
        ("GNU.sparse.name", b"large"),
        ("GNU.sparse.map", format!("0,5,{},3", size - 3).as_bytes()),
    ]);
    let layer = Layer::of(&tar([Member::file("before", &[1; 5000]), member, Member::file("after", &[2; 5000])]));
    if !Mounted::kernel_can() {
        return;
    }
    let mounted = Mounted::disk(&layer.disk());
    let large = File::open(mounted.path().join("large")).unwrap();
    assert_eq!(large.metadata().unwrap().len(), size);
    let mut bytes = [1; 8];
    large.read_exact_at(&mut bytes, 0).unwrap();
    assert_eq!(&bytes, b"start\0\0\0");
    large.read_exact_at(&mut bytes, size - 8).unwrap();
    assert_eq!(&bytes, b"\0\0\0\0\0end");
    assert_eq!(std::fs::read(mounted.path().join("after")).unwrap(), [2; 5000]);
}
