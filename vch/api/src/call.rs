//! One request on its way through: what the route found out about it, and its body, read within bounds.

use crate::Api;
use crate::calls::Upload;
use crate::error::{ApiError, Result};
use crate::query::{Query, quoted};
use crate::upload;
use crate::version::Version;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::upgrade::OnUpgrade;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// Most bytes of a JSON body. dockerd has no bound; the largest create that a person writes is some kilobytes.
pub(crate) const JSON_BOUND: usize = 16 << 20;

/// A request, decoded as far as its route needs no more than its path and query.
pub(crate) struct Call {
    pub(crate) api: Arc<Api>,
    pub(crate) version: Version,
    /// What stands for the route's `{…}`, percent-decoded; empty for routes without one.
    pub(crate) name: String,
    pub(crate) query: Query,
    pub(crate) request: Request<Incoming>,
    /// Cancelled when the daemon is to stop.
    pub(crate) shutdown: CancellationToken,
}

impl Call {
    /// The request's headers.
    pub(crate) fn headers(&self) -> &HeaderMap {
        self.request.headers()
    }

    /// Whether the client asked to change protocols (dockerd looks at the header's presence only).
    pub(crate) fn wants_upgrade(&self) -> bool {
        self.headers().contains_key(http::header::UPGRADE)
    }

    /// The connection, once the reply's head is out.
    pub(crate) fn upgrade(&mut self) -> OnUpgrade {
        hyper::upgrade::on(&mut self.request)
    }

    /// Whether there is a body that has not been read.
    pub(crate) fn has_body(&self) -> bool {
        !self.request.body().is_end_stream()
    }

    /// Length of the body where the client said so.
    pub(crate) fn body_length(&self) -> Option<u64> {
        self.request.body().size_hint().exact()
    }

    /// The body as it arrives.
    pub(crate) fn into_upload(self) -> Upload {
        upload::of(self.request.into_body())
    }

    /// The body as JSON; none where there is no body (moby `httputils.ReadJSON`).
    ///
    /// # Errors
    /// Wrong content type, bad JSON, something behind it, too long, or the client stopped half-way.
    pub(crate) async fn json<T: DeserializeOwned>(&mut self) -> Result<Option<T>> {
        self.check_content_type()?;
        if !self.has_body() {
            return Ok(None);
        }
        parse_json(&self.bytes().await?).map(Some)
    }

    /// The body as JSON; its absence is an error (moby's create).
    ///
    /// # Errors
    /// As [`Call::json`], and `got EOF while reading request body`.
    pub(crate) async fn required_json<T: DeserializeOwned>(&mut self) -> Result<T> {
        self.check_content_type()?;
        parse_json(&self.bytes().await?)
    }

    /// The whole body.
    ///
    /// # Errors
    /// It is longer than [`JSON_BOUND`] or the client stopped half-way.
    pub(crate) async fn bytes(&mut self) -> Result<Bytes> {
        match Limited::new(self.request.body_mut(), JSON_BOUND).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => {
                Err(ApiError::too_large(format!("request body is larger than {} MiB", JSON_BOUND >> 20)))
            }
            Err(_) => Err(ApiError::invalid("invalid JSON: unexpected EOF")),
        }
    }

    /// Refuses a body that does not say it is JSON (moby `httputils.CheckForJSON`).
    fn check_content_type(&self) -> Result<()> {
        let given = self.headers().get(CONTENT_TYPE).map(|v| String::from_utf8_lossy(v.as_bytes()));
        let given = given.as_deref().unwrap_or_default();
        if given.is_empty() && !self.has_body() {
            return Ok(());
        }
        let media_type = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if media_type.is_empty() {
            return Err(ApiError::invalid(format!("malformed Content-Type header ({given}): mime: no media type")));
        }
        if media_type != "application/json" {
            return Err(ApiError::invalid(format!(
                "unsupported Content-Type header ({given}): must be 'application/json'"
            )));
        }
        Ok(())
    }
}

/// Runs a change to its end, whether or not the client stays for the answer.
///
/// # Errors
/// The call's own; 500 if it panicked.
pub(crate) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = vch_engine::Result<T>> + Send + 'static,
) -> Result<T> {
    match tokio::spawn(work.in_current_span()).await {
        Ok(outcome) => Ok(outcome?),
        Err(error) => Err(ApiError::unclassed(format!("the call did not come to its end: {error}"))),
    }
}

/// One JSON value and nothing behind it.
///
/// # Errors
/// 400 in dockerd's words.
pub(crate) fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value: serde_json::Value = serde::Deserialize::deserialize(&mut reader).map_err(|error| {
        if !error.is_eof() {
            ApiError::invalid(format!("invalid JSON: {error}"))
        } else if bytes.iter().all(u8::is_ascii_whitespace) {
            ApiError::invalid("invalid JSON: got EOF while reading request body")
        } else {
            ApiError::invalid("invalid JSON: unexpected EOF")
        }
    })?;
    reader.end().map_err(|_| ApiError::invalid("unexpected content after JSON"))?;
    serde_json::from_value(value).map_err(|error| ApiError::invalid(format!("invalid JSON: {error}")))
}

/// `os[/arch[/variant]]` in characters that a platform may have.
///
/// # Errors
/// 400 in containerd's words.
pub(crate) fn platform(text: &str) -> Result<String> {
    let parts: Vec<&str> = text.split('/').collect();
    for part in &parts {
        if part.is_empty() || !part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) {
            return Err(ApiError::invalid(format!(
                "{} is an invalid component of {}: platform specifier component must match \"^[A-Za-z0-9_.-]+$\": invalid argument",
                quoted(part),
                quoted(text)
            )));
        }
    }
    if parts.len() > 3 {
        return Err(ApiError::invalid(format!("{}: cannot parse platform specifier: invalid argument", quoted(text))));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn bad_json_is_told_in_dockers_words() {
        let words = |text: &str| parse_json::<Value>(text.as_bytes()).unwrap_err().message;
        assert_eq!(words(""), "invalid JSON: got EOF while reading request body");
        assert_eq!(words("  \n"), "invalid JSON: got EOF while reading request body");
        assert_eq!(words(r#"{"Image":"#), "invalid JSON: unexpected EOF");
        assert_eq!(words(r"{}{}"), "unexpected content after JSON");
        assert!(words("{nonsense}").starts_with("invalid JSON: "));
    }

    #[test]
    fn deep_nesting_is_refused_and_not_recursed_into() {
        let words = parse_json::<Value>("[".repeat(100_000).as_bytes()).unwrap_err().message;
        assert!(words.starts_with("invalid JSON: "), "{words}");
    }

    #[test]
    fn platforms_are_checked() {
        assert_eq!(platform("linux/arm64/v8").unwrap(), "linux/arm64/v8");
        for text in ["linux//", "a/b/c/d", "li nux", ""] {
            assert!(platform(text).is_err(), "{text}");
        }
    }
}
