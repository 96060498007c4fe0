//! Heads, versions, routes and errors.

use super::*;
use vch_engine::requests::{Create, Created};
use vch_engine::{Error, Result};

#[tokio::test]
async fn a_ping_has_the_headers_that_clients_read() {
    let api = api(Nothing);
    for path in ["/_ping", "/v1.41/_ping"] {
        let reply = ask(&api, &format!("GET {path}")).await;
        assert!(reply.starts_with("HTTP/1.1 200 OK\r\n"), "{reply}");
        for header in [
            "Api-Version: 1.50",
            "Ostype: linux",
            "Server: Docker/28.2.2+vch.0.1.0 (linux)",
            "Docker-Experimental: false",
            "Builder-Version: 1",
            "Swarm: inactive",
            "Cache-Control: no-cache, no-store, must-revalidate",
            "Pragma: no-cache",
            "Content-Type: text/plain; charset=utf-8",
        ] {
            assert!(reply.contains(&format!("\r\n{header}\r\n")), "{header} in {reply}");
        }
        assert_eq!(body(&reply), "OK");
    }
    let head = ask(&api, "HEAD /_ping").await;
    assert!(head.contains("\r\nContent-Length: 0\r\n") && head.contains("\r\nApi-Version: 1.50\r\n"), "{head}");
    assert_eq!(body(&head), "");
}

#[tokio::test]
async fn unknown_paths_and_methods_are_not_found() {
    let api = api(Nothing);
    for line in [
        "GET /",
        "GET /v1.41/",
        "POST /_ping",
        "GET /containers",
        "DELETE /info",
        "GET /v1.41",
        "PATCH /info",
        "GET /grpc",
    ] {
        let reply = ask(&api, line).await;
        assert_eq!((status(&reply), message(&reply).as_str()), (404, "page not found"), "{line}");
        assert!(
            reply.contains("\r\nApi-Version: 1.50\r\n") && reply.contains("\r\nContent-Type: application/json\r\n")
        );
    }
    assert_eq!(status(&ask(&api, "OPTIONS /anything").await), 200);
}

#[tokio::test]
async fn versions_are_negotiated() {
    let api = api(Nothing);
    let new = ask(&api, "GET /v1.51/info").await;
    assert_eq!(status(&new), 400);
    assert_eq!(message(&new), "client version 1.51 is too new. Maximum supported API version is 1.50");
    let old = ask(&api, "GET /v1.23/info").await;
    assert_eq!(status(&old), 400);
    assert!(
        body(&old).starts_with("client version 1.23 is too old.") && old.contains("\r\nContent-Type: text/plain"),
        "{old}"
    );
    assert_eq!(status(&ask(&api, "GET /v1.24/info").await), 200);
}

#[tokio::test]
async fn refused_routes_answer_as_dockerd_or_name_themselves() {
    let api = api(Nothing);
    let swarm = ask(&api, "GET /v1.41/services").await;
    assert_eq!(status(&swarm), 503);
    assert!(message(&swarm).starts_with("This node is not a swarm manager. Use \"docker swarm init\""));
    let build = ask(&api, "POST /build?t=a").await;
    assert_eq!(
        (status(&build), message(&build)),
        (501, "POST /build is not implemented: images are pulled, loaded or imported".into())
    );
    assert_eq!(body(&ask(&api, "GET /plugins").await), "[]\n");
    assert_eq!(message(&ask(&api, "GET /networks/a%2Fb").await), "network a/b not found");
}

#[tokio::test]
async fn bad_bodies_are_told_in_dockers_words() {
    let api = api(Nothing);
    for (body, words) in [
        ("", "invalid JSON: got EOF while reading request body"),
        ("{\"Image\":", "invalid JSON: unexpected EOF"),
        ("{\"Image\":\"a\"} {}", "unexpected content after JSON"),
        ("{}", "config cannot be empty in order to create a container"),
    ] {
        let reply = ask_with(&api, "POST /containers/create", body).await;
        assert_eq!((status(&reply), message(&reply).as_str()), (400, words), "{body}");
    }
    let wrong = exchange(
        &api,
        "POST /containers/create HTTP/1.1\r\nHost: d\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",
    );
    assert_eq!(message(&wrong.await), "unsupported Content-Type header (text/plain): must be 'application/json'");
    let none = exchange(
        &api,
        "POST /containers/create HTTP/1.1\r\nHost: d\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",
    );
    assert_eq!(message(&none.await), "malformed Content-Type header (): mime: no media type");
}

#[tokio::test]
async fn bad_queries_are_told_in_dockers_words() {
    let api = api(Nothing);
    for (line, code, words) in [
        ("GET /containers/json?filters=x", 400, "invalid filter"),
        ("GET /containers/json?limit=x", 500, r#"strconv.Atoi: parsing "x": invalid syntax"#),
        ("GET /containers/a/logs", 400, "Bad parameters: you must choose at least one stream"),
        ("POST /containers/a/wait?condition=x", 400, r#"invalid condition: "x""#),
        ("POST /containers/a/resize?h=x&w=1", 400, r#"invalid resize height "x": invalid syntax"#),
        ("POST /containers/a/stop?t=x", 500, r#"strconv.Atoi: parsing "x": invalid syntax"#),
        ("POST /containers/a/start?checkpoint=x", 400, "checkpoint is only supported in experimental mode"),
        ("GET /events?since=2&until=1", 400, "`since` time (2) cannot be after `until` time (1)"),
        ("GET /info?a=%zz", 400, r#"invalid URL escape "%zz""#),
        ("GET /containers/a/attach/ws", 400, "not a websocket handshake of version 13"),
    ] {
        let reply = ask(&api, line).await;
        assert_eq!((status(&reply), message(&reply).as_str()), (code, words), "{line}");
    }
    let start = ask_with(&api, "POST /containers/a/start", r#"{"Binds":[]}"#).await;
    assert!(message(&start).starts_with("starting container with non-empty request body"));
}

/// Knows one container, "web", which runs.
struct Web;

#[async_trait::async_trait]
impl Calls for Web {
    async fn create(&self, request: Create) -> Result<Created> {
        assert_eq!((request.name.as_deref(), request.platform.as_deref()), (Some("web"), Some("linux/amd64")));
        Ok(Created { id: "id".into(), warnings: vec!["careful".into()] })
    }
    async fn start(&self, name: &str) -> Result<()> {
        if name == "web" { Err(Error::not_modified("")) } else { Err(Error::no_such_container(name)) }
    }
    async fn kill(&self, name: &str, _signal: Option<&str>) -> Result<()> {
        Err(Error::no_such_container(name))
    }
    async fn pause(&self, _name: &str) -> Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn calls_and_their_failures_become_statuses() {
    let api = api(Web);
    let created =
        ask_with(&api, "POST /v1.50/containers/create?name=web&platform=linux/amd64", r#"{"Image":"a"}"#).await;
    assert_eq!((status(&created), body(&created)), (201, "{\"Id\":\"id\",\"Warnings\":[\"careful\"]}\n"));
    let running = ask(&api, "POST /containers/web/start").await;
    assert_eq!((status(&running), body(&running)), (304, ""));
    let missing = ask(&api, "POST /containers/db/start").await;
    assert_eq!((status(&missing), message(&missing)), (404, "No such container: db".into()));
    let killed = ask(&api, "POST /containers/db/kill").await;
    assert_eq!(message(&killed), "cannot kill container: db: No such container: db");
    let paused = ask(&api, "POST /containers/web/pause").await;
    assert_eq!((status(&paused), body(&paused)), (204, ""));
    assert_eq!(status(&ask(&api, "POST /containers/web/unpause").await), 501);
}

#[tokio::test]
async fn several_requests_share_a_connection() {
    let api = api(Nothing);
    let requests = "GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n".repeat(2)
        + "GET /none HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n";
    let replies = exchange(&api, requests).await;
    assert_eq!(replies.matches("HTTP/1.1 200 OK").count(), 2);
    assert_eq!(replies.matches("HTTP/1.1 404 Not Found").count(), 1);
}
