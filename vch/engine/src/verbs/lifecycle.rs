//! `restart`, `pause` and `unpause`: asked of the owner as they are.

use crate::container::Verb;
use crate::engine::Engine;
use crate::error::{Error, Kind, Result};
use crate::requests::Stop;

impl Engine {
    /// Stops a container, if it runs, and starts it.
    ///
    /// # Errors
    /// As `stop` and `start`.
    pub async fn restart(&self, name: &str, options: Stop) -> Result<()> {
        let container = self.find(name)?;
        match self.stop(&container.id, options).await {
            Err(Error { kind: Kind::NotModified, .. }) | Ok(()) => {}
            Err(error) => return Err(error),
        }
        container.ask(Verb::Start).await?;
        self.tell_container(&container.record(), "restart", []);
        Ok(())
    }

    /// Stands a container's machine still.
    ///
    /// # Errors
    /// Conflict if it does not run or is paused.
    pub async fn pause(&self, name: &str) -> Result<()> {
        self.find(name)?.ask(Verb::Pause).await
    }

    /// Lets a container's machine go on.
    ///
    /// # Errors
    /// It is not paused.
    pub async fn unpause(&self, name: &str) -> Result<()> {
        self.find(name)?.ask(Verb::Unpause).await
    }
}
