//! Verbs that change a container's life and answer without a body.

use crate::call::Call;
use crate::error::{ApiError, Result};
use crate::reply::{self, Response};
use crate::wire::prune::ContainersPruned;
use http::StatusCode;
use vch_engine::requests::{Remove, Stop};

pub(crate) async fn start(call: Call) -> Result<Response> {
    // Bodies of up to seven bytes are what clients send that mean none ("{}", "null").
    if call.body_length().is_none_or(|length| length > 7) {
        return Err(ApiError::invalid(
            "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24",
        ));
    }
    if !call.query.get("checkpoint").is_empty() {
        return Err(ApiError::invalid("checkpoint is only supported in experimental mode"));
    }
    call.api.engine.start(&call.name).await?;
    Ok(reply::no_content())
}

fn stop_options(call: &Call) -> Result<Stop> {
    let signal = call.query.text("signal").filter(|_| call.version.since(42));
    Ok(Stop { signal, timeout: call.query.integer("t")? })
}

pub(crate) async fn stop(call: Call) -> Result<Response> {
    call.api.engine.stop(&call.name, stop_options(&call)?).await?;
    Ok(reply::no_content())
}

pub(crate) async fn restart(call: Call) -> Result<Response> {
    call.api.engine.restart(&call.name, stop_options(&call)?).await?;
    Ok(reply::no_content())
}

pub(crate) async fn kill(call: Call) -> Result<Response> {
    let signal = call.query.text("signal");
    call.api.engine.kill(&call.name, signal.as_deref()).await.map_err(|mut error| {
        error.message = format!("cannot kill container: {}: {}", call.name, error.message);
        error
    })?;
    Ok(reply::no_content())
}

pub(crate) async fn pause(call: Call) -> Result<Response> {
    call.api.engine.pause(&call.name).await?;
    Ok(reply::no_content())
}

pub(crate) async fn unpause(call: Call) -> Result<Response> {
    call.api.engine.unpause(&call.name).await?;
    Ok(reply::no_content())
}

pub(crate) async fn rename(call: Call) -> Result<Response> {
    call.api.engine.rename(&call.name, call.query.get("name")).await?;
    Ok(reply::no_content())
}

pub(crate) async fn resize(call: Call) -> Result<Response> {
    let (rows, columns) = (call.query.dimension("h", "height")?, call.query.dimension("w", "width")?);
    call.api.engine.resize(&call.name, rows, columns).await?;
    Ok(reply::empty(StatusCode::OK))
}

pub(crate) async fn remove(call: Call) -> Result<Response> {
    let query = &call.query;
    let options = Remove { force: query.boolean("force"), volumes: query.boolean("v"), link: query.boolean("link") };
    call.api.engine.remove(&call.name, options).await?;
    Ok(reply::no_content())
}

pub(crate) async fn prune(call: Call) -> Result<Response> {
    let pruned = call.api.engine.prune_containers(&call.query.filters()?).await?;
    Ok(reply::ok(&ContainersPruned::from(pruned)))
}
