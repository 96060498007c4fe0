//! Further processes in a container: create, start, resize, inspect.

use crate::call::Call;
use crate::decode;
use crate::encode;
use crate::error::{ApiError, Result};
use crate::reply::{self, Response};
use crate::stream::hijack;
use crate::wire::exec::{ExecCreated, ExecOptions, ExecStartOptions};
use http::StatusCode;
use vch_engine::Kind;
use vch_engine::requests::ExecStart;

pub(crate) async fn create(mut call: Call) -> Result<Response> {
    let options: ExecOptions = call.json().await?.unwrap_or_default();
    let spec = decode::exec(options, call.version)?;
    let id = call.api.engine.exec_create(&call.name, spec).await?;
    Ok(reply::json(StatusCode::CREATED, &ExecCreated { id }))
}

pub(crate) async fn start(mut call: Call) -> Result<Response> {
    let options: ExecStartOptions = call.json().await?.unwrap_or_default();
    let console_size = options.console_size.filter(|_| options.tty && call.version.since(42));
    let request = ExecStart { detach: options.detach, console_size: decode::console_size(console_size) };
    // Whether output is framed is said here, not where the exec was created.
    let framed = !options.tty;
    match call.api.engine.exec_start(&call.name, request).await {
        Ok(Some(attached)) => Ok(hijack::reply(call, attached, framed)),
        Ok(None) => Ok(reply::empty(StatusCode::OK)),
        // dockerd has given the connection away by the time a process fails to start: the reason is its output.
        Err(error) if !options.detach && !matches!(error.kind, Kind::NotFound | Kind::Conflict) => {
            Ok(hijack::reply(call, hijack::failed(&error.message), framed))
        }
        Err(error) => Err(ApiError::from(error)),
    }
}

pub(crate) async fn resize(call: Call) -> Result<Response> {
    let (rows, columns) = (call.query.dimension("h", "height")?, call.query.dimension("w", "width")?);
    call.api.engine.exec_resize(&call.name, rows, columns).await?;
    Ok(reply::empty(StatusCode::OK))
}

pub(crate) async fn inspect(call: Call) -> Result<Response> {
    let view = call.api.engine.exec_inspect(&call.name).await?;
    Ok(reply::ok(&encode::exec(&view)))
}
