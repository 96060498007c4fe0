//! `docker login`: are these credentials good? (`POST /auth`, moby `registry/auth.go`)

use reqwest::header::HeaderMap;

use super::session::Session;
use super::{Credentials, RegistryError};
use crate::Store;
use crate::error::ImageError;
use crate::reference::DEFAULT_DOMAIN;

/// A login that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedIn {
    /// `Login Succeeded`.
    pub status: String,
    /// A token to keep instead of the password, where the registry gives one.
    pub identity_token: Option<String>,
}

impl Store {
    /// Tries credentials at a registry, named as `docker login` names it (`localhost:5000`, `https://index.docker.io/v1/`,
    /// or nothing for Docker's own).
    ///
    /// # Errors
    /// [`RegistryError`] of class unauthorized when they are refused, in dockerd's words.
    pub async fn login(&self, server: &str, credentials: &Credentials) -> Result<LoggedIn, ImageError> {
        let host = host_of(server)?;
        let endpoints = self.blocking(move |shared| Ok(shared.registry.settings.endpoints(&host))).await?;
        let transport = &self.shared().registry.transport;
        let mut failure = None;
        for endpoint in endpoints.into_iter().filter(|endpoint| !endpoint.mirror) {
            let session = Session::new(transport, endpoint, "", Some(credentials))?.offline();
            match attempt(&session).await {
                Ok(logged_in) => return Ok(logged_in),
                // A registry that spoke has decided; only silence leads to the next endpoint.
                Err(error @ RegistryError::Transport { .. }) => failure = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        let nowhere = || RegistryError::Option { option: "registry", value: server.to_owned(), why: "no endpoint" };
        Err(failure.unwrap_or_else(nowhere).into())
    }
}

async fn attempt(session: &Session) -> Result<LoggedIn, RegistryError> {
    let url = format!("{}/v2/", session.endpoint().url);
    let answer = session.get_any(&url, &HeaderMap::new()).await?;
    let status = answer.status();
    if !status.is_success() {
        let reason = status.canonical_reason().unwrap_or_default().to_owned();
        return Err(RegistryError::Login { url, status: status.as_u16(), reason });
    }
    Ok(LoggedIn { status: "Login Succeeded".to_owned(), identity_token: session.identity().await })
}

/// The registry's host by the name a user gave.
fn host_of(server: &str) -> Result<String, RegistryError> {
    let bare = server.strip_prefix("https://").or_else(|| server.strip_prefix("http://")).unwrap_or(server);
    let host = bare.split('/').next().unwrap_or_default();
    match host {
        "" | "docker.io" | "index.docker.io" | "registry-1.docker.io" => Ok(DEFAULT_DOMAIN.to_owned()),
        host if crate::reference::is_domain(host) => Ok(host.to_owned()),
        _ => Err(RegistryError::Option { option: "registry", value: server.to_owned(), why: "not a host name" }),
    }
}
