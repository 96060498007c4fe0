//! What a layer holds, seen through the reader or through the kernel, in one form to be compared.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::erofs::reader::{Kind, Reader};

/// One file.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct File {
    /// Type, and what goes with it: a target, a device number.
    pub(super) kind: String,
    pub(super) mode: u32,
    pub(super) owner: (u32, u32),
    pub(super) mtime: (i64, u32),
    pub(super) xattrs: Vec<(String, Vec<u8>)>,
    pub(super) content: Vec<u8>,
    /// The first path, in order, of the same inode.
    pub(super) same_as: String,
    /// Names of it, of a directory always 0: file systems count them in their own ways.
    pub(super) links: u64,
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, mode, owner, mtime, xattrs, content, same_as, links } = self;
        let start = String::from_utf8_lossy(&content[..content.len().min(20)]).into_owned();
        write!(
            f,
            "{kind} {mode:o} {owner:?} {mtime:?} {xattrs:?} {} bytes {start:?} = {same_as} of {links}",
            content.len()
        )
    }
}

/// All files by path; the root's is empty.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen(pub(super) BTreeMap<String, File>);

impl Seen {
    /// Through the reader.
    pub(super) fn in_image(disk: &Path) -> Self {
        let reader = Reader::open(disk).unwrap();
        let (mut files, mut first) = (BTreeMap::new(), BTreeMap::new());
        let (mut inodes, mut blocks) = (std::collections::BTreeSet::new(), 0);
        for visited in reader.walk(1_000_000) {
            let visited = visited.unwrap();
            let inode = &visited.inode;
            let path = String::from_utf8_lossy(&visited.path).into_owned();
            let content = match inode.kind {
                Kind::File | Kind::Symlink => reader.read_all(inode, 1 << 30).unwrap(),
                _ => Vec::new(),
            };
            let (kind, content) = match inode.kind {
                Kind::Directory => ("directory".to_owned(), content),
                Kind::File => ("file".to_owned(), content),
                Kind::Symlink => (format!("-> {}", String::from_utf8_lossy(&content)), Vec::new()),
                Kind::CharDevice(rdev) => (format!("char {}", rdev_text(rdev)), content),
                Kind::BlockDevice(rdev) => (format!("block {}", rdev_text(rdev)), content),
                Kind::Fifo => ("fifo".to_owned(), content),
                Kind::Socket => ("socket".to_owned(), content),
            };
            inodes.insert(inode.number);
            blocks = blocks.max(inode.number * 32 / 4096 + 1);
            let links = if inode.kind == Kind::Directory { 0 } else { u64::from(inode.links) };
            files.insert(
                path.clone(),
                File {
                    kind,
                    mode: u32::from(inode.attributes.mode),
                    owner: (inode.attributes.uid, inode.attributes.gid),
                    mtime: (inode.attributes.mtime, inode.attributes.mtime_nsec),
                    xattrs: text_names(reader.xattrs(inode).unwrap()),
                    content,
                    same_as: first.entry(inode.number).or_insert(path).clone(),
                    links,
                },
            );
        }
        assert_eq!(reader.inode_count(), inodes.len() as u64);
        assert!(blocks <= reader.blocks());
        Self(files)
    }

    /// Through the kernel.
    pub(super) fn in_folder(root: &Path) -> Self {
        let (mut files, mut numbers) = (BTreeMap::new(), BTreeMap::new());
        let mut paths = vec![root.to_owned()];
        while let Some(path) = paths.pop() {
            let metadata = path.symlink_metadata().unwrap();
            let kind = metadata.file_type();
            let mut content = Vec::new();
            let rdev = || {
                let rdev = metadata.rdev();
                format!("{}:{}", rustix::fs::major(rdev), rustix::fs::minor(rdev))
            };
            let kind = if kind.is_dir() {
                paths.extend(path.read_dir().unwrap().map(|entry| entry.unwrap().path()));
                "directory".to_owned()
            } else if kind.is_symlink() {
                format!("-> {}", path.read_link().unwrap().to_string_lossy())
            } else if kind.is_char_device() {
                format!("char {}", rdev())
            } else if kind.is_block_device() {
                format!("block {}", rdev())
            } else if kind.is_fifo() {
                "fifo".to_owned()
            } else {
                content = std::fs::read(&path).unwrap();
                "file".to_owned()
            };
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            numbers.insert(name.clone(), metadata.ino());
            files.insert(
                name,
                File {
                    mode: metadata.mode() & 0o7777,
                    owner: (metadata.uid(), metadata.gid()),
                    mtime: (metadata.mtime(), metadata.mtime_nsec() as u32),
                    xattrs: text_names(xattrs_of(&path)),
                    content,
                    same_as: String::new(),
                    links: if kind == "directory" { 0 } else { metadata.nlink() },
                    kind,
                },
            );
        }
        let mut seen = Self(files);
        let mut first: BTreeMap<u64, String> = BTreeMap::new();
        for (path, number) in seen.walk_order().into_iter().map(|path| (path.clone(), numbers[&path])) {
            let same_as = first.entry(number).or_insert_with(|| path.clone()).clone();
            if let Some(file) = seen.0.get_mut(&path) {
                file.same_as = same_as;
            }
        }
        seen
    }

    /// Paths in the order of a walk, names in order: not the order of the paths as text.
    fn walk_order(&self) -> Vec<String> {
        let mut paths: Vec<String> = self.0.keys().cloned().collect();
        paths.sort_by(|a, b| a.split('/').cmp(b.split('/')));
        paths
    }

    pub(super) fn paths(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    pub(super) fn file(&self, path: &str) -> &File {
        self.0.get(path).unwrap_or_else(|| panic!("no {path:?} among {:?}", self.paths()))
    }

    pub(super) fn content(&self, path: &str) -> &[u8] {
        let file = self.file(path);
        assert_eq!(file.kind, "file");
        &file.content
    }

    pub(super) fn is_opaque(&self, path: &str) -> bool {
        self.file(path).xattrs.iter().any(|(name, value)| name == "trusted.overlay.opaque" && value == b"y")
    }

    /// Fails with the differing files only.
    pub(super) fn assert_same(&self, other: &Self) {
        for path in self.0.keys().chain(other.0.keys()) {
            assert_eq!(self.0.get(path), other.0.get(path), "{path:?}");
        }
    }
}

fn rdev_text(rdev: u32) -> String {
    format!("{}:{}", rdev >> 8 & 0xfff, rdev & 0xff | rdev >> 12 & 0xf_ff00)
}

fn text_names(xattrs: Vec<(Vec<u8>, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
    xattrs.into_iter().map(|(name, value)| (String::from_utf8_lossy(&name).into_owned(), value)).collect()
}

fn xattrs_of(path: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut names = vec![0; 1 << 16];
    let len = rustix::fs::llistxattr(path, names.as_mut_slice()).unwrap();
    let mut found: Vec<_> = names[..len]
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
        .map(|name| {
            let mut value = vec![0; 1 << 16];
            let len = rustix::fs::lgetxattr(path, OsStr::from_bytes(name), value.as_mut_slice()).unwrap();
            value.truncate(len);
            (name.to_vec(), value)
        })
        .collect();
    found.sort();
    found
}

/// Has `fsck.erofs` check `disk`, contents included unless they are gigabytes of zeros.
pub(super) fn fsck(disk: &Path) {
    let contents = disk.metadata().unwrap().len() < 1 << 30;
    let output = Command::new(fsck_program()).args(contents.then_some("--extract")).arg(disk).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && !text.contains("<E>") && !text.contains("<W>"), "fsck.erofs: {text}");
}

/// `fsck.erofs` from `VCH_FSCK_EROFS`, from `PATH`, or as `scripts/fetch-erofs-utils` left it.
fn fsck_program() -> PathBuf {
    let fetched = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.vch/erofs-utils/bin/fsck.erofs");
    let in_path: Option<Vec<PathBuf>> = std::env::var_os("PATH")
        .map(|path| std::env::split_paths(&path).map(|folder| folder.join("fsck.erofs")).collect());
    std::env::var_os("VCH_FSCK_EROFS")
        .map(PathBuf::from)
        .into_iter()
        .chain(in_path.unwrap_or_default())
        .chain([fetched])
        .find(|program| program.is_file())
        .expect(
            "fsck.erofs (erofs-utils 1.8 or later) is missing: run scripts/fetch-erofs-utils, or set VCH_FSCK_EROFS",
        )
}
