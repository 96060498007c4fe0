//! Kernel modules: those that the initramfs brings, in the order of `/modules/order`, a file name a line.

use crate::failure::{report, words};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;

/// Loads every module; one that fails is reported, and missed by whoever needs it.
pub(crate) fn load_all() {
    let order = std::fs::read_to_string("/modules/order").unwrap_or_default();
    for name in order.lines().map(str::trim).filter(|name| !name.is_empty()) {
        let loaded = open(format!("/modules/{name}"), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
            .and_then(|file| rustix::system::finit_module(file, c"", 0));
        match loaded {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => report(&format!("module {name}: {}", words(error))),
        }
    }
}
