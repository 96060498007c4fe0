//! `POST /containers/create`.

use crate::call::{self, Call};
use crate::decode;
use crate::error::Result;
use crate::reply::{self, Response};
use crate::wire::create::{CreateRequest, CreateResponse};
use http::StatusCode;
use vch_engine::requests::Create;

pub(crate) async fn create(mut call: Call) -> Result<Response> {
    let body: CreateRequest = call.required_json().await?;
    let (spec, mut warnings) = decode::container(body, call.version)?;
    let platform = match call.query.text("platform").filter(|_| call.version.since(41)) {
        Some(text) => Some(call::platform(&text)?),
        None => None,
    };
    let created = call.api.engine.create(Create { name: call.query.text("name"), platform, spec }).await?;
    warnings.extend(created.warnings);
    Ok(reply::json(StatusCode::CREATED, &CreateResponse { id: created.id, warnings }))
}
