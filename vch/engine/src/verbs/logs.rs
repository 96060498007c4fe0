//! `logs`.

use crate::container::Container;
use crate::container::record::Record;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::logs::options::is_cached;
use crate::logs::reader;
use crate::requests::ReadLogs;
use crate::stream::{LogEntry, Logs};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
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
        refuse_unreadable(&record)?;
        let (entries, receiver) = mpsc::channel(AHEAD);
        tokio::spawn(reader::read(container.segments(), options, container.log.subscribe(), entries));
        Ok(Logs { tty: record.spec.tty, entries: ReceiverStream::new(receiver).boxed() })
    }

    /// Reads what is in a container's log by now; what is written later is not among it, whenever this is read.
    pub(crate) async fn logs_so_far(
        &self,
        container: &Container,
        options: ReadLogs,
    ) -> Result<BoxStream<'static, Result<LogEntry>>> {
        refuse_unreadable(&container.record())?;
        let Some(written) = reader::Written::open(container.segments()).await? else {
            return Ok(stream::empty().boxed());
        };
        let (entries, receiver) = mpsc::channel(AHEAD);
        tokio::spawn(written.read(options, entries));
        Ok(ReceiverStream::new(receiver).boxed())
    }
}

fn refuse_unreadable(record: &Record) -> Result<()> {
    let log = &record.spec.host.log;
    let elsewhere = !matches!(log.driver.as_str(), "json-file" | "local");
    if log.driver == "none" || (elsewhere && !is_cached(&log.options)) {
        return Err(Error::not_implemented("configured logging driver does not support reading"));
    }
    Ok(())
}
