//! Replies: JSON as dockerd writes it, empty ones, and bodies that are streamed.

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response as HttpResponse, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use serde::Serialize;
use vch_engine::stream::Content;

/// A reply's body. An error ends the connection, which is how a client learns that the rest is missing.
pub(crate) type Body = UnsyncBoxBody<Bytes, vch_engine::Error>;

/// A reply.
pub(crate) type Response = HttpResponse<Body>;

/// A reply with this body.
pub(crate) fn with(status: StatusCode, content_type: &'static str, body: Body) -> Response {
    let mut response = HttpResponse::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Bytes in one piece.
pub(crate) fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// JSON with a newline behind it, as Go's encoder writes it.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(mut bytes) => {
            bytes.push(b'\n');
            with(status, "application/json", whole(bytes))
        }
        // Only a map with keys that are no strings can fail, and there is none in `wire`.
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("reply cannot be written as JSON: {error}\n")),
    }
}

/// 200 with JSON.
pub(crate) fn ok(value: &impl Serialize) -> Response {
    json(StatusCode::OK, value)
}

/// Plain text.
pub(crate) fn text(status: StatusCode, words: impl Into<Bytes>) -> Response {
    with(status, "text/plain; charset=utf-8", whole(words))
}

/// No body.
pub(crate) fn empty(status: StatusCode) -> Response {
    let mut response = HttpResponse::new(whole(Bytes::new()));
    *response.status_mut() = status;
    response
}

/// 204.
pub(crate) fn no_content() -> Response {
    empty(StatusCode::NO_CONTENT)
}

/// 200 whose head goes out at once and whose body follows piece by piece, each flushed as it comes.
pub(crate) fn stream(content_type: &'static str, pieces: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    let frames = pieces.map(|bytes| Ok(Frame::data(bytes)));
    with(StatusCode::OK, content_type, StreamBody::new(frames).boxed_unsync())
}

/// 200 with bytes that may break off.
pub(crate) fn download(content_type: &'static str, content: Content) -> Response {
    let frames = content.map(|piece| match piece {
        Ok(bytes) => Ok(Frame::data(bytes)),
        Err(error) => {
            tracing::warn!("a download breaks off: {error}");
            Err(error)
        }
    });
    with(StatusCode::OK, content_type, StreamBody::new(frames).boxed_unsync())
}
