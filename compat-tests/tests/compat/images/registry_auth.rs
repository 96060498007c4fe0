//! Logging in to a registry, and pulling with what the client sends along.

use super::Loaded;
use base64::Engine as _;
use vch_compat_tests::cli;
use vch_compat_tests::image::{Image, marked};
use vch_compat_tests::prelude::*;
use vch_compat_tests::raw::Reply;
use vch_compat_tests::registry::{PASSWORD, Registry, USER};

pub(super) fn tests() -> Vec<Test> {
    tests![
        login_with_the_right_password_succeeds,
        login_with_a_wrong_password_is_refused,
        pull_with_the_right_password,
        pull_without_or_with_a_wrong_password_is_refused,
        the_docker_program_logs_in_and_pulls,
    ]
}

fn guarded(prefix: &str) -> (Registry, Image, String) {
    let registry = Registry::guarded();
    let name = unique(prefix);
    let image = marked(&name, &name);
    let repository = format!("compat/{name}");
    registry.push(&image, &format!("{repository}:latest"), &[]);
    let reference = registry.name(&repository);
    (registry, image, reference)
}

fn credentials(password: &str, address: &str) -> Value {
    json!({ "username": USER, "password": password, "serveraddress": address })
}

/// Pulls with an `X-Registry-Auth` header of these bytes.
#[track_caller]
fn pull(reference: &str, auth: &str) -> Reply {
    let header = base64::engine::general_purpose::URL_SAFE.encode(auth);
    let path = format!("/v1.41/images/create?fromImage={reference}&tag=latest");
    let headers = [("X-Registry-Auth", header.as_str())];
    engine().client.call("POST", &path, &headers, b"")
}

fn login_with_the_right_password_succeeds() {
    let registry = Registry::guarded();
    let reply = post_json("/auth", &credentials(PASSWORD, &registry.address()));
    let reply = reply.expect(200).json();
    assert_eq!(reply["Status"], "Login Succeeded");
}

fn login_with_a_wrong_password_is_refused() {
    let registry = Registry::guarded();
    let reply = post_json("/auth", &credentials("wrong", &registry.address()));
    let status = reply.head.status;
    assert!(matches!(status, 401 | 500), "dockerd's versions differ: {status}");
    reply.refuses(status, "401 Unauthorized");
}

fn pull_with_the_right_password() {
    let (registry, image, reference) = guarded("guarded");
    let auth = credentials(PASSWORD, &registry.address()).to_string();
    let lines = pull(&reference, &auth).expect(200).json_lines();
    let _guard = Loaded { tag: String::new(), id: image.id() };
    let last = lines.last().unwrap()["status"].as_str().unwrap_or_default();
    assert!(last.starts_with("Status: Downloaded newer image"), "{last}");
    get(&format!("/images/{reference}/json")).expect(200);
}

fn pull_without_or_with_a_wrong_password_is_refused() {
    let (registry, image, reference) = guarded("closed");
    let wrong = credentials("wrong", &registry.address()).to_string();
    for auth in ["{}", "not json", wrong.as_str()] {
        let reply = pull(&reference, auth);
        // Not 401: on that the docker program asks for a name and a password, and waits for them.
        let reply = reply.expect(500);
        let text = reply.text();
        assert!(text.contains("no basic auth credentials") || text.contains("unauthorized"), "{auth}: {text}");
    }
    get(&format!("/images/{}/json", image.id())).expect(404);
}

fn the_docker_program_logs_in_and_pulls() {
    let (registry, image, reference) = guarded("login");
    let address = registry.address();
    cli::docker(&["pull", &reference]).fails(1, "no basic auth credentials");
    let login = ["login", "-u", USER, "--password-stdin", &address];
    let shown = cli::docker_fed(&login, PASSWORD.as_bytes()).ok();
    assert!(shown.contains("Login Succeeded"), "{shown}");
    cli::docker(&["pull", &reference]).ok();
    let _guard = Loaded { tag: String::new(), id: image.id() };
    cli::docker_fed(&login, b"wrong").fails(1, "unauthorized");
    cli::docker(&["logout", &address]).ok();
}
