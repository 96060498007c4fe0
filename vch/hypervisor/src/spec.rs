//! What a machine is to be: plain data that the sandbox room fills in and every hypervisor understands.
//!
//! [`MachineSpec::check`] is the one gate: past it, names, paths and numbers are known to be fit for a command line.

use crate::{HypervisorError, Result};
use std::{
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::{Path, PathBuf},
};

/// Largest LUN that virtio-scsi's flat addressing can name (virtio 1.2, section 5.6.6.1).
pub const MAX_LUN: u16 = 16383;

/// Who runs the guest's instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Accel {
    /// The processor, through `/dev/kvm`.
    Kvm,
    /// QEMU's translator. Works everywhere; not a security boundary by QEMU's own policy.
    Tcg,
}

impl std::fmt::Display for Accel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        })
    }
}

/// Whether what the guest writes to its memory reaches the memory file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// It does: for the template while it boots, and for nobody after it was saved.
    Shared,
    /// It does not; touched pages are the machine's own: for clones.
    Private,
}

/// The guest's memory.
#[derive(Debug, Clone)]
pub struct Memory {
    /// The file that backs it; for [`Sharing::Shared`] made and sized if missing.
    pub file: PathBuf,
    /// Its size in MiB.
    pub mib: u32,
    /// Who sees the guest's writes.
    pub sharing: Sharing,
}

/// How the machine starts.
#[derive(Debug, Clone)]
pub enum Boot {
    /// From a kernel.
    Kernel {
        /// Linux kernel image (bzImage).
        kernel: PathBuf,
        /// Its initial RAM file system.
        initrd: PathBuf,
        /// Its command line, at most 2047 bytes.
        command_line: String,
    },
    /// From a state that [`Machine::save`](crate::Machine::save) wrote; given later by
    /// [`Machine::restore`](crate::Machine::restore), so that a waiting process can be made ahead of need.
    Restore,
}

/// A network interface.
#[derive(Debug)]
pub struct Nic {
    /// Its hardware address at power-on. A clone has the template's until the agent sets another.
    pub mac: [u8; 6],
    /// An open tap device.
    pub tap: OwnedFd,
}

/// One machine to be.
#[derive(Debug)]
pub struct MachineSpec {
    /// `[a-z0-9-]{1,64}`; seen in process lists and messages.
    pub name: String,
    /// Who runs the guest's instructions.
    pub accel: Accel,
    /// CPU model and features as QEMU writes them: `Nehalem`, `host,-arch-capabilities`.
    pub cpu: String,
    /// Number of virtual CPUs, 1 to 255.
    pub vcpus: u32,
    /// Its memory.
    pub memory: Memory,
    /// How it starts.
    pub boot: Boot,
    /// Name of the agent's virtio-serial port, as the guest finds it under `/sys/class/virtio-ports/*/name`.
    pub agent_port: &'static str,
    /// The machine's own folder; exists, mode 0700. Holds its sockets, `qemu.pid` and `qemu.log`.
    pub directory: PathBuf,
    /// Its network interface, if any. Template and clone must agree on having one.
    pub nic: Option<Nic>,
}

/// Format of a disk's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskFormat {
    /// The disk's bytes as they are.
    Raw,
    /// A VMDK descriptor, whose extents lie where it says. Only for descriptors that the host wrote itself.
    Vmdk,
}

/// A disk to attach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskSpec {
    /// Where the guest finds it: logical unit of target 0, at most [`MAX_LUN`].
    pub lun: u16,
    /// Its file, by absolute path.
    pub file: PathBuf,
    /// Format of that file; never guessed, since a guest could then write a header that makes QEMU open other files.
    pub format: DiskFormat,
    /// Whether the guest may only read it. Any number of machines can read one file at once; a writer is alone.
    pub read_only: bool,
}

impl MachineSpec {
    /// Refuses what no hypervisor could take.
    ///
    /// # Errors
    /// [`HypervisorError::Spec`] naming the field.
    pub fn check(&self) -> Result<()> {
        let refuse =
            |problem: &str| Err(HypervisorError::Spec { name: self.name.clone(), problem: problem.to_owned() });
        let word = |text: &str, extra: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
        };
        if self.name.len() > 64 || !word(&self.name, "-") || self.name.chars().any(|c| c.is_ascii_uppercase()) {
            return refuse("its name must be 1 to 64 of a-z, 0-9 and -");
        }
        if self.cpu.len() > 1024 || !word(&self.cpu, "._,+=-") {
            return refuse("its CPU model has characters that no CPU model has");
        }
        if !word(self.agent_port, ".-") {
            return refuse("the name of its agent port must be letters, digits, dots and dashes");
        }
        if !(1..=255).contains(&self.vcpus) {
            return refuse("it must have 1 to 255 virtual CPUs");
        }
        if !(64..=4 * 1024 * 1024).contains(&self.memory.mib) {
            return refuse("its memory must be between 64 MiB and 4 TiB");
        }
        if let Boot::Kernel { kernel, initrd, command_line } = &self.boot {
            if command_line.len() > 2047 || command_line.bytes().any(|byte| !(b' '..=b'~').contains(&byte)) {
                return refuse("its kernel command line must be printable ASCII of at most 2047 bytes");
            }
            if self.memory.sharing == Sharing::Private {
                return refuse("private memory is for clones, which are restored, not booted");
            }
            check_path(&self.name, kernel)?;
            check_path(&self.name, initrd)?;
        }
        check_path(&self.name, &self.memory.file)?;
        check_path(&self.name, &self.directory)
    }
}

impl DiskSpec {
    /// Refuses what no hypervisor could take; `name` is the machine's.
    ///
    /// # Errors
    /// [`HypervisorError::Spec`] naming the field.
    pub fn check(&self, name: &str) -> Result<()> {
        if self.lun > MAX_LUN {
            let problem = format!("LUN {} is over {MAX_LUN}", self.lun);
            return Err(HypervisorError::Spec { name: name.to_owned(), problem });
        }
        check_path(name, &self.file)
    }
}

/// A path that can stand on a command line and in a QMP message: absolute, UTF-8, no control characters. Absolute also
/// keeps QEMU from taking `nbd:…` or `json:…` for a protocol.
fn check_path(name: &str, path: &Path) -> Result<()> {
    let bytes = path.as_os_str().as_bytes();
    if path.is_absolute() && bytes.len() < 4096 && path.to_str().is_some_and(|text| !text.chars().any(char::is_control))
    {
        return Ok(());
    }
    let problem = format!("{path:?} is not an absolute path of printable characters");
    Err(HypervisorError::Spec { name: name.to_owned(), problem })
}
