//! The data root: can it be written, is there room, can files be cloned, does a daemon have it. Nothing is left behind.

use super::finding::Finding;
use crate::lock::{DataRoot, LockError};
use rustix::fs::{Access, Mode, OFlags, access, ioctl_ficlone, open, statvfs};
use std::path::Path;

/// Under this a pull of a usual image may fail, in bytes.
const LITTLE: u64 = 10 << 30;
/// Under this nothing fits, in bytes.
const NOTHING: u64 = 1 << 30;

/// Looks at `root`, which need not exist yet.
pub(crate) fn look(root: &Path) -> Vec<Finding> {
    let Some(folder) = root.ancestors().find(|folder| folder.is_dir()) else {
        return vec![Finding::fail(
            "data root",
            format!("{} is nowhere", root.display()),
            "choose another with --data-root",
        )];
    };
    vec![writable(root, folder), room(folder), reflink(folder)]
}

fn writable(root: &Path, folder: &Path) -> Finding {
    let (name, shown) = ("data root", root.display());
    if root.exists() && folder != root {
        return Finding::fail(name, format!("{shown} is no directory"), "choose another with --data-root");
    }
    if let Err(error) = access(folder, Access::WRITE_OK | Access::EXEC_OK) {
        let finding = format!("{} cannot be written: {error}", folder.display());
        return Finding::fail(name, finding, "run as a user who may write there, or choose another with --data-root");
    }
    if folder != root {
        return Finding::ok(name, format!("{shown} can be made"));
    }
    // Taken for a moment, if it was ever used: that tells whether a daemon lives on it.
    if !root.join("daemon.lock").exists() {
        return Finding::ok(name, format!("{shown} can be written"));
    }
    match DataRoot::take(root) {
        Err(LockError::Held { pid, .. }) => {
            Finding::ok(name, format!("{shown}, in use by the daemon with process ID {pid}"))
        }
        Err(error) => Finding::fail(
            name,
            crate::causes(&error),
            "run as a user who may write there, or choose another with --data-root",
        ),
        Ok(_) => Finding::ok(name, format!("{shown} can be written, and no daemon uses it")),
    }
}

fn room(folder: &Path) -> Finding {
    let name = "disk";
    match statvfs(folder) {
        Err(error) => Finding::warn(name, format!("the free space is not known: {error}"), "check it with df"),
        Ok(sizes) => {
            let free = sizes.f_bavail.saturating_mul(sizes.f_frsize);
            let finding = format!("{} free", super::gib(free));
            match free {
                0..NOTHING => Finding::fail(name, finding, "make room, or choose another --data-root"),
                NOTHING..LITTLE => Finding::warn(name, finding, "images and containers may need more"),
                _ => Finding::ok(name, finding),
            }
        }
    }
}

/// Tries it on two files without a name.
fn reflink(folder: &Path) -> Finding {
    let name = "reflink";
    let tried = || {
        let unnamed = || open(folder, OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR);
        let (from, to) = (unnamed()?, unnamed()?);
        rustix::io::write(&from, &[1; 4096])?;
        ioctl_ficlone(&to, &from)
    };
    match tried() {
        Ok(()) => Finding::ok(name, "files are cloned without copying"),
        // Sparse copies do as well, and the disk of a new container is nearly empty.
        Err(_) => Finding::ok(name, "not offered by this file system (XFS and btrfs do): disks are copied sparsely"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    fn status(root: &Path) -> (Status, String) {
        let first = look(root).swap_remove(0);
        (first.status, first.finding)
    }

    #[test]
    fn data_roots_of_all_kinds() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("a/b");
        let (level, said) = status(&root);
        assert!(level == Status::Ok && said.ends_with("can be made"), "{said}");
        assert!(!folder.path().join("a").exists(), "looking makes nothing");

        let held = DataRoot::take(&root).unwrap();
        let (level, said) = status(&root);
        assert!(level == Status::Ok && said.ends_with(&format!("process ID {}", std::process::id())), "{said}");
        drop(held);
        assert!(status(&root).1.ends_with("no daemon uses it"));

        std::fs::write(folder.path().join("file"), "").unwrap();
        assert_eq!(status(&folder.path().join("file")).0, Status::Fail);
        let (level, said) = status(Path::new("/proc/root-of-nothing"));
        assert!(level == Status::Fail || rustix::process::geteuid().is_root(), "{said}");
    }
}
