//! Bodies of answers: read whole within a bound, and the errors in them.
//!
//! Called by every request of this room that wants more than a status.

use std::time::Duration;

use reqwest::{Response, StatusCode};
use serde::Deserialize;

use super::transport::words;
use super::{RegistryError, WireError};

/// How much of an unreadable body is quoted.
const QUOTED: usize = 200;

/// Reads a body whole; `limit` bounds its size, `stall` the wait for each piece.
pub(super) async fn bounded(
    mut answer: Response,
    limit: u64,
    what: &'static str,
    stall: Duration,
) -> Result<Vec<u8>, RegistryError> {
    if answer.content_length().is_some_and(|length| length > limit) {
        return Err(RegistryError::TooLarge { what, limit });
    }
    let url = answer.url().to_string();
    let failed = |words: String| RegistryError::Transport { method: "Get", url: url.clone(), words };
    let mut body = Vec::new();
    loop {
        let chunk = tokio::time::timeout(stall, answer.chunk()).await;
        let chunk =
            chunk.map_err(|_| failed("the connection stood still".to_owned()))?.map_err(|e| failed(words(&e)))?;
        let Some(chunk) = chunk else { return Ok(body) };
        if (body.len() + chunk.len()) as u64 > limit {
            return Err(RegistryError::TooLarge { what, limit });
        }
        body.extend_from_slice(&chunk);
    }
}

/// The failure that an answer's status and body tell of (distribution `client/errors.go`).
pub(super) fn wire_error(status: StatusCode, body: &[u8]) -> RegistryError {
    #[derive(Deserialize)]
    struct Errors {
        #[serde(default)]
        errors: Vec<Error>,
        #[serde(default)]
        details: String,
    }
    #[derive(Deserialize)]
    struct Error {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }
    let number = status.as_u16();
    let wire =
        |code: &str, message: String| RegistryError::Wire(WireError { code: code.to_owned(), message, status: number });
    if let Ok(Errors { errors, details }) = serde_json::from_slice(body) {
        if let Some(error) = errors.into_iter().next() {
            let code = if error.code.is_empty() { "UNKNOWN" } else { &error.code };
            let message = if error.message.is_empty() { default_message(code).to_owned() } else { error.message };
            return wire(code, message);
        }
        match number {
            401 if !details.is_empty() => return wire("UNAUTHORIZED", details),
            429 if !details.is_empty() => return wire("TOOMANYREQUESTS", details),
            _ => {}
        }
    }
    let text = String::from_utf8_lossy(&body[..body.len().min(QUOTED)]).trim().to_owned();
    match number {
        401 => wire("UNAUTHORIZED", default_message("UNAUTHORIZED").to_owned()),
        403 if text.is_empty() => wire("DENIED", default_message("DENIED").to_owned()),
        400..=499 if !text.is_empty() => RegistryError::Unparsable { status: number, body: text },
        _ => RegistryError::Status { status: number, reason: status.canonical_reason().unwrap_or_default().to_owned() },
    }
}

/// distribution's words for its codes.
pub(super) fn default_message(code: &str) -> &'static str {
    match code {
        "UNAUTHORIZED" => "authentication required",
        "DENIED" => "requested access to the resource is denied",
        "MANIFEST_UNKNOWN" => "manifest unknown",
        "NAME_UNKNOWN" => "repository name not known to registry",
        "TOOMANYREQUESTS" => "too many requests",
        _ => "unknown error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_in_the_registry_s_words() {
        let text =
            |status: u16, body: &str| wire_error(StatusCode::from_u16(status).unwrap(), body.as_bytes()).to_string();
        let unknown = r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{}}]}"#;
        assert_eq!(text(404, unknown), "manifest unknown: manifest unknown");
        assert_eq!(text(401, r#"{"errors":[{"code":"UNAUTHORIZED"}]}"#), "unauthorized: authentication required");
        assert_eq!(
            text(401, r#"{"details":"incorrect username or password"}"#),
            "unauthorized: incorrect username or password"
        );
        assert_eq!(text(401, "<html>"), "unauthorized: authentication required");
        assert_eq!(text(404, "<html>"), "error parsing HTTP 404 response body: \"<html>\"");
        assert_eq!(text(404, ""), "received unexpected HTTP status: 404 Not Found");
        assert_eq!(text(500, "oops"), "received unexpected HTTP status: 500 Internal Server Error");
        assert_eq!(
            text(429, r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}"#),
            "toomanyrequests: slow down"
        );
    }
}
