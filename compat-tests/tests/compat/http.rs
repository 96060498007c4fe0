//! HTTP as such: versions, unknown paths, the shape of errors, and requests that are broken or hostile.

use std::io::{Read, Write};
use std::net::Shutdown;
use vch_compat_tests::prelude::*;
use vch_compat_tests::raw;

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = tests![
        a_version_too_new_is_refused,
        a_version_too_old_is_refused,
        every_version_from_1_24_is_served,
        a_path_without_version_is_served,
        an_unknown_path_is_not_found,
        an_unknown_method_is_not_found,
        a_malformed_version_is_not_found,
        two_requests_on_one_connection,
        a_body_in_chunks_is_taken,
        expect_continue_is_answered,
        a_wrong_content_type_is_refused,
        a_content_type_with_charset_is_taken,
        an_unknown_field_is_tolerated,
        an_unknown_query_key_is_tolerated,
        an_unknown_query_value_is_refused,
        empty_filters_mean_none,
        an_endless_header_is_cut_off,
        a_request_line_of_garbage_is_refused,
        a_body_that_stops_half_way_makes_nothing,
        a_client_that_hangs_up_does_no_harm,
    ];
    let strict = tests![
        bad_json_is_refused,
        a_field_of_the_wrong_type_is_refused,
        filters_that_are_no_json_are_refused,
        an_unknown_wait_condition_is_refused,
    ];
    let reason = "answered 500, or took the default";
    tests.extend(strict.into_iter().map(|t| t.older_differs(42, reason)));
    tests
}

fn a_version_too_new_is_refused() {
    let (major, minor) = engine().api;
    get("/v1.99/version")
        .refuses(400, &format!("client version 1.99 is too new. Maximum supported API version is {major}.{minor}"));
}

fn a_version_too_old_is_refused() {
    let version = get("/version").json();
    let least = version["MinAPIVersion"].as_str().unwrap();
    // Not looked at as JSON: dockerd wrote plain text to clients that old.
    let text = get("/v1.11/version").expect(400).text();
    let words = "client version 1.11 is too old. Minimum supported API version is";
    assert!(text.contains(&format!("{words} {least}")), "{text}");
}

fn every_version_from_1_24_is_served() {
    for minor in 24..=engine().api.1 {
        get(&format!("/v1.{minor}/containers/json")).expect(200);
    }
}

fn a_path_without_version_is_served() {
    let client = &engine().client;
    client.call("GET", "/containers/json", &[], b"").expect(200);
    client.call("GET", "/containers/no-such/json", &[], b"").refuses(404, "No such container: no-such");
}

fn an_unknown_path_is_not_found() {
    let paths = ["/", "/v1.41", "/frobnicate", "/v1.41/frobnicate", "/v1.41/containers/x/frobnicate"];
    for path in paths {
        let reply = engine().client.call("GET", path, &[], b"");
        reply.refuses(404, "page not found");
    }
}

fn an_unknown_method_is_not_found() {
    open("PATCH", "/containers/json", None).finish().refuses(404, "page not found");
    delete("/version").refuses(404, "page not found");
}

fn a_malformed_version_is_not_found() {
    let reply = engine().client.call("GET", "/vX.Y/version", &[], b"");
    reply.refuses(404, "page not found");
}

fn two_requests_on_one_connection() {
    let mut stream = engine().client.connect();
    for _ in 0..2 {
        stream.write_all(b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n").unwrap();
        let live = raw::receive(stream.try_clone().unwrap(), "GET").unwrap();
        assert_eq!(live.finish().expect(200).text(), "OK");
    }
}

fn a_body_in_chunks_is_taken() {
    let body = json!({ "Image": BUSYBOX, "Cmd": ["true"] }).to_string();
    let (first, second) = body.split_at(10);
    let chunked = format!("{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n", first.len(), second.len());
    let headers = [("Content-Type", "application/json"), ("Transfer-Encoding", "chunked")];
    let path = "/v1.41/containers/create";
    let reply = engine().client.call("POST", path, &headers, chunked.as_bytes()).expect(201);
    drop(Container::adopt(reply.json()["Id"].as_str().unwrap()));
}

fn expect_continue_is_answered() {
    let body = json!({ "Image": BUSYBOX, "Cmd": ["true"] }).to_string();
    let mut stream = engine().client.connect();
    let head = format!(
        "POST /v1.41/containers/create HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(body.as_bytes()).unwrap();
    let reply = raw::receive(stream, "POST").unwrap().finish().expect(201);
    drop(Container::adopt(reply.json()["Id"].as_str().unwrap()));
}

#[track_caller]
fn create_with(content_type: &str, body: &str) -> raw::Reply {
    let headers = [("Content-Type", content_type)];
    let path = "/v1.41/containers/create";
    engine().client.call("POST", path, &headers, body.as_bytes())
}

fn bad_json_is_refused() {
    create_with("application/json", "nonsense").refuses(400, "invalid JSON");
    create_with("application/json", "{\"Image\": \"x\"").refuses(400, "invalid JSON");
}

fn a_field_of_the_wrong_type_is_refused() {
    create_with("application/json", "{\"Image\": 7}").refuses(400, "invalid JSON");
}

fn a_wrong_content_type_is_refused() {
    create_with("text/plain", "{}").refuses(400, "must be 'application/json'");
}

fn a_content_type_with_charset_is_taken() {
    let body = json!({ "Image": BUSYBOX, "Cmd": ["true"] }).to_string();
    let reply = create_with("application/json; charset=utf-8", &body).expect(201);
    drop(Container::adopt(reply.json()["Id"].as_str().unwrap()));
}

fn an_unknown_field_is_tolerated() {
    let body = json!({
        "Cmd": ["true"], "Frobnicate": { "deep": [1, 2] }, "HostConfig": { "Frobnicate": true },
    });
    let container = Container::create(body);
    assert_eq!(container.run().0, 0);
}

fn an_unknown_query_key_is_tolerated() {
    get("/containers/json?frobnicate=1&all=1").expect(200);
}

fn an_unknown_query_value_is_refused() {
    let container = Container::sh("true");
    container.post("/kill?signal=FROB").refuses(400, "invalid signal");
    container.post("/resize?h=many&w=80").refuses(400, "invalid");
    // dockerd's versions differ between 400 and 500 for numbers and times.
    for path in [
        "/containers/json?limit=many",
        &container.path("/logs?stdout=1&since=yesterday"),
        &container.path("/logs?stdout=1&until=yesterday"),
    ] {
        let reply = get(path);
        let status = reply.head.status;
        assert!(matches!(status, 400 | 500), "{path}: {status}");
        assert!(reply.json()["message"].is_string(), "{path}");
    }
    for list in ["/containers/json", "/images/json"] {
        let query = filters(&json!({ "frobnicate": ["x"] }));
        get(&format!("{list}?{query}")).refuses(400, "invalid filter 'frobnicate'");
    }
}

fn an_unknown_wait_condition_is_refused() {
    Container::sh("true").post("/wait?condition=frobnicate").refuses(400, "invalid condition: \"frobnicate\"");
}

fn filters_that_are_no_json_are_refused() {
    get("/containers/json?filters=nonsense").refuses(400, "invalid");
}

fn empty_filters_mean_none() {
    get("/containers/json?filters=").expect(200);
    get("/containers/json?filters={}").expect(200);
}

fn an_endless_header_is_cut_off() {
    const MOST: usize = 64 << 20;
    let mut stream = engine().client.connect();
    stream.write_all(b"GET /_ping HTTP/1.1\r\nHost: docker\r\nX-Long: ").unwrap();
    let chunk = vec![b'a'; 64 << 10];
    let mut sent = 0usize;
    while sent < 1 << 30 && stream.write_all(&chunk).is_ok() {
        sent += chunk.len();
    }
    assert!(sent < MOST, "{sent} bytes of one header were taken");
    if let Ok(live) = raw::receive(stream, "GET") {
        let status = live.head.status;
        assert!(matches!(status, 400 | 431), "status {status}");
    }
    get("/_ping").expect(200);
}

fn a_request_line_of_garbage_is_refused() {
    let mut stream = engine().client.connect();
    stream.write_all(b"\x16\x03\x01 garbage\r\n\r\n").unwrap();
    if let Ok(live) = raw::receive(stream, "GET") {
        assert_eq!(live.head.status, 400);
    }
    get("/_ping").expect(200);
}

fn a_body_that_stops_half_way_makes_nothing() {
    let name = unique("half");
    let body = json!({ "Image": BUSYBOX, "Cmd": ["true"] }).to_string();
    let mut stream = engine().client.connect();
    let head = format!(
        "POST /v1.41/containers/create?name={name} HTTP/1.1\r\nHost: docker\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&body.as_bytes()[..body.len() / 2]).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    if let Ok(live) = raw::receive(stream, "POST") {
        let status = live.head.status;
        assert!(status >= 400, "half a body was taken: {status}");
    }
    get(&format!("/containers/{name}/json")).expect(404);
    get("/_ping").expect(200);
}

fn a_client_that_hangs_up_does_no_harm() {
    let container = Container::idle();
    for path in [container.path("/logs?stdout=1&follow=1"), "/events".to_owned(), container.path("/json")] {
        let mut stream = engine().client.connect();
        let request = format!("GET /v1.41{path} HTTP/1.1\r\nHost: docker\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        drop(stream);
    }
    get("/_ping").expect(200);
    assert_eq!(container.inspect()["State"]["Running"], true);
}
