//! From a request to a reply: path and version are read, the route is found, and every reply gets dockerd's headers.

use crate::Api;
use crate::call::Call;
use crate::error::ApiError;
use crate::query::Query;
use crate::reply::Response;
use crate::routes::{self, Action};
use crate::version::{self, CURRENT, OLDEST, Version};
use http::header::{HeaderName, HeaderValue, SERVER};
use http::{Method, Request};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// Answers one request.
pub(crate) async fn answer(api: Arc<Api>, request: Request<Incoming>, shutdown: CancellationToken) -> Response {
    let span = tracing::info_span!("request", id = api.next_request(), method = %request.method(), path = %request.uri().path());
    let server = HeaderValue::try_from(format!("Docker/{} (linux)", api.server_version));
    async move {
        let started = std::time::Instant::now();
        let mut response = route(api, request, shutdown).await;
        tracing::debug!(status = response.status().as_u16(), milliseconds = started.elapsed().as_millis(), "answered");
        let headers = response.headers_mut();
        headers.insert(HeaderName::from_static("api-version"), current_version());
        headers.insert(HeaderName::from_static("ostype"), HeaderValue::from_static("linux"));
        headers.insert(HeaderName::from_static("docker-experimental"), HeaderValue::from_static("false"));
        if let Ok(server) = server {
            headers.insert(SERVER, server);
        }
        response
    }
    .instrument(span)
    .await
}

fn current_version() -> HeaderValue {
    HeaderValue::try_from(CURRENT.to_string()).unwrap_or_else(|_| HeaderValue::from_static(""))
}

async fn route(api: Arc<Api>, request: Request<Incoming>, shutdown: CancellationToken) -> Response {
    // Go matches routes on the decoded path, and replaces what is no UTF-8 likewise.
    let path = percent_decode_str(request.uri().path()).decode_utf8_lossy().into_owned();
    if request.method() == Method::OPTIONS {
        return routes::options();
    }
    let (requested, path) = routes::split_version(&path);
    let Some((route, name)) = routes::find(request.method().as_str(), path) else { return routes::unknown() };
    let version = match version::negotiate_from(requested, route.oldest()) {
        Ok(version) => version,
        Err(error) if requested.is_some_and(too_old_for_json) => return error.into_plain_response(),
        Err(error) => return error.into_response(),
    };
    let outcome = match (&route.action, route.refusal(name)) {
        (Action::Handle(handler), _) => match Query::parse(request.uri().query().unwrap_or_default()) {
            Ok(query) => handler(Call { api, version, name: name.to_owned(), query, request, shutdown }).await,
            Err(error) => Err(error),
        },
        (_, refusal) => Err(refusal.unwrap_or_else(ApiError::page_not_found)),
    };
    outcome.unwrap_or_else(|error| {
        if error.status.is_server_error() {
            tracing::warn!(status = error.status.as_u16(), "{error}");
        }
        error.into_response()
    })
}

/// Whether a client asked for a version from before errors were JSON.
fn too_old_for_json(requested: &str) -> bool {
    Version::read(requested) < OLDEST
}
