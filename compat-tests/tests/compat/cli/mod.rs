//! The stock docker program, used as people use it.

mod commands;
mod cp;
mod exit_codes;
mod io;
mod limits;
mod options;
mod terminal;

use vch_compat_tests::cli::docker;
use vch_compat_tests::prelude::*;

pub(crate) fn tests() -> Vec<Test> {
    [
        commands::tests(),
        cp::tests(),
        exit_codes::tests(),
        io::tests(),
        limits::tests(),
        options::tests(),
        terminal::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// `docker run --rm OPTIONS IMAGE sh -c SCRIPT`; what it printed.
#[track_caller]
fn run(options: &[&str], script: &str) -> String {
    let mut arguments = vec!["run", "--rm"];
    arguments.extend(options);
    arguments.extend([BUSYBOX, "sh", "-c", script]);
    docker(&arguments).ok()
}

/// `docker run -d OPTIONS IMAGE sh -c SCRIPT`, removed when dropped.
#[track_caller]
fn detached(options: &[&str], script: &str) -> Container {
    let mut arguments = vec!["run", "-d"];
    arguments.extend(options);
    arguments.extend([BUSYBOX, "sh", "-c", script]);
    Container::adopt(docker(&arguments).ok().trim())
}
