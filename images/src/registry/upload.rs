//! What is sent: blobs (mounted from another repository, in one piece or streamed) and manifests.
//!
//! Called by push. Sources: distribution `spec/api.md` ("Pushing an Image"), OCI distribution-spec 1.1. Addresses of uploads
//! come from the registry: they may be anywhere, but only the endpoint's own origin is shown a secret.

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::{Method, Response, StatusCode};
use url::Url;

use super::RegistryError;
use super::outgoing::{Outgoing, Payload, Source};
use super::session::Session;
use crate::digest::Digest;

/// How an upload began.
pub(crate) enum Begun {
    /// The registry took the blob from another repository of its own: there is nothing to send.
    Mounted,
    /// To be sent there.
    Upload(Url),
}

impl Session {
    /// Whether anybody answers there at all; the answer may be a refusal.
    pub(crate) async fn ping(&self) -> Result<(), RegistryError> {
        let url = format!("{}/v2/", self.endpoint().url);
        self.send(&Outgoing::new(Method::GET, url), None).await.map(drop)
    }

    /// Whether the repository has a blob.
    pub(crate) async fn has_blob(&self, digest: &Digest) -> Result<bool, RegistryError> {
        let request = Outgoing::new(Method::HEAD, self.url(&format!("blobs/{digest}")));
        let answer = self.any(&request).await?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(false),
            status if status.is_success() => Ok(true),
            _ => Err(self.failure(answer).await),
        }
    }

    /// Begins to upload a blob; with `from`, a repository of the same registry that may have it, asks to mount it first.
    pub(crate) async fn begin_upload(&self, digest: &Digest, from: Option<&str>) -> Result<Begun, RegistryError> {
        let mut url = self.address(&self.url("blobs/uploads/"))?;
        if let Some(from) = from {
            url.query_pairs_mut().append_pair("mount", &digest.to_string()).append_pair("from", from);
        }
        let answer = self.ask(&Outgoing::new(Method::POST, url.as_str())).await?;
        match answer.status() {
            StatusCode::CREATED if from.is_some() => Ok(Begun::Mounted),
            _ => self.location(&answer).map(Begun::Upload),
        }
    }

    /// Sends a blob from a file, and ends the upload.
    pub(crate) async fn upload(&self, upload: Url, digest: &Digest, source: &Source) -> Result<(), RegistryError> {
        let mut patch = Outgoing::new(Method::PATCH, upload.as_str());
        patch.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        patch.payload = Payload::File(source.clone());
        let answer = self.any(&patch).await?;
        match answer.status() {
            // A registry that knows only uploads in one piece.
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => {
                self.finish_upload(upload, digest, Payload::File(source.clone())).await
            }
            status if status.is_success() => {
                let next = self.location(&answer)?;
                self.finish_upload(next, digest, Payload::Nothing).await
            }
            _ => Err(self.failure(answer).await),
        }
    }

    /// Sends a blob in one piece.
    pub(crate) async fn upload_whole(&self, upload: Url, digest: &Digest, bytes: Bytes) -> Result<(), RegistryError> {
        self.finish_upload(upload, digest, Payload::Bytes(bytes)).await
    }

    async fn finish_upload(&self, mut upload: Url, digest: &Digest, payload: Payload) -> Result<(), RegistryError> {
        upload.query_pairs_mut().append_pair("digest", &digest.to_string());
        let mut put = Outgoing::new(Method::PUT, upload.as_str());
        put.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        put.payload = payload;
        self.ask(&put).await.map(drop)
    }

    /// Puts a manifest under a tag.
    pub(crate) async fn put_manifest(&self, tag: &str, kind: &str, bytes: Bytes) -> Result<(), RegistryError> {
        let mut put = Outgoing::new(Method::PUT, self.url(&format!("manifests/{tag}")));
        let kind = HeaderValue::from_str(kind).map_err(|_| RegistryError::MediaType(kind.to_owned()))?;
        put.headers.insert(CONTENT_TYPE, kind);
        put.payload = Payload::Bytes(bytes);
        self.ask(&put).await.map(drop)
    }

    /// Where the registry says to go on.
    fn location(&self, answer: &Response) -> Result<Url, RegistryError> {
        let given = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let url =
            answer.url().join(given).ok().filter(|url| !given.is_empty() && matches!(url.scheme(), "http" | "https"));
        let url = url.ok_or(RegistryError::UploadLocation)?;
        // What came in over TLS is not sent on in the clear.
        if answer.url().scheme() == "https" && url.scheme() == "http" && !self.endpoint().insecure {
            return Err(RegistryError::UploadLocation);
        }
        Ok(url)
    }

    fn address(&self, text: &str) -> Result<Url, RegistryError> {
        Url::parse(text).map_err(|_| RegistryError::UploadLocation)
    }
}
