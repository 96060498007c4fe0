//! `compat-table DOCKERD.json VCH.json`: prints the page that compares two runs. Started by `scripts/compat-table`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that talks to a person")]

use std::path::Path;
use std::process::ExitCode;
use vch_compat_tests::results::Run;
use vch_compat_tests::table;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [peer, ours] = arguments.as_slice() else {
        eprintln!("usage: compat-table DOCKERD.json VCH.json");
        return ExitCode::from(2);
    };
    let made = Run::read(Path::new(peer))
        .and_then(|peer| Run::read(Path::new(ours)).map(|ours| (peer, ours)))
        .and_then(|(peer, ours)| table::page(&peer, &ours));
    match made {
        Ok(page) => {
            print!("{page}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}
