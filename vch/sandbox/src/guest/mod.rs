//! The guest image: a kernel and an initramfs with the agent and just the modules that it needs.
//!
//! The host's start and `vch guest build` call [`build`]. It promises that what it returns is whole: everything is made
//! under a temporary name and renamed, one builder at a time, and what was built before is used again.
//!
//! ```text
//! <folder>/
//!   lock                      held by the builder
//!   *.deb                     kernel packages put here by hand, for hosts without network
//!   kernel/<release>/         unpacked: vmlinuz, modules/
//!   kernel/current            the release in use
//!   image/<release>-<key>/    initrd, image.json; the key is of the agent and the module list
//!   new-*                     unfinished; removed by the next builder
//! ```
//! Nothing is installed on the host, no script of the package runs, and no shell is asked.

mod agent;
mod bzimage;
mod cmdline;
mod error;
mod files;
mod image;
mod initramfs;
mod kernel;
mod modinfo;
mod modules;
mod package;
#[cfg(test)]
mod tests;

pub use cmdline::command_line;
pub use error::GuestError;

use std::path::{Path, PathBuf};

/// Told a line whenever somebody would otherwise wonder what is taking so long.
pub type Say<'a> = &'a (dyn Fn(&str) + Send + Sync);

/// What an image is made of; whatever is not given is found.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// A kernel (bzImage) in place of the distribution's. Its modules are looked for beside it, as a package unpacks
    /// them, and under `/lib/modules`; one without modules has to have its drivers built in.
    pub kernel: Option<PathBuf>,
    /// An initramfs in place of the one made here; then no agent is needed.
    pub initrd: Option<PathBuf>,
    /// The agent: `vch-agent` beside the running program if not given.
    pub agent: Option<PathBuf>,
    /// Whether to look for a newer kernel package, even if there is one unpacked.
    pub refresh: bool,
}

/// A guest that can be booted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestImage {
    /// The kernel.
    pub kernel: PathBuf,
    /// The initramfs.
    pub initrd: PathBuf,
    /// The kernel's release, as `uname -r` tells it in the guest.
    pub release: String,
    /// SHA-256 of kernel and initramfs: 64 hex digits.
    pub digest: String,
}

/// Makes the guest image in `folder`, or finds it there. Takes seconds when a kernel has to be fetched, so it is for a
/// thread that may block.
///
/// # Errors
/// There is no kernel or no agent, or something on the way fails; the error says what to do about it.
pub fn build(folder: &Path, sources: &Sources, say: Say<'_>) -> Result<GuestImage, GuestError> {
    files::make(folder)?;
    let _lock = files::lock(folder)?;
    files::remove_unfinished(folder)?;
    let kernel = match &sources.kernel {
        Some(path) => kernel::given(path)?,
        None => kernel::packaged(folder, sources.refresh, say)?,
    };
    match &sources.initrd {
        Some(initrd) => image::given(kernel, initrd),
        None => image::make(folder, kernel, &agent::find(sources.agent.as_deref())?, say),
    }
}
