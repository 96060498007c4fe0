//! The suite on the fake.

use super::*;
use crate::suite::{Behaviour, Echo, Outcome, Subject};
use std::time::Duration;

struct FakeSubject(Fake);

#[async_trait::async_trait]
impl Subject for FakeSubject {
    fn hypervisor(&self) -> &dyn Hypervisor {
        &self.0
    }

    fn boot(&self, directory: &Path, behaviour: Behaviour) -> Outcome<Boot> {
        let (kernel, initrd) = (directory.join("kernel"), directory.join("initrd"));
        std::fs::write(&kernel, "")?;
        std::fs::write(&initrd, "")?;
        Ok(Boot::Kernel { kernel, initrd, command_line: behaviour.word().to_owned() })
    }

    async fn answers(&self, machine: &dyn Machine, limit: Duration) -> Outcome<bool> {
        Echo::answers(machine, limit).await
    }

    fn kill(&self, _machine: &dyn Machine, directory: &Path) -> Outcome {
        if self.0.kill(directory) { Ok(()) } else { Err("nothing to kill".into()) }
    }
}

crate::hypervisor_suite!(FakeSubject(Fake::echo()));
