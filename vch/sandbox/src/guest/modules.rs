//! The modules that a guest needs, by dependency, in the order to load them.
//!
//! The image's maker calls [`pick`]. It promises that each module comes after those it needs, that what is built into
//! the kernel is left out, and that a driver without which no machine works is missed here and not in the guest.

use super::{GuestError, files, kernel::Kernel, modinfo};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// Without these there is no machine: its disks, its agent's port, its containers' file systems.
const REQUIRED: &[&str] = &["virtio_pci", "virtio_console", "virtio_scsi", "sd_mod", "erofs", "overlay", "ext4"];
/// With these it has entropy from the host, an interface and shared folders, where the kernel knows them.
const WELCOME: &[&str] = &["virtio_rng", "virtio_net", "fuse"];
/// How deep folders of modules may lie.
const DEPTH: usize = 12;

/// One module, ready for the archive.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Module {
    /// Its file name there.
    pub(super) file: String,
    /// Its plain bytes.
    pub(super) bytes: Vec<u8>,
}

/// The modules for a guest of `kernel`, in the order to load them; none for a kernel that has no modules at all, whose
/// drivers must be built in then.
///
/// # Errors
/// The kernel lacks a required driver, or a module cannot be read.
pub(super) fn pick(kernel: &Kernel) -> Result<Vec<Module>, GuestError> {
    let Some(folder) = &kernel.modules else { return Ok(Vec::new()) };
    let mut picker = Picker {
        files: index(folder)?,
        built_in: built_in(folder)?,
        release: &kernel.release,
        seen: BTreeSet::new(),
        order: Vec::new(),
    };
    for name in REQUIRED {
        picker.add(name, true)?;
    }
    for name in WELCOME {
        picker.add(name, false)?;
    }
    Ok(picker.order)
}

struct Picker<'a> {
    files: BTreeMap<String, PathBuf>,
    built_in: BTreeSet<String>,
    release: &'a str,
    /// Asked for already; also what keeps a circle of preferences from going round for ever.
    seen: BTreeSet<String>,
    order: Vec<Module>,
}

impl Picker<'_> {
    fn add(&mut self, name: &str, required: bool) -> Result<(), GuestError> {
        let name = modinfo::normal(name);
        if self.built_in.contains(&name) || self.seen.contains(&name) {
            return Ok(());
        }
        let Some(path) = self.files.get(&name).cloned() else {
            let missing = GuestError::NoModule { release: self.release.to_owned(), module: name };
            return if required { Err(missing) } else { Ok(()) };
        };
        self.seen.insert(name.clone());
        let bytes = modinfo::load(&path)?;
        let info = modinfo::parse(&bytes)
            .ok_or_else(|| GuestError::Module { path, problem: "it is no kernel module for x86-64".to_owned() })?;
        for other in &info.prefers {
            self.add(other, false)?;
        }
        for other in &info.depends {
            self.add(other, true)?;
        }
        self.order.push(Module { file: format!("{name}.ko"), bytes });
        Ok(())
    }
}

/// Every module below `folder` by its name. Links are not followed: `build` and `source` lead out of the folder.
fn index(folder: &Path) -> Result<BTreeMap<String, PathBuf>, GuestError> {
    let mut found = BTreeMap::new();
    let mut folders = vec![(folder.to_path_buf(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        for path in files::entries(&folder)? {
            let Ok(metadata) = path.symlink_metadata() else { continue };
            if metadata.is_dir() && depth < DEPTH {
                folders.push((path, depth + 1));
            } else if let Some(name) = module_name(&path).filter(|_| metadata.is_file()) {
                found.insert(name, path);
            }
        }
    }
    Ok(found)
}

/// The names in `modules.builtin`, a path a line.
fn built_in(folder: &Path) -> Result<BTreeSet<String>, GuestError> {
    let path = folder.join("modules.builtin");
    if !path.exists() {
        return Ok(BTreeSet::new());
    }
    let text = files::read(&path)?;
    Ok(String::from_utf8_lossy(&text).lines().filter_map(|line| module_name(Path::new(line))).collect())
}

/// `kernel/drivers/char/virtio-rng.ko.xz` is the module `virtio_rng`.
fn module_name(path: &Path) -> Option<String> {
    let (name, packing) = path.file_name()?.to_str()?.rsplit_once(".ko")?;
    ["", ".xz", ".gz", ".zst"].contains(&packing).then(|| modinfo::normal(name))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Tree, module};
    use super::*;

    fn order(tree: &Tree) -> Result<Vec<String>, GuestError> {
        Ok(pick(&tree.kernel())?.into_iter().map(|module| module.file).collect())
    }

    #[test]
    fn each_comes_after_what_it_needs_and_built_in_ones_do_not_come() {
        let tree = Tree::new();
        let order = order(&tree).unwrap();
        let at =
            |name: &str| order.iter().position(|file| file == name).unwrap_or_else(|| panic!("{name} in {order:?}"));
        assert!(at("virtio.ko") < at("virtio_ring.ko") && at("virtio_ring.ko") < at("virtio_pci.ko"));
        assert!(at("scsi_mod.ko") < at("virtio_scsi.ko"));
        assert!(at("virtio_rng.ko") > at("overlay.ko"), "welcome ones come last");
        assert!(!order.contains(&"ext4.ko".to_owned()), "it is built in");
        assert!(!order.contains(&"fuse.ko".to_owned()), "this kernel has none");
        assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), order.len());
    }

    #[test]
    fn a_required_driver_that_is_missing_is_named() {
        let tree = Tree::new();
        tree.remove("kernel/erofs.ko");
        let text = order(&tree).unwrap_err().to_string();
        assert!(text.starts_with("the kernel 6.1.0-9-test has no erofs"), "{text}");
        let tree = Tree::new();
        tree.remove("kernel/virtio_ring.ko");
        assert!(order(&tree).unwrap_err().to_string().contains("no virtio_ring"));
    }

    #[test]
    fn a_circle_of_preferences_ends_and_links_are_not_followed() {
        let tree = Tree::new();
        tree.write("kernel/erofs.ko", &module("depends=\0softdep=pre: overlay\0"));
        tree.write("kernel/overlay.ko", &module("depends=\0softdep=pre: erofs nowhere\0"));
        std::os::unix::fs::symlink("/", tree.path("build")).unwrap();
        let order = order(&tree).unwrap();
        assert!(order.contains(&"erofs.ko".to_owned()) && order.contains(&"overlay.ko".to_owned()));
    }

    #[test]
    fn a_file_that_is_no_module_is_named() {
        let tree = Tree::new();
        tree.write("kernel/overlay.ko", b"#!/bin/sh");
        assert!(order(&tree).unwrap_err().to_string().contains("overlay.ko cannot be used: it is no kernel module"));
    }

    #[test]
    fn a_kernel_without_modules_needs_none() {
        let kernel = Kernel { modules: None, ..Tree::new().kernel() };
        assert_eq!(pick(&kernel).unwrap(), []);
    }
}
