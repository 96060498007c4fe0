//! `GET /containers/{name}/changes`: a JSON list, written as the guest tells it, so that its length is no matter.

use crate::call::Call;
use crate::encode;
use crate::error::Result;
use crate::reply::{self, Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use vch_engine::stream::Change;

pub(crate) async fn changes(call: Call) -> Result<Response> {
    let mut changes = call.api.engine.changes(&call.name).await?;
    let Some(first) = changes.next().await else {
        // Go's empty list.
        return Ok(reply::ok(&serde_json::Value::Null));
    };
    let first = item(b"[", first?)?;
    let others = changes.map(|change| item(b",", change?));
    let end = stream::iter([Ok(Bytes::from_static(b"]\n"))]);
    let content = stream::iter([Ok(first)]).chain(others).chain(end);
    Ok(reply::download("application/json", content.boxed()))
}

fn item(before: &[u8], change: Change) -> vch_engine::Result<Bytes> {
    let mut text = before.to_vec();
    serde_json::to_writer(&mut text, &encode::change(change))
        .map_err(|error| vch_engine::Error::system(format!("a change cannot be told: {error}")))?;
    Ok(text.into())
}
