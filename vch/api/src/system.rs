//! The daemon itself: ping, version, info, login, events, and its plugins, of which there are none.

use crate::call::Call;
use crate::decode;
use crate::encode;
use crate::error::{ApiError, Result};
use crate::reply::{self, Response};
use crate::wire::auth::AuthConfig;
use bytes::Bytes;
use futures_util::StreamExt;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, HeaderName, HeaderValue, PRAGMA};
use http::{Method, StatusCode};
use vch_engine::events::{Event, Subject};
use vch_engine::requests::WatchEvents;

pub(crate) async fn ping(call: Call) -> Result<Response> {
    let head = call.request.method() == Method::HEAD;
    let mut response = reply::text(StatusCode::OK, if head { "" } else { "OK" });
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store, must-revalidate"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    // 1 is the classic builder: older clients that read 2 would open a BuildKit session.
    headers.insert(HeaderName::from_static("builder-version"), HeaderValue::from_static("1"));
    headers.insert(HeaderName::from_static("swarm"), HeaderValue::from_static("inactive"));
    if head {
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    Ok(response)
}

pub(crate) async fn version(call: Call) -> Result<Response> {
    let info = call.api.engine.info().await;
    Ok(reply::ok(&encode::version(&info, &call.api)))
}

pub(crate) async fn info(call: Call) -> Result<Response> {
    let info = call.api.engine.info().await;
    Ok(reply::ok(&encode::info(&info, &call.api.server_version, call.version)))
}

pub(crate) async fn auth(mut call: Call) -> Result<Response> {
    // dockerd decodes this body by hand: no content type is asked for, and bad JSON is not classed.
    let body = call.bytes().await?;
    let config: AuthConfig = serde_json::from_slice(&body).map_err(|error| ApiError::unclassed(error.to_string()))?;
    let outcome = call.api.engine.login(decode::credentials(config)).await?;
    Ok(reply::ok(&encode::login(outcome)))
}

pub(crate) async fn events(call: Call) -> Result<Response> {
    let query = &call.query;
    let (since, until) = (query.time("since")?, query.time("until")?);
    if let (Some(from), Some(to)) = (since, until)
        && to < from
    {
        return Err(ApiError::invalid(format!(
            "`since` time ({}) cannot be after `until` time ({})",
            query.get("since"),
            query.get("until")
        )));
    }
    let events = call.api.engine.events(WatchEvents { since, until, filters: query.filters()? })?;
    let version = call.version;
    // An image's creation is told since API 1.46.
    let told = move |event: &Event| version.since(46) || event.subject != Subject::Image || event.action != "create";
    let lines = events.filter_map(move |event| std::future::ready(told(&event).then(|| line(&event))));
    // Nothing else would end it: a watcher must not hold up the daemon's end.
    let lines = lines.take_until(call.shutdown.cancelled_owned());
    Ok(reply::stream("application/json", lines))
}

fn line(event: &Event) -> Bytes {
    let mut bytes = serde_json::to_vec(&encode::event(event)).unwrap_or_default();
    bytes.push(b'\n');
    bytes.into()
}

pub(crate) async fn plugins(_: Call) -> Result<Response> {
    Ok(reply::ok(&[(); 0]))
}
