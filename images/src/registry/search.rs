//! `docker search` (moby `registry/search.go`): the index of Docker's own hub, or of a registry that still has one; else the
//! names in a registry's catalogue (distribution `spec/api.md`, "Listing Repositories").

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use url::Url;

use super::body::bounded;
use super::settings::Endpoint;
use super::{Credentials, RegistryError, Session};
use crate::Store;
use crate::error::ImageError;
use crate::reference::is_domain;

/// Where Docker's own index is.
const HUB: &str = "index.docker.io";
/// Largest answer read, in bytes.
const MAX_ANSWER: u64 = 16 << 20;
/// Pages of a catalogue read before giving up; a page has a thousand names.
const MAX_PAGES: usize = 100;

/// A repository that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct FoundRepository {
    /// Its name, as the index gives it; with the registry before it where it stands in a catalogue.
    pub name: String,
    /// What it is.
    pub description: String,
    /// How many like it.
    pub star_count: i64,
    /// Whether Docker keeps it.
    pub is_official: bool,
}

impl Store {
    /// Repositories whose name has a term in it, at most `limit`. The term may begin with a registry's host.
    ///
    /// # Errors
    /// [`RegistryError::SearchTerm`]; [`RegistryError::NoSearch`] for a registry that has neither index nor catalogue; its
    /// refusal.
    pub async fn search(
        &self,
        term: &str,
        limit: usize,
        credentials: Option<&Credentials>,
    ) -> Result<Vec<FoundRepository>, ImageError> {
        if term.contains("://") {
            return Err(RegistryError::SearchTerm(term.to_owned()).into());
        }
        let is_host = |first: &str| (first.contains(['.', ':']) || first == "localhost") && is_domain(first);
        let (host, term) = match term.split_once('/') {
            Some((first, rest)) if is_host(first) && !["docker.io", HUB].contains(&first) => (first, rest),
            Some(("docker.io" | HUB, rest)) => (HUB, rest),
            _ => (HUB, term),
        };
        let term = if host == HUB { term.strip_prefix("library/").unwrap_or(term) } else { term };
        let name = host.to_owned();
        let endpoints: Vec<Endpoint> =
            self.blocking(move |shared| Ok(shared.registry.settings.endpoints(&name))).await?;
        let mut failure = RegistryError::ManifestContent("its registry has no endpoint");
        for endpoint in endpoints.into_iter().filter(|endpoint| !endpoint.mirror) {
            let (transport, credentials) = (self.shared().registry.transport.clone(), credentials.cloned());
            let session =
                self.blocking(move |_| Ok(Session::new(&transport, endpoint, "", credentials.as_ref())?)).await?;
            match session.search(host, term, limit).await {
                // Nobody there: the next may be.
                Err(error @ RegistryError::Transport { .. }) => failure = error,
                found => return Ok(found?),
            }
        }
        Err(failure.into())
    }
}

impl Session {
    async fn search(&self, host: &str, term: &str, limit: usize) -> Result<Vec<FoundRepository>, RegistryError> {
        #[derive(Deserialize)]
        struct Results {
            #[serde(default)]
            results: Vec<FoundRepository>,
        }
        let mut url = self.own("v1/search")?;
        url.query_pairs_mut().append_pair("q", term).append_pair("n", &limit.to_string());
        let answer = self.get_any(url.as_str(), &HeaderMap::new()).await?;
        let status = answer.status();
        if status.is_success() {
            let bytes = bounded(answer, MAX_ANSWER, "the index's answer", self.transport().stall()).await?;
            // A registry that answers anything with a page of its own has no index.
            if let Ok(Results { mut results }) = serde_json::from_slice(&bytes) {
                results.truncate(limit);
                return Ok(results);
            }
        }
        if host == HUB {
            return Err(RegistryError::SearchStatus(status.as_u16()));
        }
        self.catalogue(host, term, limit).await
    }

    async fn catalogue(&self, host: &str, term: &str, limit: usize) -> Result<Vec<FoundRepository>, RegistryError> {
        #[derive(Deserialize)]
        struct Page {
            #[serde(default)]
            repositories: Option<Vec<String>>,
        }
        let (mut url, mut found) = (self.own("v2/_catalog?n=1000")?, Vec::new());
        for _ in 0..MAX_PAGES {
            let answer = self.get_any(url.as_str(), &HeaderMap::new()).await?;
            match answer.status() {
                StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => {
                    return Err(RegistryError::NoSearch(host.to_owned()));
                }
                status if status.is_success() => {}
                _ => return Err(self.failure(answer).await),
            }
            let next = self.next_of(url.as_str(), answer.headers());
            let bytes = bounded(answer, MAX_ANSWER, "the registry's catalogue", self.transport().stall()).await?;
            let page: Page = serde_json::from_slice(&bytes).map_err(|_| RegistryError::NoSearch(host.to_owned()))?;
            for name in page.repositories.unwrap_or_default() {
                if name.contains(term) && found.len() < limit {
                    found.push(FoundRepository { name: format!("{host}/{name}"), ..FoundRepository::default() });
                }
            }
            match next.and_then(|next| Url::parse(&next).ok()) {
                Some(next) if found.len() < limit => url = next,
                _ => break,
            }
        }
        Ok(found)
    }

    fn own(&self, path: &str) -> Result<Url, RegistryError> {
        Url::parse(&format!("{}/{path}", self.endpoint().url)).map_err(|_| RegistryError::UploadLocation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::server::{Answer, Server};
    use crate::testing::store;
    use serde_json::json;

    fn names(found: Result<Vec<FoundRepository>, ImageError>) -> Vec<String> {
        found.unwrap().into_iter().map(|one| one.name).collect()
    }

    #[tokio::test]
    async fn an_index_is_asked_first() {
        let server = Server::start(|seen| match (seen.path.as_str(), seen.query.as_str()) {
            ("/v1/search", "q=web&n=2") => {
                let of = |name: &str| json!({"name": name, "star_count": 7, "is_official": true, "description": "d"});
                Answer::new(200, json!({"results": [of("web"), of("a/web"), of("b/web")]}).to_string())
            }
            _ => Answer::new(404, ""),
        })
        .await;
        let (_root, store) = store().await;
        let found = store.search(&format!("{}/web", server.host), 2, None).await.unwrap();
        assert_eq!((found.len(), found[0].star_count, found[0].is_official), (2, 7, true));
    }

    #[tokio::test]
    async fn a_catalogue_serves_where_there_is_no_index_page_by_page() {
        let server = Server::start(|seen| match (seen.path.as_str(), seen.query.as_str()) {
            ("/v2/_catalog", "n=1000") => Answer::new(200, r#"{"repositories":["team/web","db"]}"#)
                .header("Link", "</v2/_catalog?last=db>; rel=\"next\""),
            ("/v2/_catalog", _) => Answer::new(200, r#"{"repositories":["web2","x"]}"#),
            _ => Answer::new(404, ""),
        })
        .await;
        let (_root, store) = store().await;
        let host = &server.host;
        let found = store.search(&format!("{host}/web"), 25, None).await;
        assert_eq!(names(found), [format!("{host}/team/web"), format!("{host}/web2")]);
        assert_eq!(names(store.search(&format!("{host}/"), 1, None).await), [format!("{host}/team/web")]);
    }

    #[tokio::test]
    async fn a_registry_with_neither_is_refused_by_name() {
        let server = Server::start(|_| Answer::new(404, "")).await;
        let (_root, store) = store().await;
        let error = store.search(&format!("{}/web", server.host), 25, None).await.unwrap_err();
        assert!(error.to_string().contains(&format!("registry {} has neither", server.host)), "{error}");
        let error = store.search("http://x/y", 25, None).await.unwrap_err();
        assert!(error.to_string().ends_with("should not have a scheme"), "{error}");
    }
}
