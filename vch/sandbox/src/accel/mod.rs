//! Who runs the guests' instructions: decided by booting one, never by the presence of `/dev/kvm`.
//!
//! ```text
//! kvm, -cpu host ─fails─> kvm, -cpu host,-arch-capabilities ─fails─> tcg, -cpu Nehalem
//! ```
//! There are hosts whose `/dev/kvm` opens, makes a virtual CPU and never boots a kernel, and hosts where one CPU feature
//! is in the way. Each rung is a trial boot with a deadline. The result is kept on disk under a key of all that it
//! depends on, so that it is found once.

use crate::blueprint::Blueprint;
use crate::files;
use crate::settings::{AccelChoice, Progress};
use crate::{SandboxError, boot};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::Path;
use std::time::Duration;
use vch_hypervisor::Accel;

const KVM: &str = "/dev/kvm";

/// What was decided, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Decision {
    key: String,
    kvm: bool,
    /// QEMU's `-cpu`.
    pub(crate) cpu: String,
    /// A line for each rung that was tried or passed over.
    pub(crate) ladder: Vec<String>,
}

impl Decision {
    pub(crate) fn accel(&self) -> Accel {
        if self.kvm { Accel::Kvm } else { Accel::Tcg }
    }
}

struct Rung {
    accel: Accel,
    cpu: &'static str,
    limit: Duration,
}

/// Rungs for a choice, and their deadlines: short where software emulation waits below, long where there is nothing else.
fn rungs(choice: AccelChoice) -> Vec<Rung> {
    let kvm = |seconds| {
        let limit = Duration::from_secs(seconds);
        ["host", "host,-arch-capabilities"].map(|cpu| Rung { accel: Accel::Kvm, cpu, limit })
    };
    let tcg = Rung { accel: Accel::Tcg, cpu: "Nehalem", limit: Duration::from_secs(60) };
    match choice {
        AccelChoice::Auto => kvm(10).into_iter().chain([tcg]).collect(),
        AccelChoice::Kvm => kvm(90).into(),
        AccelChoice::Tcg => vec![tcg],
    }
}

/// Decides, or finds what was decided before. `draft` has everything but the accelerator and the CPU model.
///
/// # Errors
/// No rung holds.
pub(crate) async fn decide(
    draft: &Blueprint,
    choice: AccelChoice,
    kept: &Path,
    recheck: bool,
    progress: &Progress,
) -> Result<Decision, SandboxError> {
    let kvm = std::fs::OpenOptions::new().read(true).write(true).open(KVM);
    let kvm = kvm.map(drop).map_err(|error| format!("{KVM} cannot be opened: {error}"));
    let key = key(draft, choice, kvm.is_ok(), &std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default());
    if let Some(decision) = files::load::<Decision>(kept).filter(|decision| decision.key == key && !recheck) {
        return Ok(decision);
    }
    let decision = climb(draft, rungs(choice), kvm, key, progress).await?;
    files::store(kept, &decision)?;
    Ok(decision)
}

async fn climb(
    draft: &Blueprint,
    rungs: Vec<Rung>,
    kvm: Result<(), String>,
    key: String,
    progress: &Progress,
) -> Result<Decision, SandboxError> {
    let mut ladder = Vec::new();
    for rung in rungs {
        let name = format!("{} with -cpu {}", rung.accel, rung.cpu);
        if let (Accel::Kvm, Err(reason)) = (rung.accel, &kvm) {
            ladder.push(format!("{name}: {reason}"));
            continue;
        }
        progress.say(&format!("trying {name}"));
        let trial = Blueprint { accel: rung.accel, cpu: rung.cpu.to_owned(), ..draft.clone() };
        match boot::boot(&trial, None, rung.limit).await {
            Ok(booted) => {
                booted.life.end().await;
                ladder.push(format!("{name}: boots in {:.1} s", booted.took.as_secs_f64()));
                let kvm = rung.accel == Accel::Kvm;
                return Ok(Decision { key, kvm, cpu: rung.cpu.to_owned(), ladder });
            }
            Err(error) => {
                let line = format!("{name}: {}", crate::error::told(&error));
                tracing::info!("{line}");
                ladder.push(line);
            }
        }
    }
    Err(SandboxError::Accelerator(ladder.join("; ")))
}

/// Digest of what a decision depends on: hypervisor, guest, this CPU's model and features, `/dev/kvm`, and the choice.
fn key(draft: &Blueprint, choice: AccelChoice, kvm: bool, cpuinfo: &str) -> String {
    let cpu = cpuinfo.lines().take_while(|line| !line.is_empty());
    let cpu =
        cpu.filter(|line| ["vendor_id", "model", "stepping", "flags"].iter().any(|field| line.starts_with(field)));
    let mut hash = Sha256::new();
    let facts = [draft.hypervisor.key(), &draft.guest.digest, &choice.to_string(), if kvm { "kvm" } else { "none" }];
    for fact in facts.into_iter().chain(cpu) {
        hash.update(fact.as_bytes());
        hash.update([0]);
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests;
