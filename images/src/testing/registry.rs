//! A registry on the test server: images by repository, and three ways of letting clients in.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use base64::Engine;
use serde_json::json;

use super::image::TestImage;
use super::server::{Answer, Seen, Server};
use crate::digest::Digest;

/// Who is let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Open,
    Basic,
    /// Tokens from `/token` of this host.
    Bearer,
}

/// The user that doors know.
pub(crate) const USER: &str = "user";
pub(crate) const PASSWORD: &str = "pass word";
pub(crate) const REFRESH: &str = "refresh-me";
/// The token the token server gives to those who may read.
pub(crate) const TOKEN: &str = "good-token";

#[derive(Default)]
struct Content {
    /// By path.
    documents: HashMap<String, (String, Vec<u8>)>,
    blobs: HashMap<Digest, Vec<u8>>,
    tags: Vec<String>,
    /// What was sent to uploads, by path.
    uploads: HashMap<String, Vec<u8>>,
}

/// A registry.
#[derive(Clone)]
pub(crate) struct TestRegistry {
    pub(crate) server: Server,
    content: Arc<Mutex<Content>>,
}

impl TestRegistry {
    pub(crate) async fn start(door: Door) -> Self {
        let content: Arc<Mutex<Content>> = Arc::default();
        let served = content.clone();
        let server = Server::start(move |seen| answer(&mut served.lock().unwrap(), &door, seen)).await;
        Self { server, content }
    }

    /// The name of a repository here.
    pub(crate) fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.server.host)
    }

    /// Adds an image under a tag, and by its digest.
    pub(crate) fn push(&self, repository: &str, tag: &str, image: &TestImage) {
        let mut content = self.content.lock().unwrap();
        for blob in image.blobs.iter().chain([&image.config]) {
            content.blobs.insert(Digest::of(blob), blob.clone());
        }
        drop(content);
        self.push_document(repository, tag, image.manifest_type, &image.manifest);
    }

    /// Adds a manifest or index under a tag (unless that is empty), and by its digest.
    pub(crate) fn push_document(&self, repository: &str, tag: &str, kind: &str, bytes: &[u8]) {
        let mut content = self.content.lock().unwrap();
        let document = (kind.to_owned(), bytes.to_vec());
        let path = |name: &str| format!("/v2/{repository}/manifests/{name}");
        content.documents.insert(path(&Digest::of(bytes).to_string()), document.clone());
        if !tag.is_empty() {
            content.documents.insert(path(tag), document);
            content.tags.push(tag.to_owned());
        }
    }

    /// A manifest's bytes, by repository and tag or digest.
    pub(crate) fn manifest(&self, repository: &str, name: &str) -> Option<Vec<u8>> {
        let content = self.content.lock().unwrap();
        content.documents.get(&format!("/v2/{repository}/manifests/{name}")).map(|(_, bytes)| bytes.clone())
    }

    /// How many blobs it has.
    pub(crate) fn blobs(&self) -> usize {
        self.content.lock().unwrap().blobs.len()
    }

    /// The path of a blob.
    pub(crate) fn blob(repository: &str, bytes: &[u8]) -> String {
        format!("/v2/{repository}/blobs/{}", Digest::of(bytes))
    }
}

fn error(status: u16, code: &str, message: &str) -> Answer {
    Answer::new(status, json!({"errors": [{"code": code, "message": message}]}).to_string())
}

fn basic() -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{PASSWORD}")))
}

fn answer(content: &mut Content, door: &Door, seen: &Seen) -> Answer {
    let shown = seen.headers.get("authorization");
    let host = seen.headers.get("host").cloned().unwrap_or_default();
    if seen.path == "/token" {
        let refreshed = seen.method == "POST" && seen.body.contains(&format!("refresh_token={REFRESH}"));
        return match shown {
            Some(value) if *value == basic() => {
                Answer::new(200, json!({"token": TOKEN, "refresh_token": REFRESH, "expires_in": 60}).to_string())
            }
            None if refreshed => Answer::new(200, json!({"access_token": TOKEN}).to_string()),
            // Anyone may have a token; it opens nothing but what is public.
            None => Answer::new(200, json!({"token": "anonymous"}).to_string()),
            Some(_) => Answer::new(401, json!({"details": "incorrect username or password"}).to_string()),
        };
    }
    let refused = match door {
        Door::Open => None,
        Door::Basic if shown == Some(&basic()) => None,
        Door::Basic => Some("Basic realm=\"test\"".to_owned()),
        Door::Bearer if shown.is_some_and(|value| value == &format!("Bearer {TOKEN}")) => None,
        Door::Bearer => {
            let why = if shown.is_some() { ",error=\"insufficient_scope\"" } else { "" };
            let scope = seen.path.split('/').nth(2).filter(|name| !name.is_empty());
            let scope = scope.map(|name| format!(",scope=\"repository:{name}:pull\"")).unwrap_or_default();
            Some(format!("Bearer realm=\"http://{host}/token\",service=\"test\"{scope}{why}"))
        }
    };
    if let Some(challenge) = refused {
        return error(401, "UNAUTHORIZED", "authentication required").header("WWW-Authenticate", challenge);
    }
    if seen.path == "/v2/" {
        return Answer::new(200, "{}");
    }
    if let Some(answer) = taken(content, seen) {
        return answer;
    }
    if seen.path.ends_with("/tags/list") {
        return tags(content, seen);
    }
    if let Some((kind, bytes)) = content.documents.get(&seen.path) {
        return Answer::new(200, bytes.clone()).header("Content-Type", kind.clone());
    }
    let blob = seen.path.rsplit('/').next().and_then(|name| name.parse::<Digest>().ok());
    match blob.and_then(|digest| content.blobs.get(&digest)) {
        Some(bytes) => Answer::new(200, bytes.clone()),
        None if seen.path.contains("/blobs/") => error(404, "BLOB_UNKNOWN", "blob unknown to registry"),
        None => error(404, "MANIFEST_UNKNOWN", "manifest unknown"),
    }
}

/// What is sent in: uploads (each has a number) and manifests.
fn taken(content: &mut Content, seen: &Seen) -> Option<Answer> {
    let (folder, name) = seen.path.rsplit_once('/')?;
    match seen.method.as_str() {
        "POST" => {
            let path = format!("{folder}/{}", content.uploads.len() + 1);
            content.uploads.insert(path.clone(), Vec::new());
            Some(Answer::new(202, "").header("Location", path))
        }
        "PATCH" => {
            content.uploads.insert(seen.path.clone(), seen.bytes.clone());
            Some(Answer::new(202, "").header("Location", seen.path.clone()))
        }
        "PUT" if folder.ends_with("/manifests") => {
            let kind = seen.headers.get("content-type").cloned().unwrap_or_default();
            content
                .documents
                .insert(format!("{folder}/{}", Digest::of(&seen.bytes)), (kind.clone(), seen.bytes.clone()));
            content.documents.insert(format!("{folder}/{name}"), (kind, seen.bytes.clone()));
            Some(Answer::new(201, ""))
        }
        "PUT" => {
            let sent = content.uploads.remove(&seen.path).unwrap_or_default();
            let bytes = if seen.bytes.is_empty() { sent } else { seen.bytes.clone() };
            content.uploads.insert(seen.path.clone(), Vec::new());
            let digest = seen.query.strip_prefix("digest=")?.replace("%3A", ":");
            if Digest::of(&bytes).to_string() != digest {
                return Some(error(400, "DIGEST_INVALID", "provided digest did not match uploaded content"));
            }
            content.blobs.insert(Digest::of(&bytes), bytes);
            Some(Answer::new(201, ""))
        }
        _ => None,
    }
}

/// One tag a page.
fn tags(content: &Content, seen: &Seen) -> Answer {
    let last = seen.query.strip_prefix("last=").and_then(|last| last.parse::<usize>().ok()).unwrap_or(0);
    let page: Vec<&String> = content.tags.iter().skip(last).take(1).collect();
    let answer = Answer::new(200, json!({"name": "x", "tags": page}).to_string());
    if last + 1 < content.tags.len() {
        return answer.header("Link", format!("<{}?last={}>; rel=\"next\"", seen.path, last + 1));
    }
    answer
}
