//! Verbs that change a container's life and answer without a body. They run to their end even when the client leaves: half a
//! restart helps nobody (moby: `context.WithoutCancel`).

use crate::call::{Call, to_the_end};
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
    let Call { api, name, .. } = call;
    to_the_end(async move { api.engine.start(&name).await }).await?;
    Ok(reply::no_content())
}

fn stop_options(call: &Call) -> Result<Stop> {
    let signal = call.query.text("signal").filter(|_| call.version.since(42));
    Ok(Stop { signal, timeout: call.query.integer("t")? })
}

pub(crate) async fn stop(call: Call) -> Result<Response> {
    let options = stop_options(&call)?;
    let Call { api, name, .. } = call;
    to_the_end(async move { api.engine.stop(&name, options).await }).await?;
    Ok(reply::no_content())
}

pub(crate) async fn restart(call: Call) -> Result<Response> {
    let options = stop_options(&call)?;
    let Call { api, name, .. } = call;
    to_the_end(async move { api.engine.restart(&name, options).await }).await?;
    Ok(reply::no_content())
}

pub(crate) async fn kill(call: Call) -> Result<Response> {
    let signal = call.query.text("signal");
    let prefix = format!("cannot kill container: {}: ", call.name);
    let Call { api, name, .. } = call;
    let killed = to_the_end(async move { api.engine.kill(&name, signal.as_deref()).await }).await;
    match killed {
        // The engine says so itself of a container that does not run.
        Err(error) if !error.message.starts_with(&prefix) => {
            Err(ApiError { message: prefix + &error.message, ..error })
        }
        other => other.map(|()| reply::no_content()),
    }
}

pub(crate) async fn pause(call: Call) -> Result<Response> {
    let Call { api, name, .. } = call;
    to_the_end(async move { api.engine.pause(&name).await }).await?;
    Ok(reply::no_content())
}

pub(crate) async fn unpause(call: Call) -> Result<Response> {
    let Call { api, name, .. } = call;
    to_the_end(async move { api.engine.unpause(&name).await }).await?;
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
    let Call { api, name, .. } = call;
    to_the_end(async move { api.engine.remove(&name, options).await }).await?;
    Ok(reply::no_content())
}

pub(crate) async fn prune(call: Call) -> Result<Response> {
    let filters = call.query.filters()?;
    let pruned = to_the_end(async move { call.api.engine.prune_containers(&filters).await }).await?;
    Ok(reply::ok(&ContainersPruned::from(pruned)))
}
