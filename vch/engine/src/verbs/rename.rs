//! `rename`.

use crate::container::Verb;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::index::check_name;

impl Engine {
    /// Gives a container another name.
    ///
    /// # Errors
    /// Docker's words for an empty, bad, same or taken name.
    pub async fn rename(&self, name: &str, new_name: &str) -> Result<()> {
        if name.is_empty() || new_name.is_empty() {
            return Err(Error::invalid("Neither old nor new names may be empty"));
        }
        let container = self.find(name)?;
        let new_name = check_name(new_name)?;
        let old = container.record();
        if old.name == new_name {
            return Err(Error::invalid("Renaming a container with the same name as its current name"));
        }
        self.index().reserve(new_name, &old.id)?;
        match container.ask(Verb::Rename(new_name.to_owned())).await {
            Ok(()) => {
                self.index().release(&old.name, &old.id);
                self.tell_container(&container.record(), "rename", [("oldName", format!("/{}", old.name))]);
                Ok(())
            }
            Err(error) => {
                self.index().release(new_name, &old.id);
                Err(error)
            }
        }
    }
}
