//! `POST /containers/{name}/update`.

use crate::call::{Call, to_the_end};
use crate::decode;
use crate::error::Result;
use crate::reply::{self, Response};
use crate::wire::update::{UpdateRequest, UpdateResponse};

pub(crate) async fn update(mut call: Call) -> Result<Response> {
    let UpdateRequest(body) = call.required_json().await?;
    let (update, mut warnings) = decode::update(body, call.version)?;
    let Call { api, name, .. } = call;
    warnings.extend(to_the_end(async move { api.engine.update(&name, update).await }).await?);
    Ok(reply::ok(&UpdateResponse { warnings: (!warnings.is_empty()).then_some(warnings) }))
}
