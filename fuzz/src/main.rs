//! One fuzz target, chosen by `VCH_FUZZ_TARGET`: under libFuzzer with the feature `libfuzzer`, else on the files named as
//! arguments.
#![cfg_attr(feature = "libfuzzer", no_main)]
#![allow(clippy::print_stderr, reason = "a program that talks to a person")]

use vch_fuzz::{TARGETS, Target, target};

fn chosen() -> Target {
    let name = std::env::var("VCH_FUZZ_TARGET").unwrap_or_default();
    target(&name).unwrap_or_else(|| {
        let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
        eprintln!("VCH_FUZZ_TARGET is {name:?}: it must be one of {}", names.join(", "));
        std::process::exit(2);
    })
}

#[cfg(feature = "libfuzzer")]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    static CHOSEN: std::sync::OnceLock<Target> = std::sync::OnceLock::new();
    CHOSEN.get_or_init(chosen)(bytes);
});

#[cfg(not(feature = "libfuzzer"))]
fn main() {
    let run = chosen();
    for path in std::env::args_os().skip(1) {
        match std::fs::read(&path) {
            Ok(bytes) => run(&bytes),
            Err(error) => {
                eprintln!("reading {}: {error}", path.display());
                std::process::exit(1);
            }
        }
    }
}
