//! `GET /containers/{name}/logs`.

use crate::call::Call;
use crate::error::{ApiError, Result};
use crate::reply::{self, Response};
use crate::stream::{hijack, logs as lines};
use vch_engine::requests::ReadLogs;

pub(crate) async fn logs(call: Call) -> Result<Response> {
    let query = &call.query;
    let options = ReadLogs {
        stdout: query.boolean("stdout"),
        stderr: query.boolean("stderr"),
        follow: query.boolean("follow"),
        since: query.time("since")?,
        until: query.time("until")?.filter(|until| !until.is_zero()),
        // "all", nothing, and whatever else is no number of lines mean all of them, as in dockerd.
        tail: query.get("tail").parse().ok(),
    };
    if !options.stdout && !options.stderr {
        return Err(ApiError::invalid("Bad parameters: you must choose at least one stream"));
    }
    let dress = lines::Dress { timestamps: query.boolean("timestamps"), details: query.boolean("details") };
    let logs = call.api.engine.logs(&call.name, options).await?;
    let content_type = hijack::content_type(&call, !logs.tty);
    Ok(reply::stream(content_type, lines::bytes(logs, dress)))
}
