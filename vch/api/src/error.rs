//! From an engine's error to an HTTP status: the only place that knows which kind has which (after moby's
//! `api/server/httpstatus/status.go`).

use crate::reply::{self, Response};
use http::StatusCode;
use vch_engine::{Error, Kind};

/// What a handler gives back instead of a reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
}

/// A handler's result.
pub(crate) type Result<T> = std::result::Result<T, ApiError>;

/// The status of each kind.
fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::InvalidParameter => StatusCode::BAD_REQUEST,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::NotModified => StatusCode::NOT_MODIFIED,
        Kind::Unauthorized => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotImplemented => StatusCode::NOT_IMPLEMENTED,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::System => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self { status: status(error.kind), message: error.message }
    }
}

impl ApiError {
    /// The request is wrong: 400.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Error::invalid(message).into()
    }

    /// vch does not do this: 501.
    pub(crate) fn not_implemented(message: impl Into<String>) -> Self {
        Error::not_implemented(message).into()
    }

    /// A value that dockerd passes to Go's number parser without classing the failure, hence its 500.
    pub(crate) fn unclassed(message: impl Into<String>) -> Self {
        Error::system(message).into()
    }

    /// A body beyond the bound: 413. dockerd has no bound here.
    pub(crate) fn too_large(message: impl Into<String>) -> Self {
        Self { status: StatusCode::PAYLOAD_TOO_LARGE, message: message.into() }
    }

    /// No such path or method: 404 in moby's words.
    pub(crate) fn page_not_found() -> Self {
        Error::not_found("page not found").into()
    }

    /// `{"message": …}`; a 304 has no body.
    pub(crate) fn into_response(self) -> Response {
        if self.status == StatusCode::NOT_MODIFIED {
            return reply::empty(self.status);
        }
        reply::json(self.status, &serde_json::json!({ "message": self.message }))
    }

    /// The message as plain text, for clients so old that they expect it (below API 1.24, `api/server/server.go`).
    pub(crate) fn into_plain_response(self) -> Response {
        reply::text(self.status, format!("{}\n", self.message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_the_status_that_moby_gives_it() {
        for (kind, code) in [
            (Kind::NotFound, 404),
            (Kind::InvalidParameter, 400),
            (Kind::Conflict, 409),
            (Kind::NotModified, 304),
            (Kind::Unauthorized, 401),
            (Kind::Forbidden, 403),
            (Kind::NotImplemented, 501),
            (Kind::Unavailable, 503),
            (Kind::System, 500),
        ] {
            let error = ApiError::from(Error { kind, message: "m".into() });
            assert_eq!(error.into_response().status().as_u16(), code);
        }
    }
}
