//! `POST /images/{name}/push`.

use crate::call::Call;
use crate::decode;
use crate::error::{ApiError, Result};
use crate::reply::Response;
use crate::stream::jsonlines;
use crate::wire::auth::AuthConfig;
use vch_engine::image::view::Push;

pub(crate) async fn push(mut call: Call) -> Result<Response> {
    let credentials = if call.headers().contains_key("x-registry-auth") {
        // One that cannot be read is as if there were none, as in dockerd.
        decode::registry_auth(call.headers())
    } else {
        // From before there was that header: the login is the body.
        let body = call.bytes().await?;
        let config: AuthConfig = serde_json::from_slice(&body).map_err(|error| {
            let why = if body.is_empty() { "EOF".to_owned() } else { error.to_string() };
            ApiError::invalid(format!(
                "bad parameters and missing X-Registry-Auth: invalid X-Registry-Auth header: {why}"
            ))
        })?;
        Some(decode::credentials(config)).filter(|credentials| *credentials != Default::default())
    };
    // Clients sent it for long before it meant anything: it is passed over then, as in dockerd.
    let platform = match call.query.text("platform").filter(|_| call.version.since(46)) {
        Some(text) => Some(decode::platform_object(&text)?.text()),
        None => None,
    };
    let request = Push { name: call.name.clone(), tag: call.query.get("tag").to_owned(), platform, credentials };
    jsonlines::reply(call.api.engine.push(request).await?).await
}
