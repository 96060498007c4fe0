//! What is fetched: manifests, configurations, tags, and blobs that go on where they broke off.
//!
//! Called by pull. Documents are bounded; passing failures are tried again with growing waits; bytes of a blob are handed
//! on as they come, exactly once each, whatever happens to connections.

use std::time::Duration;

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderValue, LINK, RANGE};
use reqwest::{Response, StatusCode};
use serde::Deserialize;

use super::body::bounded;
use super::session::Session;
use super::transport::words;
use super::{RegistryError, manifest};
use crate::content::DOCUMENT_LIMIT;
use crate::digest::Digest;
use crate::image::Descriptor;
use crate::pipe::PipeWriter;

/// Most tags listed; each is pulled by `--all-tags`.
const MAX_TAGS: usize = 10_000;

/// How often, and how soon, something is tried again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retry {
    pub(crate) attempts: u32,
    pub(crate) delay: Duration,
}

impl Retry {
    /// The wait after so many failures in a row.
    pub(crate) fn wait(self, failures: u32) -> Duration {
        self.delay.saturating_mul(1 << failures.saturating_sub(1).min(6))
    }
}

/// A manifest as it came.
pub(crate) struct Fetched {
    pub(crate) bytes: Vec<u8>,
    pub(crate) content_type: String,
}

/// How a blob's download went.
#[derive(Debug, Default)]
pub(crate) struct Downloaded {
    /// Whether it went on where it broke off at least once.
    pub(crate) resumed: bool,
}

/// Why a blob's download ended early.
pub(crate) enum BlobError {
    Registry(RegistryError),
    /// Whoever takes the bytes has stopped, and knows why.
    ReaderGone,
}

impl Session {
    /// A manifest by tag or digest.
    pub(crate) async fn manifest(&self, name: &str, retry: Retry) -> Result<Fetched, RegistryError> {
        let mut headers = HeaderMap::new();
        for kind in [manifest::OCI_INDEX, manifest::DOCKER_LIST, manifest::OCI_MANIFEST, manifest::DOCKER_MANIFEST] {
            headers.append(ACCEPT, HeaderValue::from_static(kind));
        }
        // What a schema 1 registry has is asked for too, so that it can be refused in words.
        headers.append(ACCEPT, HeaderValue::from_static("application/vnd.docker.distribution.manifest.v1+prettyjws"));
        let url = self.url(&format!("manifests/{name}"));
        let (answer, bytes) = self.document(&url, &headers, "the manifest", retry).await?;
        let content_type = answer.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let content_type = content_type.split(';').next().unwrap_or_default().trim().to_owned();
        Ok(Fetched { bytes, content_type })
    }

    /// A configuration blob, verified.
    pub(crate) async fn config(&self, digest: &Digest, retry: Retry) -> Result<Vec<u8>, RegistryError> {
        let url = self.url(&format!("blobs/{digest}"));
        let (_, bytes) = self.document(&url, &HeaderMap::new(), "the image configuration", retry).await?;
        match manifest::verify(&bytes, digest) {
            Ok(()) => Ok(bytes),
            Err(_) => Err(RegistryError::ConfigDigest(digest.clone())),
        }
    }

    /// All tags of the repository.
    pub(crate) async fn tags(&self, retry: Retry) -> Result<Vec<String>, RegistryError> {
        #[derive(Deserialize)]
        struct Page {
            #[serde(default)]
            tags: Option<Vec<String>>,
        }
        let mut tags: Vec<String> = Vec::new();
        let mut url = self.url("tags/list");
        loop {
            let (headers, bytes) = self.document(&url, &HeaderMap::new(), "the list of tags", retry).await?;
            let page: Page = serde_json::from_slice(&bytes).map_err(RegistryError::Manifest)?;
            let before = tags.len();
            tags.extend(page.tags.unwrap_or_default());
            if tags.len() > MAX_TAGS {
                return Err(RegistryError::TooLarge { what: "the list of tags", limit: MAX_TAGS as u64 });
            }
            match headers.get(LINK).and_then(|value| value.to_str().ok()).and_then(|link| self.next_page(&url, link)) {
                // A page without tags that leads to another would go on for ever.
                Some(next) if tags.len() > before => url = next,
                _ => return Ok(tags),
            }
        }
    }

    /// The next page's address that an answer's headers give.
    pub(super) fn next_of(&self, current: &str, headers: &HeaderMap) -> Option<String> {
        self.next_page(current, headers.get(LINK)?.to_str().ok()?)
    }

    /// The address in `Link: <…>; rel="next"`, if it is of the same endpoint.
    fn next_page(&self, current: &str, link: &str) -> Option<String> {
        let (target, parameters) = link.strip_prefix('<')?.split_once('>')?;
        parameters.contains("rel=\"next\"").then_some(())?;
        let next = url::Url::parse(current).ok()?.join(target).ok()?;
        let home = url::Url::parse(&self.endpoint().url).ok()?;
        (next.origin() == home.origin()).then(|| next.to_string())
    }

    async fn document(
        &self,
        url: &str,
        headers: &HeaderMap,
        what: &'static str,
        retry: Retry,
    ) -> Result<(HeaderMap, Vec<u8>), RegistryError> {
        let mut failures = 0;
        loop {
            let result = match self.get(url, headers).await {
                Ok(answer) => {
                    let headers = answer.headers().clone();
                    bounded(answer, DOCUMENT_LIMIT, what, self.transport().stall()).await.map(|body| (headers, body))
                }
                // Nobody there: waiting does not help, and another endpoint may.
                Err(error @ RegistryError::Transport { .. }) if !self.is_reached() => return Err(error),
                Err(error) => Err(error),
            };
            match result {
                Err(error) if error.is_passing() && failures + 1 < retry.attempts => {
                    failures += 1;
                    tracing::debug!(url, failures, error = %error, "asking again");
                    tokio::time::sleep(retry.wait(failures) / 4).await;
                }
                result => return result,
            }
        }
    }

    /// Sends a blob's bytes into a pipe and ends it, going on where a connection broke off.
    ///
    /// `moved` hears of each byte count, `waiting` of each wait before another attempt.
    pub(crate) async fn blob(
        &self,
        blob: &Descriptor,
        writer: PipeWriter,
        retry: Retry,
        mut moved: impl FnMut(u64),
        mut waiting: impl FnMut(Duration),
    ) -> Result<Downloaded, BlobError> {
        let mut downloaded = Downloaded::default();
        let mut offset = 0;
        let mut failures = 0;
        while offset < blob.size || failures > 0 {
            let before = offset;
            let result = self.blob_part(blob, &mut offset, &writer, &mut moved).await;
            let error = match result {
                Ok(()) => break,
                Err(BlobError::Registry(error)) if error.is_passing() => error,
                Err(error) => return Err(error),
            };
            // Only attempts that got nowhere count.
            failures = if offset > before { 1 } else { failures + 1 };
            if failures >= retry.attempts {
                return Err(BlobError::Registry(error));
            }
            downloaded.resumed |= offset > 0;
            let wait = retry.wait(failures);
            tracing::info!(blob = %blob.digest, offset, error = %error, "download broke off, going on in {wait:?}");
            waiting(wait);
            tokio::time::sleep(wait).await;
        }
        writer.end().await.map_err(|_| BlobError::ReaderGone)?;
        Ok(downloaded)
    }

    async fn blob_part(
        &self,
        blob: &Descriptor,
        offset: &mut u64,
        writer: &PipeWriter,
        moved: &mut impl FnMut(u64),
    ) -> Result<(), BlobError> {
        let url = self.url(&format!("blobs/{}", blob.digest));
        let mut answer = self.open(&url, *offset).await.map_err(BlobError::Registry)?;
        let failed =
            |words: String| BlobError::Registry(RegistryError::Transport { method: "Get", url: url.clone(), words });
        // A server that does not know ranges begins again: what we have is passed over.
        let mut skip = if answer.status() == StatusCode::PARTIAL_CONTENT { 0 } else { *offset };
        loop {
            let chunk = tokio::time::timeout(self.transport().stall(), answer.chunk()).await;
            let chunk = chunk.map_err(|_| failed("the connection stood still".to_owned()))?;
            let Some(mut chunk) = chunk.map_err(|error| failed(words(&error)))? else { break };
            let passed = skip.min(chunk.len() as u64);
            skip -= passed;
            let _ = chunk.split_to(usize::try_from(passed).unwrap_or(chunk.len()));
            if chunk.is_empty() {
                continue;
            }
            *offset += chunk.len() as u64;
            if *offset > blob.size {
                return Err(BlobError::Registry(RegistryError::LayerDigest(blob.digest.clone())));
            }
            writer.write(chunk).await.map_err(|_| BlobError::ReaderGone)?;
            moved(*offset);
        }
        if *offset < blob.size {
            return Err(failed(format!("unexpected EOF after {offset} of {} bytes", blob.size)));
        }
        Ok(())
    }

    /// Opens a blob at an offset; the answer is 206 only if it begins exactly there.
    async fn open(&self, url: &str, offset: u64) -> Result<Response, RegistryError> {
        let mut headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]);
        if offset > 0
            && let Ok(range) = HeaderValue::from_str(&format!("bytes={offset}-"))
        {
            headers.insert(RANGE, range);
        }
        let answer = self.get(url, &headers).await?;
        if answer.status() == StatusCode::PARTIAL_CONTENT {
            let range = answer.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
            if offset == 0 || !range.starts_with(&format!("bytes {offset}-")) {
                return Err(RegistryError::Transport {
                    method: "Get",
                    url: url.to_owned(),
                    words: format!("asked for bytes from {offset}, got {range:?}"),
                });
            }
        }
        Ok(answer)
    }
}
