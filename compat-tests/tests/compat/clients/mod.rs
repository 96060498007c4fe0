//! Clients of other makes, and the calls that runners of CI jobs make, in their order.

mod docker_py;
mod github_actions;
mod gitlab_runner;
mod testcontainers;

use vch_compat_tests::prelude::*;

pub(crate) fn tests() -> Vec<Test> {
    [docker_py::tests(), github_actions::tests(), gitlab_runner::tests(), testcontainers::tests()]
        .into_iter()
        .flatten()
        .collect()
}
