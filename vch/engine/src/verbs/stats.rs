//! `stats`: what a container uses, once or for as long as the client stays.

use crate::container::Container;
use crate::container::state::Status;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::requests::WatchStats;
use crate::stats::{Sample, Statistics};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;

impl Engine {
    /// A container's statistics: without `stream` one item, else one a second until the container is removed, through
    /// stops and starts. Each has what the one before had; a single one first waits for that, unless `one_shot`.
    ///
    /// # Errors
    /// No such container; `stream` and `one_shot` together.
    pub async fn stats(&self, name: &str, options: WatchStats) -> Result<BoxStream<'static, Statistics>> {
        let container = self.find(name)?;
        if options.stream && options.one_shot {
            return Err(Error::invalid("cannot have stream=true and one-shot=true"));
        }
        let runs = matches!(container.record().state.status, Status::Running | Status::Paused);
        if !options.stream && !runs {
            return Ok(stream::iter([statistics(&container, None, None)]).boxed());
        }
        if options.one_shot {
            let now = async move { statistics(&container, crate::stats::look(&container).await, None) };
            return Ok(stream::once(now).boxed());
        }
        let looks = container.stats.watch(&container, &self.rooms.closed);
        let frames = stream::unfold((container, looks, None), |(container, mut looks, before)| async move {
            let look = loop {
                match looks.recv().await {
                    Ok(look) => break look,
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            };
            let frame = statistics(&container, look.clone(), before);
            Some((frame, (container, looks, look)))
        });
        if options.stream {
            return Ok(frames.boxed());
        }
        // The first primes the second, without which no share of the CPU could be told.
        Ok(frames.skip(1).take(1).boxed())
    }
}

fn statistics(container: &Container, now: Option<Arc<Sample>>, before: Option<Arc<Sample>>) -> Statistics {
    let record = container.record();
    Statistics { id: record.id.clone(), name: record.name.clone(), now, before }
}
