//! The guest's kernel: the distribution's, unpacked in the builder's folder, or one that the user names.

use super::{GuestError, Say, bzimage, files, package};
use std::path::{Path, PathBuf};

/// Where a release's file or folder may lie in a package: before and after distributions merged `/lib` into `/usr/lib`.
const MODULES: &[&str] = &["lib/modules", "usr/lib/modules"];

/// A kernel and its modules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kernel {
    /// The bzImage.
    pub(super) image: PathBuf,
    /// What `uname -r` will say.
    pub(super) release: String,
    /// Folder of its modules, where it has any.
    pub(super) modules: Option<PathBuf>,
}

/// The kernel at `path`; its modules lie as a package unpacks them, `../lib/modules/<release>`, or where the host has
/// them.
///
/// # Errors
/// It is not there, or no kernel.
pub(super) fn given(path: &Path) -> Result<Kernel, GuestError> {
    let path = path.canonicalize().map_err(files::failed("read", path))?;
    let release = release(&path)?;
    let above = path.parent().and_then(Path::parent);
    let places = above.into_iter().chain([Path::new("/")]).flat_map(|root| MODULES.iter().map(move |m| root.join(m)));
    let modules = places.map(|place| place.join(&release)).find(|folder| folder.is_dir());
    Ok(Kernel { image: path, release, modules })
}

/// The distribution's kernel, unpacked below `folder`; fetched if there is none or `refresh` asks for a newer.
///
/// # Errors
/// There is no package to be had, or it is damaged.
pub(super) fn packaged(folder: &Path, refresh: bool, say: Say<'_>) -> Result<Kernel, GuestError> {
    let current = folder.join("kernel/current");
    if !refresh && let Some(kernel) = current_kernel(folder, &current) {
        return Ok(kernel);
    }
    let new = files::unfinished(folder, "kernel")?;
    let download = new.join("download");
    let tree = new.join("tree");
    files::make(&download)?;
    files::make(&tree)?;
    let package = package::fetch(folder, &download, say)?;
    say(&format!("unpacking {}", files::name(&package)));
    package::unpack(&package, &tree)?;
    let release = arrange(&package, &tree, &new.join("kernel"))?;
    files::finish(&new.join("kernel"), &folder.join("kernel").join(&release))?;
    let pointer = folder.join("kernel/current.new");
    files::write(&pointer, release.as_bytes())?;
    std::fs::rename(&pointer, &current).map_err(files::failed("write", &current))?;
    files::remove_unfinished(folder)?;
    remove_others(&folder.join("kernel"), &release)?;
    current_kernel(folder, &current).ok_or_else(|| GuestError::NoKernel { path: folder.join("kernel").join(release) })
}

/// The kernel that `current` names, if it is whole.
fn current_kernel(folder: &Path, current: &Path) -> Option<Kernel> {
    let name = String::from_utf8(files::read(current).ok()?).ok()?;
    let home = folder.join("kernel").join(&name);
    let image = home.join("vmlinuz");
    let modules = home.join("modules");
    let release = release(&image).ok()?;
    (release == name && modules.is_dir()).then_some(Kernel { image, release, modules: Some(modules) })
}

/// Takes kernel and modules out of an unpacked package, and returns the release.
fn arrange(package: &Path, tree: &Path, home: &Path) -> Result<String, GuestError> {
    let wrong = |problem: &str| GuestError::Package { package: package.to_path_buf(), problem: problem.to_owned() };
    let images = files::entries(&tree.join("boot"))?;
    let image = images
        .iter()
        .find(|path| files::name(path).starts_with("vmlinuz-"))
        .ok_or_else(|| wrong("it has no kernel"))?;
    let release = release(image)?;
    let modules = MODULES.iter().map(|place| tree.join(place).join(&release)).find(|folder| folder.is_dir());
    let modules = modules.ok_or_else(|| wrong("it has no modules"))?;
    files::make(home)?;
    let moves = [(image.as_path(), home.join("vmlinuz")), (&modules, home.join("modules"))];
    for (from, to) in moves {
        std::fs::rename(from, &to).map_err(files::failed("write", &to))?;
    }
    Ok(release)
}

/// Removes the kernels that are not in use any more.
fn remove_others(folder: &Path, release: &str) -> Result<(), GuestError> {
    for path in files::entries(folder)?.iter().filter(|path| path.is_dir() && files::name(path) != release) {
        std::fs::remove_dir_all(path).map_err(files::failed("remove", path))?;
    }
    Ok(())
}

fn release(image: &Path) -> Result<String, GuestError> {
    bzimage::release(&files::read(image)?).ok_or_else(|| GuestError::NoKernel { path: image.to_path_buf() })
}
