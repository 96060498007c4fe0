//! Logins (moby `api/types/registry/authconfig.go`).

use super::object;
use serde::Serialize;

object! {
    /// A login for a registry; also what `X-Registry-Auth` carries.
    AuthConfig {
        "username" username: String,
        "password" password: String,
        "auth" auth: String,
        "serveraddress" server: String,
        "identitytoken" identity_token: String,
        "registrytoken" registry_token: String,
    }
}

/// The answer to `POST /auth`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AuthOutcome {
    pub(crate) identity_token: String,
    pub(crate) status: String,
}
