//! `POST /commit` (moby `api/server/router/container/container_routes.go`, postCommit).

use crate::call::{Call, to_the_end};
use crate::decode;
use crate::error::Result;
use crate::reply::{self, Response};
use crate::wire::exec::ExecCreated;
use http::StatusCode;
use vch_engine::image::view::Commit;

pub(crate) async fn commit(mut call: Call) -> Result<Response> {
    let config = decode::commit(call.json().await?)?;
    let query = &call.query;
    let request = Commit {
        container: query.get("container").to_owned(),
        repository: query.get("repo").to_owned(),
        tag: query.get("tag").to_owned(),
        author: query.get("author").to_owned(),
        comment: query.get("comment").to_owned(),
        pause: query.boolean_or("pause", true),
        changes: query.all("changes"),
        config,
    };
    let engine = call.api.engine.clone();
    let id = to_the_end(async move { engine.commit(request).await }).await?;
    // The shape of an exec's answer: an ID.
    Ok(reply::json(StatusCode::CREATED, &ExecCreated { id }))
}
