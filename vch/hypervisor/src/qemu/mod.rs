//! QEMU as the hypervisor: its command line, its monitor, its processes.
//!
//! ```text
//! probe ── who is it?       args ── the command line          launch ── process + monitor = machine
//! qmp ──── its monitor      process, stderr, record, directory ── the host's side of a machine
//! machine, disks, migration ── what a machine can do
//! ```

mod args;
mod directory;
mod disks;
mod launch;
mod machine;
mod migration;
mod probe;
mod process;
mod qmp;
mod record;
mod stderr;
#[cfg(test)]
mod tests;

use crate::{Hypervisor, Machine, MachineSpec, Result};
use std::{path::Path, sync::Arc};

/// A QEMU that is known to answer.
#[derive(Debug)]
pub struct Qemu {
    found: probe::Found,
    key: String,
}

impl Qemu {
    /// Takes the QEMU at `path`, or the one that this host has.
    ///
    /// # Errors
    /// There is none, it is older than 7.2, or it is something else.
    pub async fn find(path: Option<&Path>) -> Result<Self> {
        let found = probe::probe(path).await?;
        let cpu = probe::host_cpu(&std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default());
        let key = format!("qemu {} {} on {cpu}", found.version, args::line::signature(&found.kind));
        Ok(Self { found, key })
    }

    /// The program.
    pub fn program(&self) -> &Path {
        &self.found.program
    }
}

#[async_trait::async_trait]
impl Hypervisor for Qemu {
    fn version(&self) -> &str {
        &self.found.version
    }

    fn key(&self) -> &str {
        &self.key
    }

    async fn launch(&self, spec: MachineSpec) -> Result<Arc<dyn Machine>> {
        let machine = launch::launch(&self.found.program, &self.found.kind, spec).await?;
        Ok(machine)
    }

    async fn adopt(&self, directory: &Path) -> Result<Arc<dyn Machine>> {
        let machine = launch::adopt(directory).await?;
        Ok(machine)
    }
}
