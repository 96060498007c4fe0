//! `resize` of a container's terminal.

use crate::engine::Engine;
use crate::error::{Error, Result};
use vch_sandbox::proto::WindowSize;

impl Engine {
    /// Sets a running container's terminal size.
    ///
    /// # Errors
    /// Conflict if it does not run.
    pub async fn resize(&self, name: &str, rows: u16, columns: u16) -> Result<()> {
        let container = self.find(name)?;
        let Some(live) = container.now().live else {
            return Err(Error::conflict(format!("container {} is not running", container.id)));
        };
        let record = container.record();
        // Without a terminal there is nothing to do, and dockerd says no more than that it is done.
        if record.spec.tty {
            let (process, size) = (live.process.clone(), WindowSize { rows, columns });
            let resized = live.awake(move |_| async move { process.resize(size).await }).await;
            resized.map_err(|e| Error::chain("resize the terminal", &e))?;
        }
        let size = [("height", rows.to_string()), ("width", columns.to_string())];
        self.tell_container(&record, "resize", size);
        Ok(())
    }
}
