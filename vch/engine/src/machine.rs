//! What the engine, the program's `doctor`, `guest build` and `bench` need of the machine room, in the engine's terms.

use crate::error::{Error, Result, causes};
use crate::settings::Settings;
use std::sync::Arc;
use vch_sandbox::hypervisor::{Accel, Hypervisor, qemu::Qemu};
use vch_sandbox::{Facts, WarmUp};

/// QEMU, found.
pub(crate) async fn hypervisor(settings: &Settings) -> Result<Arc<dyn Hypervisor>> {
    let qemu = Qemu::find(settings.qemu.as_deref()).await.map_err(|e| Error::system(causes(&e)))?;
    Ok(Arc::new(qemu))
}

/// The sandbox's settings.
pub(crate) fn settings(settings: &Settings, warm_up: Option<WarmUp>) -> vch_sandbox::Settings {
    vch_sandbox::Settings {
        root: settings.data_root.join("sandbox"),
        run: settings.data_root.join("run"),
        kernel: settings.kernel.clone(),
        initrd: settings.initrd.clone(),
        agent: settings.agent.clone(),
        accel: settings.accel,
        memory_mib: settings.vm_memory_mib,
        vcpus: settings.vm_cpus,
        pool: settings.pool,
        warm_up,
    }
}

/// The machine room in labelled lines, for `docker info`.
pub(crate) fn status(facts: &Facts) -> Vec<(String, String)> {
    let how = match facts.accel {
        Accel::Kvm => "KVM (hardware virtualization)",
        Accel::Tcg => "TCG (software emulation)",
    };
    let mut lines = vec![
        ("Accelerator".to_owned(), format!("{how}, CPU {}", facts.cpu)),
        ("Hypervisor".to_owned(), format!("QEMU {}", facts.hypervisor)),
        ("Guest Kernel".to_owned(), facts.kernel.clone()),
        ("Machine Size".to_owned(), format!("{} CPU, {} MiB", facts.vcpus, facts.memory_mib)),
        ("Template".to_owned(), facts.template.chars().take(12).collect()),
        ("Clones Ready".to_owned(), format!("{} of {}", facts.pool_ready, facts.pool_target)),
    ];
    lines.extend(facts.ladder.iter().map(|line| ("Accelerator Trial".to_owned(), line.clone())));
    lines
}

/// What an operator should know of the machine room.
pub(crate) fn warnings(facts: &Facts) -> Vec<String> {
    let mut warnings = Vec::new();
    if facts.accel == Accel::Tcg {
        warnings.push(
            "WARNING: microVMs run in software emulation (TCG), which QEMU does not call a security boundary; use a host \
             with working KVM for code that you do not trust"
                .to_owned(),
        );
    }
    if let Some(reason) = &facts.no_nic {
        warnings.push(format!("WARNING: microVMs have no network card: {reason}"));
    }
    warnings
}
