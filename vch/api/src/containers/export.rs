//! `GET /containers/{name}/export`.

use crate::call::Call;
use crate::error::Result;
use crate::reply::{self, Response};

/// dockerd names no type, and Go finds this one.
const BYTES: &str = "application/octet-stream";

pub(crate) async fn export(call: Call) -> Result<Response> {
    Ok(reply::download(BYTES, call.api.engine.export(&call.name).await?))
}
