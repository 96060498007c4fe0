//! The answer to `wait`.

use serde::Serialize;
use vch_engine::requests::Waited;

/// moby `api/types/container.WaitResponse`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct WaitResponse {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<WaitError>,
    status_code: i32,
}

/// Why a removal failed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct WaitError {
    message: String,
}

impl From<Waited> for WaitResponse {
    fn from(waited: Waited) -> Self {
        Self { error: waited.error.map(|message| WaitError { message }), status_code: waited.code }
    }
}
