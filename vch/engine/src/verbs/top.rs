//! `top`: a container's processes.

use crate::container::state::Status;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::ps::{self, ProcessTable};
use crate::timestamp::Timestamp;

impl Engine {
    /// A container's processes in the columns that `arguments` of ps ask for; empty means `-ef`.
    ///
    /// # Errors
    /// Docker's words for a container that does not run; ps's for arguments that it refuses.
    pub async fn top(&self, name: &str, arguments: &str) -> Result<ProcessTable> {
        let columns = ps::parse(arguments)?;
        let container = self.find(name)?;
        let now = container.now();
        let id = &container.id;
        let live = match (&now.live, now.record.state.status) {
            (_, Status::Restarting) => return Err(Error::restarting(id)),
            (Some(live), _) => live,
            (None, _) => return Err(Error::conflict(format!("container {id} is not running"))),
        };
        let processes = live.processes(id).await.map_err(|e| Error::chain("list the container's processes", &e))?;
        let table = ps::table(&columns, &processes, Timestamp::now())?;
        self.tell_container(&container.record(), "top", []);
        Ok(table)
    }
}
