//! Images that come in: `POST /images/create` (pull, import) and `POST /images/load`.

use super::one_platform;
use crate::call::{self, Call};
use crate::decode;
use crate::error::{ApiError, Result};
use crate::reply::Response;
use crate::stream::jsonlines;
use futures_util::{StreamExt, stream};
use vch_engine::image::view::{Import, Pull};

pub(crate) async fn create(call: Call) -> Result<Response> {
    let platform = match call.query.text("platform").filter(|_| call.version.since(32)) {
        Some(text) => Some(call::platform(&text)?),
        None => None,
    };
    if call.query.get("fromImage").is_empty() { import(call, platform).await } else { pull(call, platform).await }
}

async fn pull(call: Call, platform: Option<String>) -> Result<Response> {
    // "pull -a" may send a name with a colon at its end.
    let name = call.query.get("fromImage");
    let request = Pull {
        name: name.strip_suffix(':').unwrap_or(name).to_owned(),
        tag: call.query.get("tag").to_owned(),
        platform,
        credentials: decode::registry_auth(call.headers()),
    };
    jsonlines::reply(call.api.engine.pull(request).await?).await
}

async fn import(call: Call, platform: Option<String>) -> Result<Response> {
    let source = call.query.get("fromSrc");
    if source != "-" {
        return Err(ApiError::not_implemented(
            "import from a URL is not supported: send the tar as the request's body with fromSrc=-",
        ));
    }
    let message = call.query.text("message").unwrap_or_else(|| format!("Imported from {source}"));
    let request = Import {
        repository: call.query.get("repo").to_owned(),
        tag: call.query.get("tag").to_owned(),
        message,
        changes: call.query.all("changes"),
        platform,
    };
    let engine = call.api.engine.clone();
    jsonlines::reply(engine.import(request, call.into_upload()).await?).await
}

pub(crate) async fn load(call: Call) -> Result<Response> {
    let platform = one_platform(&call)?;
    let quiet = call.query.boolean_or("quiet", true);
    let engine = call.api.engine.clone();
    // dockerd has begun its reply before it looks at the archive, so that every failure is a line of it.
    let messages = engine
        .load(quiet, platform, call.into_upload())
        .await
        .unwrap_or_else(|error| stream::iter([Err(error)]).boxed());
    Ok(jsonlines::begun(messages))
}
