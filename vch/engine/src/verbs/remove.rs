//! `rm`: the folder with log and disk, the record, the name, the hold on the image.

use crate::container::{Container, Verb};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::requests::Remove;
use std::io::ErrorKind;

impl Engine {
    /// Removes a container. Its anonymous volumes live on its own disk and go with it.
    ///
    /// # Errors
    /// Docker's conflict for a running one without `force`.
    pub async fn remove(&self, name: &str, options: Remove) -> Result<()> {
        if options.link {
            return Err(Error::not_implemented("links are not supported: there is no link to remove"));
        }
        let container = self.find(name)?;
        let mut watch = container.watch();
        match container.ask(Verb::Remove { force: options.force }).await {
            // The owner ended between the two: by its own --rm, most likely.
            Err(_) if matches!(watch.borrow_and_update().removal, Some(Ok(()))) => Ok(()),
            outcome => outcome,
        }
    }
}

/// Removes everything that is the container's. Its owner calls this once nothing of it runs.
pub(crate) async fn all_of(engine: &Engine, container: &Container) -> Result<()> {
    let record = container.record();
    match tokio::fs::remove_dir_all(&container.folder).await {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(Error::chain(&format!("remove {}", container.folder.display()), &error));
        }
        _ => {}
    }
    engine.records().delete(&record.id).await?;
    engine.index().remove(&record.id);
    engine.release_image(&record.id).await;
    Ok(())
}
