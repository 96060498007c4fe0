//! The machines: QEMU, the guest, and the accelerator, which is tried by booting a machine.

use super::finding::Finding;
use crate::{
    config::Config,
    lock::{DataRoot, LockError},
    serve,
};
use vch_engine::trial::{self, Accelerator};

/// Looks at QEMU, the guest and, where both are there, the accelerator. `recheck` tries it whatever is known.
pub(crate) async fn look(config: &Config, recheck: bool) -> Vec<Finding> {
    let settings = serve::settings(config, config.data_root.clone());
    let qemu = match trial::hypervisor_version(&settings).await {
        Ok(version) => Finding::ok("qemu", format!("version {version}")),
        Err(error) => {
            let remedy = "apt-get install qemu-system-x86, or name it with --qemu";
            return vec![Finding::fail("qemu", error.message, remedy)];
        }
    };
    let (guest, there) = match trial::guest(&settings).await {
        Ok(Some(guest)) => (Finding::ok("guest", format!("kernel {}", guest.release)), true),
        Ok(None) => (
            Finding::warn("guest", "not prepared yet", "`vch guest build` does it, and so does the first start"),
            false,
        ),
        Err(error) => (Finding::fail("guest", error.message, "see docs/install.md on the agent and the kernel"), false),
    };
    let accelerator = match there || recheck {
        true => accelerator(config, recheck).await,
        false => Finding::warn(
            "accelerator",
            "not tried yet, since the guest is missing",
            "`vch doctor --recheck` prepares the guest and tries",
        ),
    };
    vec![qemu, guest, accelerator]
}

async fn accelerator(config: &Config, recheck: bool) -> Finding {
    let name = "accelerator";
    let root = match DataRoot::take(&config.data_root) {
        Ok(root) => root,
        Err(LockError::Held { pid, .. }) => {
            return Finding::ok(name, format!("in use by the daemon with process ID {pid}: `docker info` shows which"));
        }
        Err(error) => return Finding::fail(name, crate::causes(&error), "choose another data root with --data-root"),
    };
    let settings = serve::settings(config, root.path.clone());
    match trial::accelerator(settings, recheck, crate::tell).await {
        Ok(found) => judge(&found),
        Err(error) => Finding::fail(name, error.message, "see what the machine said; --accel auto takes what works"),
    }
}

fn judge(found: &Accelerator) -> Finding {
    let name = "accelerator";
    if !found.emulated {
        return Finding::ok(name, format!("KVM with -cpu {}: a machine boots with it", found.cpu));
    }
    let why = if found.trials.is_empty() { String::new() } else { format!(" ({})", found.trials.join("; ")) };
    let finding = format!(
        "software emulation (TCG) with -cpu {}{why}: slower, and by QEMU's own policy not a security boundary",
        found.cpu
    );
    Finding::warn(
        name,
        finding,
        "use a machine whose /dev/kvm boots a kernel, before you run code that you do not trust",
    )
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    #[test]
    fn emulation_is_said_to_be_no_boundary() {
        let trials =
            vec!["kvm with -cpu host: /dev/kvm cannot be opened".to_owned(), "tcg with -cpu Nehalem: boots".to_owned()];
        let emulated = Accelerator { emulated: true, cpu: "Nehalem".to_owned(), trials, no_nic: None };
        let found = judge(&emulated);
        assert_eq!(found.status, Status::Warn);
        assert!(
            found.finding.contains("/dev/kvm cannot be opened") && found.finding.contains("not a security boundary")
        );
        let real = Accelerator { emulated: false, cpu: "host".to_owned(), trials: Vec::new(), no_nic: None };
        assert_eq!(judge(&real).status, Status::Ok);
    }
}
