//! `logs`.

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::logs::reader;
use crate::requests::ReadLogs;
use crate::stream::Logs;
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Entries read ahead of a client.
const AHEAD: usize = 64;

impl Engine {
    /// Reads a container's log.
    ///
    /// # Errors
    /// Neither output asked for; a log driver that keeps nothing.
    pub async fn logs(&self, name: &str, options: ReadLogs) -> Result<Logs> {
        if !options.stdout && !options.stderr {
            return Err(Error::invalid("Bad parameters: you must choose at least one stream"));
        }
        let container = self.find(name)?;
        let record = container.record();
        if record.spec.host.log.driver == "none" {
            return Err(Error::not_implemented("configured logging driver does not support reading"));
        }
        let (entries, receiver) = mpsc::channel(AHEAD);
        tokio::spawn(reader::read(container.log_path(), options, container.log.subscribe(), entries));
        Ok(Logs { tty: record.spec.tty, entries: ReceiverStream::new(receiver).boxed() })
    }
}
