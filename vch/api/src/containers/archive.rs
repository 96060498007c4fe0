//! `docker cp`: HEAD, GET and PUT of `/containers/{name}/archive` (moby `api/server/router/container/copy.go`).

use crate::call::{Call, to_the_end};
use crate::encode;
use crate::error::{ApiError, Result};
use crate::reply::{self, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use http::header::{HeaderName, HeaderValue};
use vch_engine::requests::Extract;
use vch_engine::stream::PathStat;

const TAR: &str = "application/x-tar";

pub(crate) async fn stat(call: Call) -> Result<Response> {
    let stat = call.api.engine.stat_path(&call.name, path(&call)?).await?;
    with_stat(reply::empty(StatusCode::OK), &stat)
}

pub(crate) async fn pack(call: Call) -> Result<Response> {
    let archive = call.api.engine.archive(&call.name, path(&call)?).await?;
    with_stat(reply::download(TAR, archive.content), &archive.stat)
}

pub(crate) async fn extract(call: Call) -> Result<Response> {
    let request = Extract {
        path: path(&call)?.to_owned(),
        keep_kinds: call.query.boolean("noOverwriteDirNonDir"),
        to_user: call.query.boolean("copyUIDGID"),
    };
    let (engine, name) = (call.api.engine.clone(), call.name.clone());
    let body = call.into_upload();
    to_the_end(async move { engine.extract(&name, request, body).await }).await?;
    Ok(reply::empty(StatusCode::OK))
}

fn path(call: &Call) -> Result<&str> {
    match call.query.get("path") {
        // dockerd's own words.
        "" => Err(ApiError::invalid("bad parameter: pathcannot be empty")),
        path if path.contains('\0') => Err(ApiError::invalid("bad parameter: path has a NUL byte")),
        path => Ok(path),
    }
}

fn with_stat(mut response: Response, stat: &PathStat) -> Result<Response> {
    let json = serde_json::to_vec(&encode::path_stat(stat))
        .map_err(|error| ApiError::unclassed(format!("what {} is cannot be told: {error}", stat.name)))?;
    let value = HeaderValue::try_from(STANDARD.encode(json))
        .map_err(|error| ApiError::unclassed(format!("what {} is cannot be told: {error}", stat.name)))?;
    response.headers_mut().insert(HeaderName::from_static("x-docker-container-path-stat"), value);
    Ok(response)
}
