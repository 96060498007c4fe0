//! Images that go out as a tar: `GET /images/get` and `GET /images/{name}/get`.

use super::one_platform;
use crate::call::Call;
use crate::error::Result;
use crate::reply::{self, Response};
use crate::stream::jsonlines;
use futures_util::StreamExt;

pub(crate) async fn save_one(call: Call) -> Result<Response> {
    let names = vec![call.name.clone()];
    save(call, names).await
}

pub(crate) async fn save_several(call: Call) -> Result<Response> {
    let names = call.query.all("names");
    save(call, names).await
}

async fn save(call: Call, names: Vec<String>) -> Result<Response> {
    let platform = one_platform(&call)?;
    let archive = call.api.engine.save(names, platform).await?;
    // The head is out by then: as dockerd, the failure stands where the rest of the tar should, so that no reader takes it
    // for whole.
    let bytes = archive.map(|chunk| chunk.unwrap_or_else(|error| jsonlines::failure(&error)));
    Ok(reply::stream("application/x-tar", bytes))
}
