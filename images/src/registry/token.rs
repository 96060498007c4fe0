//! Credentials, and the token server that turns them into a token (distribution `spec/auth/token.md`, `oauth.md`).
//!
//! Called by `session.rs`.

use base64::Engine;
use reqwest::Client;
use serde::Deserialize;
use url::Url;

use super::RegistryError;
use super::body::{bounded, wire_error};
use super::challenge::Bearer;
use super::settings::Endpoint;
use super::transport::{Transport, words};

/// Largest answer of a token server.
const MAX_ANSWER: u64 = 1024 * 1024;
/// What Docker calls itself to token servers; some grant refresh tokens to known names only.
const CLIENT_ID: &str = "docker";

/// What a client gave in `X-Registry-Auth`; empty fields are absent.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// User.
    pub username: String,
    /// Password.
    pub password: String,
    /// A refresh token from an earlier login.
    pub identity_token: String,
    /// A token to send to the registry as it is.
    pub registry_token: String,
}

impl std::fmt::Debug for Credentials {
    /// Never shows a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

impl Credentials {
    /// The value of a basic `Authorization` header, when there is a user.
    pub(super) fn basic(&self) -> Option<String> {
        if self.username.is_empty() && self.password.is_empty() {
            return None;
        }
        let pair = format!("{}:{}", self.username, self.password);
        Some(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a token server answers.
#[derive(Deserialize)]
pub(super) struct Token {
    #[serde(default)]
    token: String,
    #[serde(default)]
    access_token: String,
    #[serde(default)]
    refresh_token: String,
}

impl Token {
    /// The value of the `Authorization` header.
    pub(super) fn bearer(&self) -> String {
        let token = if self.token.is_empty() { &self.access_token } else { &self.token };
        format!("Bearer {token}")
    }

    /// A token to log in with later.
    pub(super) fn identity(&self) -> Option<String> {
        (!self.refresh_token.is_empty()).then(|| self.refresh_token.clone())
    }
}

/// What a token is asked for.
pub(super) struct Request<'a> {
    pub(super) client: &'a Client,
    pub(super) transport: &'a Transport,
    pub(super) endpoint: &'a Endpoint,
    pub(super) credentials: &'a Credentials,
    pub(super) challenge: &'a Bearer,
    /// The scope if the challenge names none.
    pub(super) scope: Option<&'a str>,
    /// Whether a refresh token is wanted too.
    pub(super) offline: bool,
}

impl Request<'_> {
    /// Asks the token server.
    pub(super) async fn send(&self) -> Result<Token, RegistryError> {
        let refresh = !self.credentials.identity_token.is_empty();
        let method = if refresh { "Post" } else { "Get" };
        let refused = |url: &str, words: &str| RegistryError::Token {
            method,
            url: url.to_owned(),
            words: words.to_owned(),
            status: 0,
        };
        let realm = &self.challenge.realm;
        let mut url = Url::parse(realm).map_err(|_| refused(realm, "the token server's address is not a URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refused(realm, "the token server's address is neither http nor https"));
        }
        if url.scheme() == "http"
            && !self.endpoint.insecure
            && !self.endpoint.is_plain()
            && !self.credentials.is_empty()
        {
            return Err(refused(realm, "the token server is not encrypted: credentials are not sent there"));
        }
        let scope = self.challenge.scope.as_deref().or(self.scope);
        let request = if refresh {
            let mut form = vec![
                ("grant_type", "refresh_token"),
                ("client_id", CLIENT_ID),
                ("refresh_token", self.credentials.identity_token.as_str()),
            ];
            form.extend(self.challenge.service.as_deref().map(|service| ("service", service)));
            form.extend(scope.map(|scope| ("scope", scope)));
            self.client.post(url.clone()).form(&form)
        } else {
            self.add_query(&mut url, scope);
            let request = self.client.get(url.clone());
            match self.credentials.basic() {
                Some(basic) => request.header(reqwest::header::AUTHORIZATION, basic),
                None => request,
            }
        };
        url.set_query(None);
        let failed = |words: String| RegistryError::Transport { method, url: url.to_string(), words };
        let answer = tokio::time::timeout(self.transport.stall(), request.send()).await;
        let answer = answer.map_err(|_| failed("no answer in time".to_owned()))?.map_err(|e| failed(words(&e)))?;
        let status = answer.status();
        let body = bounded(answer, MAX_ANSWER, "the token server's answer", self.transport.stall()).await?;
        let wrong =
            |words: String| RegistryError::Token { method, url: url.to_string(), words, status: status.as_u16() };
        if !status.is_success() {
            let error = wire_error(status, &body);
            return Err(wrong(error.to_string()));
        }
        let token: Token =
            serde_json::from_slice(&body).map_err(|_| wrong("unable to decode token response".to_owned()))?;
        if token.token.is_empty() && token.access_token.is_empty() {
            return Err(wrong("authorization server did not include a token in the response".to_owned()));
        }
        Ok(token)
    }

    fn add_query(&self, url: &mut Url, scope: Option<&str>) {
        let mut query = url.query_pairs_mut();
        if let Some(service) = &self.challenge.service {
            query.append_pair("service", service);
        }
        for scope in scope.into_iter().flat_map(str::split_whitespace) {
            query.append_pair("scope", scope);
        }
        if self.offline {
            query.append_pair("offline_token", "true").append_pair("client_id", CLIENT_ID);
        }
        if !self.credentials.username.is_empty() {
            query.append_pair("account", &self.credentials.username);
        }
    }
}
