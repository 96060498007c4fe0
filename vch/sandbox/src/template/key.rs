//! What a template depends on, as one digest.

use crate::blueprint::Blueprint;
use sha2::{Digest, Sha256};

/// Version of how templates are made and kept; to be raised when that changes.
const FORMAT: u32 = 1;

/// The key of the template that `blueprint` and a warm-up of this digest make: 64 hex digits.
pub(crate) fn key(blueprint: &Blueprint, warm_up: &str) -> String {
    let facts = [
        format!("format {FORMAT}"),
        format!("protocol {}", vch_agent_proto::VERSION),
        format!("hypervisor {}", blueprint.hypervisor.key()),
        format!("accelerator {}", blueprint.accel),
        format!("cpu {}", blueprint.cpu),
        format!("vcpus {}", blueprint.vcpus),
        format!("memory {} MiB", blueprint.memory_mib),
        format!("guest {}", blueprint.guest.digest),
        format!("command line {}", blueprint.command_line()),
        format!("nic {}", blueprint.taps.is_some()),
        format!("warm-up {warm_up}"),
    ];
    let mut hash = Sha256::new();
    for fact in facts {
        hash.update(fact.as_bytes());
        hash.update(b"\n");
    }
    hex::encode(hash.finalize())
}
