//! The root file system: image layers (EROFS partitions) below, the scratch disk (ext4) above, joined by overlayfs.
//!
//! Everything is mounted in the child's own mount namespace, on mount points that boot made, so it goes when the
//! container's last process goes.

use crate::boot::{MAX_LAYERS, STAGE};
use crate::disks::{self, Wanted};
use crate::failure::{Explain, Failure, FailureClass, failure};
use rustix::fs::{Gid, Mode, Uid, chmod, chown, mkdir, stat};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount};
use std::ffi::CString;
use vch_agent_proto::Rootfs;

/// The scratch disk needs no initialised inode tables; left alone, the kernel would write them all in the background.
const SCRATCH_OPTIONS: &std::ffi::CStr = c"noinit_itable";

/// The container's changes, below [`STAGE`].
pub(crate) const UPPER: &str = "s/upper";

/// Mounts the layers, the scratch disk and the overlay on [`STAGE`]`/r`.
///
/// # Errors
/// A disk does not appear or cannot be mounted.
pub(crate) fn assemble(rootfs: &Rootfs) -> Result<(), Failure> {
    let mut layers = mount_disks(rootfs)?;
    make_upper(layers.last().map_or("b", String::as_str))
        .explain(FailureClass::Mount, |why| format!("make the container's writable layer: {why}"))?;
    // Names are short and relative: all options together must fit one page.
    layers.reverse();
    let options = format!(
        "lowerdir={},upperdir={UPPER},workdir=s/work,index=off,redirect_dir=off,metacopy=off",
        layers.join(":")
    );
    let options = CString::new(options).map_err(|_| failure(FailureClass::Mount, "overlay options have a NUL"))?;
    mount("overlay", "r", "overlay", MountFlags::empty(), options.as_c_str())
        .explain(FailureClass::Mount, |why| format!("mount the overlay of {} layers: {why}", rootfs.layers))
}

/// Joins layers, the lowest first, without anything above them; returns the folder.
///
/// # Errors
/// The kernel refuses.
pub(crate) fn mount_image(mut layers: Vec<String>) -> Result<String, Failure> {
    // An overlay has two layers or more.
    if layers.len() < 2 {
        return Ok(layers.pop().unwrap_or_else(|| "b".to_owned()));
    }
    layers.reverse();
    let options = CString::new(format!("lowerdir={}", layers.join(":")))
        .map_err(|_| failure(FailureClass::Mount, "overlay options have a NUL"))?;
    mount("overlay", "r", "overlay", MountFlags::RDONLY, options.as_c_str())
        .explain(FailureClass::Mount, |why| format!("mount the image's layers: {why}"))?;
    Ok("r".to_owned())
}

/// Mounts the layers and the scratch disk, each on its own, and enters [`STAGE`]. Returns the layers' folders there, the
/// lowest (the base layer) first; what the container changed is in [`UPPER`], where it ever started.
///
/// # Errors
/// A disk does not appear or cannot be mounted.
pub(crate) fn mount_disks(rootfs: &Rootfs) -> Result<Vec<String>, Failure> {
    if rootfs.layers > MAX_LAYERS {
        let message = format!("{} layers exceed the {MAX_LAYERS} that a container can have", rootfs.layers);
        return Err(failure(FailureClass::Mount, message));
    }
    let image = rootfs.image.filter(|_| rootfs.layers > 0);
    let mut wanted: Vec<Wanted> = image.map(|disk| Wanted { disk, partitions: rootfs.layers }).into_iter().collect();
    wanted.push(Wanted { disk: rootfs.scratch, partitions: 0 });
    let names = disks::find(&wanted)?;

    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .explain(FailureClass::Mount, |why| format!("make mounts private: {why}"))?;
    rustix::process::chdir(STAGE).explain(FailureClass::Mount, |why| format!("enter {STAGE}: {why}"))?;
    let mut layers = vec!["b".to_owned()];
    if let (Some(_), Some(disk)) = (image, names.first()) {
        for number in 1..=rootfs.layers {
            let target = (number - 1).to_string();
            attach(&format!("/dev/{disk}{number}"), &target, "erofs", MountFlags::RDONLY, None)?;
            layers.push(target);
        }
    }
    if let Some(disk) = names.last() {
        attach(&format!("/dev/{disk}"), "s", "ext4", MountFlags::empty(), Some(SCRATCH_OPTIONS))?;
    }
    Ok(layers)
}

fn attach(
    device: &str,
    target: &str,
    kind: &str,
    flags: MountFlags,
    options: Option<&std::ffi::CStr>,
) -> Result<(), Failure> {
    mount(device, target, kind, flags, options)
        .explain(FailureClass::Mount, |why| format!("mount {kind} from {device}: {why}"))
}

/// The upper directory is the container's root: it begins with the mode and owner of the topmost layer's.
fn make_upper(top: &str) -> Result<(), Errno> {
    match mkdir("s/work", Mode::from_raw_mode(0o700)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(error),
    }
    match mkdir(UPPER, Mode::from_raw_mode(0o755)) {
        Ok(()) => {}
        Err(Errno::EXIST) => return Ok(()),
        Err(error) => return Err(error),
    }
    let root = stat(top)?;
    chown(UPPER, Some(Uid::from_raw(root.st_uid)), Some(Gid::from_raw(root.st_gid)))?;
    chmod(UPPER, Mode::from_raw_mode(root.st_mode & 0o7777))
}

/// Makes [`STAGE`]`/r` the root, and lets go of the machine's.
///
/// # Errors
/// The kernel refuses.
pub(crate) fn enter() -> Result<(), Failure> {
    let explain = |what: &'static str| move |why: &str| format!("{what}: {why}");
    rustix::process::chdir("r").explain(FailureClass::Mount, explain("enter the container's root"))?;
    rustix::process::pivot_root(".", ".").explain(FailureClass::Mount, explain("pivot_root"))?;
    // The old root now lies over the new one, at the same place.
    unmount(".", UnmountFlags::DETACH).explain(FailureClass::Mount, explain("let go of the machine's root"))?;
    rustix::process::chdir("/").explain(FailureClass::Mount, explain("enter the container's root"))
}
