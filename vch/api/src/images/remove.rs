//! Images that go: `DELETE /images/{name}` and `POST /images/prune`.

use crate::call::{Call, to_the_end};
use crate::encode;
use crate::error::{ApiError, Result};
use crate::reply::{self, Response};
use crate::wire::prune::ImagesPruned;

pub(crate) async fn remove(call: Call) -> Result<Response> {
    if call.name.trim().is_empty() {
        return Err(ApiError::invalid("image name cannot be blank"));
    }
    if call.version.since(50) && !call.query.get("platforms").is_empty() {
        return Err(ApiError::not_implemented(
            "removing some platforms of an image is not supported: an image here has one",
        ));
    }
    let (force, no_prune) = (call.query.boolean("force"), call.query.boolean("noprune"));
    let Call { api, name, .. } = call;
    let removed = to_the_end(async move { api.engine.remove_image(&name, force, no_prune).await }).await?;
    Ok(reply::ok(&removed.into_iter().map(encode::removed).collect::<Vec<_>>()))
}

pub(crate) async fn prune(call: Call) -> Result<Response> {
    let filters = call.query.filters()?;
    let (removed, space) = to_the_end(async move { call.api.engine.prune_images(&filters).await }).await?;
    let removed: Vec<_> = removed.into_iter().map(encode::removed).collect();
    Ok(reply::ok(&ImagesPruned { images_deleted: (!removed.is_empty()).then_some(removed), space_reclaimed: space }))
}
