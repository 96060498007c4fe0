//! `login`: asks a registry whether credentials hold.

use super::pull::login;
use super::view::{Credentials, LoginOutcome};
use crate::engine::Engine;
use crate::error::Result;

impl Engine {
    /// Checks credentials against their registry.
    ///
    /// # Errors
    /// The registry's refusal; it cannot be reached.
    pub async fn login(&self, credentials: Credentials) -> Result<LoginOutcome> {
        let server = credentials.server.clone();
        let outcome = self.images_store().login(&server, &login(credentials)).await?;
        Ok(LoginOutcome { status: outcome.status, identity_token: outcome.identity_token.unwrap_or_default() })
    }
}
