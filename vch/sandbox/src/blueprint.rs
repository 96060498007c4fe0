//! What all machines of one host have in common, turned into a specification for each.

use crate::SandboxError;
use crate::folder::Folder;
use crate::guest::{self, GuestImage};
use crate::identity::TEMPLATE_MAC;
use crate::taps::Taps;
use std::path::PathBuf;
use std::sync::Arc;
use tokio_util::task::TaskTracker;
use vch_hypervisor::{Accel, Boot, Hypervisor, MachineSpec, Memory, Nic, Sharing};

/// See the head of this file.
#[derive(Clone)]
pub(crate) struct Blueprint {
    pub(crate) hypervisor: Arc<dyn Hypervisor>,
    pub(crate) guest: GuestImage,
    pub(crate) run: PathBuf,
    pub(crate) accel: Accel,
    pub(crate) cpu: String,
    pub(crate) vcpus: u32,
    pub(crate) memory_mib: u32,
    pub(crate) taps: Option<Taps>,
    /// Work that makes or ends machines with nobody waiting for it: closing the host waits for all of it.
    pub(crate) under_way: TaskTracker,
}

impl Blueprint {
    /// The kernel's command line.
    pub(crate) fn command_line(&self) -> String {
        guest::command_line(self.accel)
    }

    /// A machine that boots the kernel on a memory file that will be cloned.
    pub(crate) async fn booting(&self, folder: &Folder, memory: PathBuf) -> Result<MachineSpec, SandboxError> {
        let boot = Boot::Kernel {
            kernel: self.guest.kernel.clone(),
            initrd: self.guest.initrd.clone(),
            command_line: self.command_line(),
        };
        self.spec(folder, boot, memory, Sharing::Shared).await
    }

    /// A machine that will be restored on a private view of a memory file.
    pub(crate) async fn cloning(&self, folder: &Folder, memory: PathBuf) -> Result<MachineSpec, SandboxError> {
        self.spec(folder, Boot::Restore, memory, Sharing::Private).await
    }

    async fn spec(
        &self,
        folder: &Folder,
        boot: Boot,
        file: PathBuf,
        sharing: Sharing,
    ) -> Result<MachineSpec, SandboxError> {
        let nic = match &self.taps {
            Some(taps) => Some(Nic { mac: TEMPLATE_MAC, tap: taps.tap().await? }),
            None => None,
        };
        Ok(MachineSpec {
            name: folder.name(),
            accel: self.accel,
            cpu: self.cpu.clone(),
            vcpus: self.vcpus,
            memory: Memory { file, mib: self.memory_mib, sharing },
            boot,
            agent_port: vch_agent_proto::PORT_NAME,
            directory: folder.path().to_path_buf(),
            nic,
        })
    }
}
