//! Why there is no guest image, and what to do about it.

use std::{io, path::PathBuf};

/// An error of the guest image's builder. No message repeats its source.
#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    /// The distribution's kernel package cannot be had.
    #[error(
        "no kernel for the guest ({problem}): run `apt-get update`, put a linux-image-*-cloud-amd64 .deb into {folder}, \
         or give --kernel", folder = folder.display()
    )]
    NoPackage {
        /// What was tried and what came of it.
        problem: String,
        /// Where a package may be put by hand.
        folder: PathBuf,
    },
    /// A kernel package that has not what a kernel package has.
    #[error("the kernel package {package} cannot be used: {problem}", package = package.display())]
    Package {
        /// The package file.
        package: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A file that is no kernel.
    #[error("{path} is no Linux kernel for x86-64 (bzImage)", path = path.display())]
    NoKernel {
        /// The file.
        path: PathBuf,
    },
    /// The agent is missing, or not what can be run as a guest's first process.
    #[error("the agent {path} cannot be used ({problem}): build it with scripts/build, or give --agent", path = path.display())]
    Agent {
        /// Where it was looked for.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The kernel lacks a driver that every guest needs.
    #[error("the kernel {release} has no {module}, neither built in nor as a module: give another by --kernel")]
    NoModule {
        /// The kernel's release.
        release: String,
        /// The module.
        module: String,
    },
    /// A module file that cannot be read as one.
    #[error("the module {path} cannot be used: {problem}", path = path.display())]
    Module {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A file or folder could not be read or written.
    #[error("cannot {action} {path}", path = path.display())]
    File {
        /// A verb: "read", "write".
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
}
