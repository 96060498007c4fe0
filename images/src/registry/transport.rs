//! HTTP clients: one per registry host, with its certificates, proxies from the environment and bounds on standing still.
//!
//! Called by `session.rs`. Redirects are followed (ten at most); credentials are not carried to another host.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Certificate, Client, ClientBuilder, Identity, NoProxy, Proxy, redirect};

use super::RegistryError;
use super::settings::Endpoint;
use crate::content::StoreOptions;

/// Hosts never asked through a proxy, as Go has it.
const LOCAL: &str = "localhost,127.0.0.0/8,::1";

/// Makes and keeps the clients.
pub(crate) struct Transport {
    certificates: Option<PathBuf>,
    user_agent: String,
    stall: Duration,
    clients: Mutex<HashMap<(String, bool), Client>>,
}

impl Transport {
    pub(crate) fn new(options: &StoreOptions) -> Self {
        Self {
            certificates: options.certificates.clone(),
            user_agent: options.user_agent.clone(),
            stall: options.stall_timeout,
            clients: Mutex::default(),
        }
    }

    /// How long anything may stand still.
    pub(crate) fn stall(&self) -> Duration {
        self.stall
    }

    /// The client for an endpoint. Reads certificates the first time.
    pub(crate) fn client(&self, endpoint: &Endpoint) -> Result<Client, RegistryError> {
        let key = (endpoint.host.clone(), endpoint.insecure);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let client = self.build(endpoint)?;
        clients.insert(key, client.clone());
        Ok(client)
    }

    fn build(&self, endpoint: &Endpoint) -> Result<Client, RegistryError> {
        let mut builder = Client::builder()
            .user_agent(&self.user_agent)
            .connect_timeout(self.stall)
            .pool_idle_timeout(Duration::from_secs(20))
            .redirect(redirect::Policy::limited(10))
            .danger_accept_invalid_certs(endpoint.insecure)
            // Reading the system's authorities takes its time, and where any certificate does they are not asked.
            .tls_built_in_root_certs(!endpoint.insecure)
            .no_proxy();
        for proxy in proxies() {
            builder = builder.proxy(proxy);
        }
        // The name was checked against the reference grammar: it has no slash and does not climb.
        if let Some(directory) = self.certificates.as_ref().map(|root| root.join(&endpoint.host)) {
            builder = certificates(builder, &directory)?;
        }
        builder.build().map_err(|error| RegistryError::Transport {
            method: "Get",
            url: endpoint.url.clone(),
            words: words(&error),
        })
    }
}

/// `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, in either case.
fn proxies() -> Vec<Proxy> {
    let variable = |name: &str| {
        let value = std::env::var(name).or_else(|_| std::env::var(name.to_lowercase())).ok();
        value.filter(|value| !value.is_empty())
    };
    let except = variable("NO_PROXY").map_or_else(|| LOCAL.to_owned(), |list| format!("{list},{LOCAL}"));
    let http = variable("HTTP_PROXY").and_then(|url| Proxy::http(url).ok());
    let https = variable("HTTPS_PROXY").and_then(|url| Proxy::https(url).ok());
    let proxies = http.into_iter().chain(https);
    proxies.map(|proxy| proxy.no_proxy(NoProxy::from_string(&except))).collect()
}

/// Adds what lies in a registry's directory: `*.crt` are authorities, `x.cert` with `x.key` shows who we are.
fn certificates(mut builder: ClientBuilder, directory: &Path) -> Result<ClientBuilder, RegistryError> {
    let Ok(entries) = fs::read_dir(directory) else { return Ok(builder) };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        let bad = |words: String| RegistryError::Certificate { path: path.display().to_string(), words };
        let read = |path: &Path| fs::read(path).map_err(|error| bad(error.to_string()));
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("crt") => {
                for certificate in Certificate::from_pem_bundle(&read(&path)?).map_err(|e| bad(words(&e)))? {
                    builder = builder.add_root_certificate(certificate);
                }
            }
            Some("cert") => {
                let mut pem = read(&path)?;
                pem.push(b'\n');
                pem.extend(read(&path.with_extension("key"))?);
                builder = builder.identity(Identity::from_pem(&pem).map_err(|e| bad(words(&e)))?);
            }
            _ => {}
        }
    }
    Ok(builder)
}

/// The innermost reasons of a failed request, in one line, without the URL that the caller prints.
pub(super) fn words(error: &reqwest::Error) -> String {
    let mut reasons: Vec<String> = Vec::new();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        let text = inner.to_string();
        if !text.is_empty() && reasons.last().is_none_or(|last| !last.ends_with(&text)) {
            reasons.push(text);
        }
        source = inner.source();
    }
    if reasons.is_empty() {
        reasons.push(error.to_string());
    }
    let all = reasons.join(": ");
    if all.contains("InvalidContentType") || all.contains("corrupt message") {
        return "http: server gave HTTP response to HTTPS client".to_owned();
    }
    all
}
