//! `update`: limits and restart policy of a container that is there.

use crate::container::{Verb, fit};
use crate::engine::Engine;
use crate::error::Result;
use crate::requests::Update;

impl Engine {
    /// Changes a container; what the user should know comes back.
    ///
    /// # Errors
    /// No such container; limits that its machine cannot give, or that do not go with those it has.
    pub async fn update(&self, name: &str, update: Update) -> Result<Vec<String>> {
        let machine = self.machines().facts();
        let warnings = fit::check(&update.resources, machine.vcpus, u64::from(machine.memory_mib) << 20)?;
        self.find(name)?.ask(Verb::Update(Box::new(update))).await?;
        Ok(warnings)
    }
}
