//! testcontainers for Python with a real service: Debian's Redis, in an image made by `debootstrap`.
//!
//! Ports are not published until there are networks: the service is waited for by its log and asked by exec. Ryuk, which
//! cleans up after a client that died, gets the engine's socket bound into it and is left out until there are volumes.

use vch_compat_tests::debian;
use vch_compat_tests::prelude::*;
use vch_compat_tests::python;

const FILE: &str = "testcontainers_redis.py";

pub(crate) fn tests() -> Vec<Test> {
    tests![a_redis_serves].into_iter().map(|test| test.within(debian::MAKING)).collect()
}

fn a_redis_serves() {
    let registry = debian::registry();
    let reference = registry.name(debian::NAME);
    let told = post(&format!("/images/create?fromImage={}", encode(&reference))).expect(200).json_lines();
    assert!(told.iter().all(|line| line.get("error").is_none()), "{told:?}");
    python::case(FILE, "a_redis_serves", &[("REDIS", &reference)]);
}
