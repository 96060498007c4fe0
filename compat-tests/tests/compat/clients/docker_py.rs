//! docker-py, the client that most Python programs have: each test is a case of `clients/docker_py.py`.

use std::collections::BTreeSet;
use vch_compat_tests::image::marked;
use vch_compat_tests::prelude::*;
use vch_compat_tests::python;
use vch_compat_tests::registry::Registry;

const FILE: &str = "docker_py.py";

macro_rules! cases {
    ($($case:ident),* $(,)?) => {
        $(fn $case() {
            python::case(FILE, stringify!($case), &[]);
        })*

        /// The cases that need nothing but the engine.
        fn plain() -> Vec<Test> {
            tests![$($case),*]
        }
    };
}

cases![
    ping_version_and_info,
    events,
    images_list_get_tag_and_remove,
    images_import,
    images_save_and_load,
    run_in_the_foreground,
    run_with_options,
    list_get_rename_and_prune,
    stop_kill_restart_and_pause,
    wait_with_a_condition,
    logs,
    exec,
    exec_over_a_socket,
    attach_over_a_socket,
    attach_to_a_terminal,
    attach_to_a_stream,
    health,
    refusals_have_docker_pys_types,
    df,
    archives,
    diff_and_export,
    commit,
    top,
    stats,
    update,
];

pub(crate) fn tests() -> Vec<Test> {
    [plain(), tests![images_pull, images_push, every_case_is_a_test]].into_iter().flatten().collect()
}

fn images_pull() {
    let registry = Registry::open();
    let mark = unique("pulled");
    registry.push(&marked(&format!("compat/{mark}:x"), &mark), "some/image:tag", &[]);
    python::case(FILE, "images_pull", &[("REFERENCE", &registry.name("some/image:tag"))]);
}

fn images_push() {
    let registry = Registry::open();
    python::case(FILE, "images_push", &[("TARGET", &registry.name("some/image:tag"))]);
}

fn every_case_is_a_test() {
    let listed: BTreeSet<String> = python::cases(FILE).into_iter().collect();
    let tested = tests().into_iter().filter_map(|test| test.name().rsplit("::").next().map(str::to_owned));
    let tested: BTreeSet<String> = tested.filter(|name| name != "every_case_is_a_test").collect();
    assert_eq!(listed, tested);
}
