//! `GET /containers/{name}/stats`: one object, or one a second.

use crate::call::Call;
use crate::encode;
use crate::error::Result;
use crate::reply::{self, Response};
use bytes::Bytes;
use futures_util::StreamExt;
use vch_engine::requests::WatchStats;
use vch_engine::stats::Statistics;

pub(crate) async fn stats(call: Call) -> Result<Response> {
    let options = WatchStats {
        stream: call.query.boolean_or("stream", true),
        one_shot: call.version.since(41) && call.query.boolean("one-shot"),
    };
    let statistics = call.api.engine.stats(&call.name, options).await?;
    // Nothing else would end it: a watcher must not hold up the daemon's end.
    let lines = statistics.map(|item| line(&item)).take_until(call.shutdown.cancelled_owned());
    Ok(reply::stream("application/json", lines))
}

fn line(statistics: &Statistics) -> Bytes {
    let mut bytes = serde_json::to_vec(&encode::statistics(statistics)).unwrap_or_default();
    bytes.push(b'\n');
    bytes.into()
}
