//! A conversation with one repository at one endpoint: requests, and the way in when they are refused.
//!
//! Called by pull and login. A token is fetched when the registry asks for one and again when it has expired; parallel
//! requests share it. Credentials are sent to the endpoint itself or to the token server it names, and nowhere else;
//! mirrors of `docker.io` get none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Client, Response, StatusCode};
use tokio::sync::Mutex;

use super::body::{bounded, default_message, wire_error};
use super::challenge::{self, Challenge};
use super::settings::Endpoint;
use super::token::{Credentials, Request};
use super::transport::{Transport, words};
use super::{RegistryError, WireError};

/// Largest error body read.
const MAX_ERROR: u64 = 256 * 1024;

/// A conversation.
pub(crate) struct Session {
    client: Client,
    transport: Arc<Transport>,
    endpoint: Endpoint,
    /// The repository's path; empty for the registry as a whole.
    repository: String,
    credentials: Credentials,
    authorization: Mutex<Authorization>,
    /// Whether to ask for a refresh token, as a login does.
    offline: bool,
    /// Whether the endpoint has answered anything yet.
    reached: AtomicBool,
}

#[derive(Default)]
struct Authorization {
    header: Option<HeaderValue>,
    identity: Option<String>,
}

impl Session {
    pub(crate) fn new(
        transport: &Arc<Transport>,
        endpoint: Endpoint,
        repository: &str,
        credentials: Option<&Credentials>,
    ) -> Result<Self, RegistryError> {
        let credentials = credentials.filter(|_| !endpoint.mirror).cloned().unwrap_or_default();
        let header = Some(&credentials.registry_token).filter(|token| !token.is_empty());
        let header = header.and_then(|token| header_value(&format!("Bearer {token}")));
        Ok(Self {
            client: transport.client(&endpoint)?,
            transport: transport.clone(),
            endpoint,
            repository: repository.to_owned(),
            credentials,
            authorization: Mutex::new(Authorization { header, identity: None }),
            offline: false,
            reached: AtomicBool::new(false),
        })
    }

    /// Asks for a refresh token too.
    pub(super) fn offline(self) -> Self {
        Self { offline: true, ..self }
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(super) fn transport(&self) -> &Transport {
        &self.transport
    }

    /// A refresh token, if the token server gave one.
    pub(super) async fn identity(&self) -> Option<String> {
        self.authorization.lock().await.identity.clone()
    }

    /// The address of something in the repository.
    pub(crate) fn url(&self, rest: &str) -> String {
        format!("{}/v2/{}/{rest}", self.endpoint.url, self.repository)
    }

    /// Gets a URL of the endpoint, finding a way in when asked to; any status that is not a success is an error.
    pub(crate) async fn get(&self, url: &str, headers: &HeaderMap) -> Result<Response, RegistryError> {
        let answer = self.get_any(url, headers).await?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        Err(self.failure(answer).await)
    }

    /// Gets a URL of the endpoint; the answer may have any status.
    pub(super) async fn get_any(&self, url: &str, headers: &HeaderMap) -> Result<Response, RegistryError> {
        let sent = self.authorization.lock().await.header.clone();
        let answer = self.send(url, headers, sent.as_ref()).await?;
        if answer.status() != StatusCode::UNAUTHORIZED || !self.credentials.registry_token.is_empty() {
            return Ok(answer);
        }
        let challenges = challenges(&answer);
        match self.authorize(url, &challenges, sent).await? {
            Some(header) => self.send(url, headers, Some(&header)).await,
            None => Ok(answer),
        }
    }

    async fn send(
        &self,
        url: &str,
        headers: &HeaderMap,
        authorization: Option<&HeaderValue>,
    ) -> Result<Response, RegistryError> {
        let mut request = self.client.get(url).headers(headers.clone());
        if let Some(value) = authorization {
            request = request.header(AUTHORIZATION, value);
        }
        let failed = |words: String| RegistryError::Transport { method: "Get", url: url.to_owned(), words };
        let answer = tokio::time::timeout(self.transport.stall(), request.send()).await;
        let answer =
            answer.map_err(|_| failed("no answer in time".to_owned()))?.map_err(|error| failed(words(&error)))?;
        self.reached.store(true, Ordering::Relaxed);
        Ok(answer)
    }

    /// Whether the endpoint has answered anything yet.
    pub(super) fn is_reached(&self) -> bool {
        self.reached.load(Ordering::Relaxed)
    }

    /// A header that may do better than the one that was refused; `None` when there is none.
    async fn authorize(
        &self,
        url: &str,
        challenges: &[Challenge],
        refused: Option<HeaderValue>,
    ) -> Result<Option<HeaderValue>, RegistryError> {
        let mut authorization = self.authorization.lock().await;
        if authorization.header.is_some() && authorization.header != refused {
            // Another request has just been let in.
            return Ok(authorization.header.clone());
        }
        let bearer = challenges.iter().find_map(|challenge| match challenge {
            Challenge::Bearer(bearer) => Some(bearer),
            Challenge::Basic => None,
        });
        if let Some(challenge) = bearer {
            let scope = (!self.repository.is_empty()).then(|| format!("repository:{}:pull", self.repository));
            let request = Request {
                client: &self.client,
                transport: &self.transport,
                endpoint: &self.endpoint,
                credentials: &self.credentials,
                challenge,
                scope: scope.as_deref(),
                offline: self.offline,
            };
            let token = request.send().await?;
            authorization.identity = token.identity();
            authorization.header = header_value(&token.bearer());
            return Ok(authorization.header.clone());
        }
        if challenges.contains(&Challenge::Basic) {
            let Some(basic) = self.credentials.basic() else {
                return Err(RegistryError::NoCredentials { method: "Get", url: url.to_owned() });
            };
            let header = header_value(&basic);
            if header == refused {
                return Ok(None);
            }
            authorization.header.clone_from(&header);
            return Ok(header);
        }
        Ok(None)
    }

    /// The failure an answer tells of.
    async fn failure(&self, answer: Response) -> RegistryError {
        let status = answer.status();
        if status == StatusCode::UNAUTHORIZED {
            for challenge in challenges(&answer) {
                let Challenge::Bearer(bearer) = challenge else { continue };
                let code = match bearer.error.as_deref() {
                    Some("insufficient_scope") => "DENIED",
                    Some("invalid_token") => "UNAUTHORIZED",
                    _ => continue,
                };
                let message = bearer.description.unwrap_or_else(|| default_message(code).to_owned());
                return RegistryError::Wire(WireError { code: code.to_owned(), message, status: status.as_u16() });
            }
        }
        match bounded(answer, MAX_ERROR, "the registry's error", self.transport.stall()).await {
            Ok(body) => wire_error(status, &body),
            Err(_) => wire_error(status, b""),
        }
    }
}

fn challenges(answer: &Response) -> Vec<Challenge> {
    challenge::parse(answer.headers().get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok()))
}

/// A secret as a header's value; `None` if it has bytes that no header may have.
fn header_value(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
