//! The black-box tests: one program, so that our daemon is started once and stopped at the end.
//!
//! `cargo test -p vch-compat-tests [--] [NAME…]`; `docs/testing.md` says what it needs. Each module is a topic, each
//! test is named for the behaviour it holds the engine to.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests stop at the first surprise, and this is a program that talks to a person"
)]
#![allow(clippy::cloned_ref_to_slice_refs, reason = "a list of one expected id reads best as a list")]

mod bollard;
mod cli;
mod clients;
mod containers;
mod disk_usage;
mod http;
mod images;
mod inside;
mod load;
mod ours;
mod system;
mod time;

use libtest_mimic::Arguments;
use std::process::ExitCode;
use std::sync::Arc;
use vch_compat_tests::results::Results;
use vch_compat_tests::{engine, image, runner};

fn all() -> Vec<runner::Test> {
    let rooms = [
        system::tests(),
        http::tests(),
        images::tests(),
        containers::tests(),
        inside::tests(),
        disk_usage::tests(),
        cli::tests(),
        bollard::tests(),
        clients::tests(),
        ours::tests(),
        load::tests(),
    ];
    rooms.into_iter().flatten().collect()
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let results = Arc::new(Results::default());
    if arguments.list {
        return libtest_mimic::run(&arguments, runner::trials(all(), None, &results)).exit_code();
    }
    let running = match engine::start() {
        Ok(running) => running,
        Err(sentence) => {
            eprintln!("{sentence}");
            return ExitCode::FAILURE;
        }
    };
    // A panic here must not leave the daemon behind.
    if std::panic::catch_unwind(|| image::busybox().load()).is_err() {
        eprintln!("{}", running.log().unwrap_or_default());
        let _ = running.stop();
        return ExitCode::FAILURE;
    }
    let conclusion = libtest_mimic::run(&arguments, runner::trials(all(), Some(engine::engine()), &results));
    let written = results.write(engine::engine());
    if let Err(sentence) = &written {
        eprintln!("{sentence}");
    }
    let log = running.log();
    let stopped = running.stop();
    if let Err(left) = &stopped {
        eprintln!("{left}");
    }
    if let (true, Some(log)) = (conclusion.has_failed() || stopped.is_err(), log) {
        eprintln!("{log}");
    }
    if stopped.is_err() || written.is_err() {
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}
