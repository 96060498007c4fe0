//! `POST /containers/{name}/attach` and `GET /containers/{name}/attach/ws`.

use crate::call::Call;
use crate::error::Result;
use crate::reply::Response;
use crate::stream::{hijack, websocket};
use vch_engine::requests::Attach;

pub(crate) async fn attach(call: Call) -> Result<Response> {
    let attached = call.api.engine.attach(&call.name, options(&call)).await?;
    let framed = !attached.tty;
    Ok(hijack::reply(call, attached, framed))
}

pub(crate) async fn attach_websocket(call: Call) -> Result<Response> {
    let accept = websocket::accept_key(call.headers())?;
    let mut options = options(&call);
    // Before API 1.42 a WebSocket was always attached to everything.
    if call.version.before(42) {
        (options.stdin, options.stdout, options.stderr) = (true, true, true);
    }
    let attached = call.api.engine.attach(&call.name, options).await?;
    Ok(websocket::reply(call, accept, attached))
}

fn options(call: &Call) -> Attach {
    let query = &call.query;
    Attach {
        logs: query.boolean("logs"),
        stream: query.boolean("stream"),
        stdin: query.boolean("stdin"),
        stdout: query.boolean("stdout"),
        stderr: query.boolean("stderr"),
        detach_keys: query.text("detachKeys"),
    }
}
