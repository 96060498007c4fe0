//! The builder on a kernel made up here; and the pieces that its parts' tests are made with.

use super::{kernel::Kernel, *};
use std::{fs, sync::Mutex};
use tempfile::TempDir;

const RELEASE: &str = "6.1.0-9-test";

/// A file that is a kernel as far as its header tells.
pub(super) fn bzimage(version: &str) -> Vec<u8> {
    let mut image = vec![0; 0x1000];
    image[0x202..0x206].copy_from_slice(b"HdrS");
    image[0x20e..0x210].copy_from_slice(&0x400u16.to_le_bytes());
    image[0x600..0x600 + version.len()].copy_from_slice(version.as_bytes());
    image
}

/// The smallest 64-bit ELF file with `text` as its `.modinfo`: header, names, text, three section headers.
pub(super) fn module(text: &str) -> Vec<u8> {
    const NAMES: &[u8] = b"\0.modinfo\0.shstrtab\0";
    let (names_at, text_at) = (64, 64 + NAMES.len());
    let table = (text_at + text.len()).next_multiple_of(8);
    let mut elf = vec![0; 64];
    elf[..6].copy_from_slice(b"\x7fELF\x02\x01");
    elf[40..48].copy_from_slice(&(table as u64).to_le_bytes());
    elf[58..60].copy_from_slice(&64u16.to_le_bytes());
    elf[60..62].copy_from_slice(&3u16.to_le_bytes());
    elf[62..64].copy_from_slice(&2u16.to_le_bytes());
    elf.extend_from_slice(NAMES);
    elf.extend_from_slice(text.as_bytes());
    elf.resize(table, 0);
    for (name, at, size) in [(0u32, 0, 0), (1, text_at, text.len()), (10, names_at, NAMES.len())] {
        let mut header = [0; 64];
        header[..4].copy_from_slice(&name.to_le_bytes());
        header[24..32].copy_from_slice(&(at as u64).to_le_bytes());
        header[32..40].copy_from_slice(&(size as u64).to_le_bytes());
        elf.extend_from_slice(&header);
    }
    elf
}

/// A made-up kernel with modules, laid out as a package unpacks them.
pub(super) struct Tree(TempDir);

impl Tree {
    pub(super) fn new() -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(tree.0.path().join("boot")).unwrap();
        fs::write(tree.image(), bzimage(&format!("{RELEASE} (nobody) #1"))).unwrap();
        tree.write("modules.builtin", b"kernel/fs/ext4/ext4.ko\n");
        for (name, depends) in [
            ("virtio", ""),
            ("virtio_ring", "virtio"),
            ("virtio_pci", "virtio_ring,virtio"),
            ("virtio_console", "virtio"),
            ("scsi_mod", ""),
            ("virtio_scsi", "scsi_mod,virtio"),
            ("sd_mod", "scsi_mod"),
            ("erofs", ""),
            ("overlay", ""),
            ("virtio-rng", "virtio"),
        ] {
            tree.write(&format!("kernel/{name}.ko"), &module(&format!("depends={depends}\0")));
        }
        tree
    }

    fn image(&self) -> PathBuf {
        self.0.path().join("boot/vmlinuz-x")
    }

    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.0.path().join("lib/modules").join(RELEASE).join(file)
    }

    pub(super) fn write(&self, file: &str, bytes: &[u8]) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub(super) fn remove(&self, file: &str) {
        fs::remove_file(self.path(file)).unwrap();
    }

    pub(super) fn kernel(&self) -> Kernel {
        Kernel { image: self.image(), release: RELEASE.to_owned(), modules: Some(self.path("")) }
    }

    fn sources(&self, agent: &[u8]) -> Sources {
        let mut elf = vec![0; 64];
        elf[..6].copy_from_slice(b"\x7fELF\x02\x01");
        elf[18] = 62;
        elf.extend_from_slice(agent);
        let path = self.0.path().join("agent");
        fs::write(&path, elf).unwrap();
        Sources { kernel: Some(self.image()), agent: Some(path), ..Sources::default() }
    }
}

fn built(folder: &Path, sources: &Sources) -> (GuestImage, Vec<String>) {
    let said = Mutex::new(Vec::new());
    let image = build(folder, sources, &|line| said.lock().unwrap().push(line.to_owned())).unwrap();
    (image, said.into_inner().unwrap())
}

fn images(folder: &Path) -> usize {
    fs::read_dir(folder.join("image")).unwrap().count()
}

#[test]
fn an_image_is_built_once_and_again_when_the_agent_changes() {
    let (tree, folder) = (Tree::new(), tempfile::tempdir().unwrap());
    let (first, said) = built(folder.path(), &tree.sources(b"one"));
    assert_eq!((first.release.as_str(), first.digest.len()), (RELEASE, 64));
    assert_eq!(said, ["building the initramfs for 6.1.0-9-test with 10 modules"]);
    let (again, said) = built(folder.path(), &tree.sources(b"one"));
    assert_eq!((again, said.len()), (first.clone(), 0));
    let (other, _) = built(folder.path(), &tree.sources(b"two"));
    assert_ne!(other.digest, first.digest);
    assert!(other.initrd.exists() && !first.initrd.exists() && images(folder.path()) == 1);
}

#[test]
fn the_same_sources_make_the_same_bytes_anywhere() {
    let tree = Tree::new();
    let bytes = || {
        let folder = tempfile::tempdir().unwrap();
        let (image, _) = built(folder.path(), &tree.sources(b"one"));
        (image.digest, fs::read(image.initrd).unwrap())
    };
    assert!(bytes() == bytes());
}

#[test]
fn a_damaged_image_is_built_anew_and_what_was_interrupted_is_removed() {
    let (tree, folder) = (Tree::new(), tempfile::tempdir().unwrap());
    let (first, _) = built(folder.path(), &tree.sources(b"one"));
    fs::write(&first.initrd, "cut short").unwrap();
    fs::create_dir_all(folder.path().join("new-image/half")).unwrap();
    let (again, said) = built(folder.path(), &tree.sources(b"one"));
    assert_eq!((again, said.len()), (first.clone(), 1));
    assert!(fs::metadata(&first.initrd).unwrap().len() > 1000);
    assert!(!folder.path().join("new-image").exists());
    fs::write(first.initrd.with_file_name("image.json"), "{").unwrap();
    assert_eq!(built(folder.path(), &tree.sources(b"one")).0, first);
}

#[test]
fn kernel_and_initramfs_of_ones_own_need_no_agent() {
    let (tree, folder) = (Tree::new(), tempfile::tempdir().unwrap());
    let initrd = folder.path().join("mine");
    fs::write(&initrd, "initramfs").unwrap();
    let sources = Sources { initrd: Some(initrd.clone()), agent: None, ..tree.sources(b"") };
    let (image, said) = built(folder.path(), &sources);
    assert_eq!((image.initrd, said.len()), (initrd.canonicalize().unwrap(), 0));
    let other = Sources { kernel: Some(initrd), ..sources };
    let text = build(folder.path(), &other, &|_| {}).unwrap_err().to_string();
    assert!(text.ends_with("is no Linux kernel for x86-64 (bzImage)"), "{text}");
}

#[test]
fn a_kernel_without_modules_is_taken_at_its_word() {
    let (tree, folder) = (Tree::new(), tempfile::tempdir().unwrap());
    let sources = tree.sources(b"one");
    fs::remove_dir_all(tree.path("")).unwrap();
    let (_, said) = built(folder.path(), &sources);
    assert_eq!(said, ["building the initramfs for 6.1.0-9-test, which has no modules beside it"]);
}

#[test]
fn two_builders_do_not_meet() {
    let (tree, folder) = (Tree::new(), tempfile::tempdir().unwrap());
    let sources = tree.sources(b"one");
    let images = std::thread::scope(|scope| {
        let builders: Vec<_> = (0..4).map(|_| scope.spawn(|| built(folder.path(), &sources))).collect();
        builders.into_iter().map(|builder| builder.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(images.iter().all(|(image, _)| *image == images[0].0));
    assert_eq!(images.iter().map(|(_, said)| said.len()).sum::<usize>(), 1, "one built, three found");
}
