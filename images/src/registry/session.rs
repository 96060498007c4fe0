//! A conversation with one repository at one endpoint: requests, and the way in when they are refused.
//!
//! Called by pull, push and login. A token is fetched when the registry asks for one and again when it has expired; parallel
//! requests share it. Credentials are sent to the endpoint itself or to the token server it names, and nowhere else;
//! mirrors of `docker.io` get none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Client, Method, Response, StatusCode};
use tokio::sync::Mutex;

use super::body::{bounded, default_message, wire_error};
use super::challenge::{self, Challenge};
use super::outgoing::{Outgoing, unless_still};
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
    /// What is to be done in the repository, in a token's words; said where the registry's challenge names no scope.
    actions: &'static str,
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
            actions: "pull",
            reached: AtomicBool::new(false),
        })
    }

    /// Asks for a refresh token too.
    pub(super) fn offline(self) -> Self {
        Self { offline: true, ..self }
    }

    /// Asks to write, too.
    pub(crate) fn writing(self) -> Self {
        Self { actions: "pull,push", ..self }
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
        self.any(&Outgoing { headers: headers.clone(), ..Outgoing::new(Method::GET, url) }).await
    }

    /// Sends a request, finding a way in when asked to; any status that is not a success is an error.
    pub(super) async fn ask(&self, request: &Outgoing) -> Result<Response, RegistryError> {
        let answer = self.any(request).await?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        Err(self.failure(answer).await)
    }

    /// Sends a request, finding a way in when asked to; the answer may have any status.
    pub(super) async fn any(&self, request: &Outgoing) -> Result<Response, RegistryError> {
        let sent = self.authorization.lock().await.header.clone();
        let answer = self.send(request, sent.as_ref()).await?;
        if answer.status() != StatusCode::UNAUTHORIZED || !self.credentials.registry_token.is_empty() {
            return Ok(answer);
        }
        let challenges = challenges(&answer);
        match self.authorize(request, &challenges, sent).await? {
            Some(header) => self.send(request, Some(&header)).await,
            None => Ok(answer),
        }
    }

    /// Sends a request as it is. An address elsewhere, as some registries give for uploads, sees no secret.
    pub(super) async fn send(
        &self,
        request: &Outgoing,
        authorization: Option<&HeaderValue>,
    ) -> Result<Response, RegistryError> {
        let (method, url) = (request.word(), &request.url);
        let failed = |words: String| RegistryError::Transport { method, url: url.clone(), words };
        let mut building = self.client.request(request.method.clone(), url).headers(request.headers.clone());
        let (body, moved) = request.payload.open().await.map_err(|error| failed(error.to_string()))?;
        building = match body {
            Some((body, length)) => building.header(CONTENT_LENGTH, length).body(body),
            None if request.method != Method::GET && request.method != Method::HEAD => {
                building.header(CONTENT_LENGTH, 0)
            }
            None => building,
        };
        if let Some(value) = authorization.filter(|_| self.is_home(url)) {
            building = building.header(AUTHORIZATION, value);
        }
        let answer = unless_still(self.transport.stall(), &moved, building.send()).await;
        let answer =
            answer.ok_or_else(|| failed("no answer in time".to_owned()))?.map_err(|error| failed(words(&error)))?;
        self.reached.store(true, Ordering::Relaxed);
        Ok(answer)
    }

    /// Whether an address is one of the endpoint itself.
    fn is_home(&self, url: &str) -> bool {
        let origin = |url: &str| url::Url::parse(url).ok().map(|url| url.origin());
        origin(url).is_some_and(|found| Some(found) == origin(&self.endpoint.url))
    }

    /// Whether the endpoint has answered anything yet.
    pub(super) fn is_reached(&self) -> bool {
        self.reached.load(Ordering::Relaxed)
    }

    /// A header that may do better than the one that was refused; `None` when there is none.
    async fn authorize(
        &self,
        asked: &Outgoing,
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
            let scope =
                (!self.repository.is_empty()).then(|| format!("repository:{}:{}", self.repository, self.actions));
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
                return Err(RegistryError::NoCredentials { method: asked.word(), url: asked.url.clone() });
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
    pub(super) async fn failure(&self, answer: Response) -> RegistryError {
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
