//! `GET /containers/json` and `GET /containers/{name}/json`.

use crate::call::Call;
use crate::encode;
use crate::error::Result;
use crate::reply::{self, Response};
use vch_engine::requests::ListContainers;

pub(crate) async fn list(call: Call) -> Result<Response> {
    let mut filters = call.query.filters()?;
    // As parameters of their own, from before filters had them.
    for key in ["since", "before"] {
        if let Some(value) = call.query.text(key) {
            filters.0.entry(key.into()).or_default().insert(value);
        }
    }
    let options = ListContainers {
        all: call.query.boolean("all"),
        limit: call.query.integer("limit")?,
        size: call.query.boolean("size"),
        filters,
    };
    let containers = call.api.engine.list(options).await?;
    let listed: Vec<_> = containers.iter().map(|container| encode::summary(container, call.version)).collect();
    Ok(reply::ok(&listed))
}

pub(crate) async fn inspect(call: Call) -> Result<Response> {
    let view = call.api.engine.inspect(&call.name, call.query.boolean("size")).await?;
    Ok(reply::ok(&encode::container(&view, call.version)))
}
