//! The file behind a machine's memory, before the machine is started.
//!
//! Every hypervisor's launch calls it, so that they make and refuse the same.

use crate::{HypervisorError, MachineSpec, Result, Sharing};
use std::{fs, io, os::unix::fs::OpenOptionsExt};

/// Makes the file of shared memory; checks the one that private memory is mapped from, for QEMU would make a short one
/// longer, and with it every other clone's.
///
/// # Errors
/// The file cannot be had, or has another size than the memory.
pub(crate) fn prepare(spec: &MachineSpec) -> Result<()> {
    let memory = &spec.memory;
    let bytes = u64::from(memory.mib) << 20;
    let size = match memory.sharing {
        Sharing::Shared => fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&memory.file)
            .and_then(|file| file.set_len(bytes).map(|()| bytes)),
        Sharing::Private => fs::metadata(&memory.file).map(|metadata| metadata.len()),
    };
    let size = size.map_err(|source: io::Error| {
        let (name, path) = (spec.name.clone(), memory.file.clone());
        HypervisorError::File { name, action: "open the memory file", path, source }
    })?;
    if size == bytes {
        return Ok(());
    }
    let problem = format!("its memory file {} has {size} bytes, not {bytes}", memory.file.display());
    Err(HypervisorError::Spec { name: spec.name.clone(), problem })
}
