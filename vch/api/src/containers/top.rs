//! `GET /containers/{name}/top`.

use crate::call::Call;
use crate::error::Result;
use crate::reply::{self, Response};
use crate::wire::top::TopResponse;

pub(crate) async fn top(call: Call) -> Result<Response> {
    let table = call.api.engine.top(&call.name, call.query.get("ps_args")).await?;
    let processes = (!table.processes.is_empty()).then_some(table.processes);
    Ok(reply::ok(&TopResponse { processes, titles: table.titles }))
}
