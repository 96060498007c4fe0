//! `export`: a container's whole root file system as a tar (moby daemon/export.go).

use crate::container::state::Status;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::files::{self, Begun};
use crate::stream::Content;
use vch_sandbox::proto::{FileAnswer, FileWork};

impl Engine {
    /// Packs a container's root file system, without what is mounted on it.
    ///
    /// # Errors
    /// No such container; one that is being removed. What fails later breaks the tar off.
    pub async fn export(&self, name: &str) -> Result<Content> {
        let container = self.find(name)?;
        let record = container.record();
        let refused = |how| Err(Error::conflict(format!("You cannot export container {} which is {how}", record.id)));
        match record.state.status {
            Status::Dead => return refused("Dead"),
            Status::Removing => return refused("being removed"),
            _ => {}
        }
        let Begun { answer, content } = files::begin(self, &container, FileWork::Export, None).await?;
        if let FileAnswer::Failed(failure) = answer {
            return Err(Error::system(format!("Error exporting container {}: {}", record.id, failure.message)));
        }
        self.tell_container(&record, "export", []);
        Ok(content)
    }
}
