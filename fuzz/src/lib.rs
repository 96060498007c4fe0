//! Fuzz targets: what reads bytes of guests, clients, registries and archives must neither panic, nor hang, nor grow.
//!
//! Run by `scripts/fuzz` under libFuzzer, guided by coverage; each seed and each input that was once a finding is a file
//! below `seeds/`, replayed by this crate's own tests. A target is a function of bytes that panics on a finding.
//!
//! | target | whose bytes | what reads them |
//! |---|---|---|
//! | [`frames`] | guest | the agent protocol's decoder and messages |
//! | [`guest`] | guest | the host's end of that protocol, with a process running |
//! | [`streams`] | container, client | frames of logs and attach on their way out; WebSocket frames on their way in |
//! | [`requests`] | client | the whole HTTP API in front of an engine that says yes to most calls |
//! | [`filters`] | client | filters: both JSON shapes, and every way of matching |
//! | [`references`] | client | image references and their patterns |
//! | [`layers`] | registry, archive | tar streams that become layer disks |
//! | [`configs`] | registry, archive | image configurations |
#![allow(clippy::unwrap_used, reason = "a target panics on a finding")]

pub mod configs;
pub mod filters;
pub mod frames;
pub mod guest;
pub mod layers;
pub mod references;
pub mod requests;
pub mod streams;
mod talk;

/// A target: panics on a finding.
pub type Target = fn(&[u8]);

/// Every target by name, which is also that of its folder of seeds.
pub const TARGETS: &[(&str, Target)] = &[
    ("configs", configs::run),
    ("filters", filters::run),
    ("frames", frames::run),
    ("guest", guest::run),
    ("layers", layers::run),
    ("references", references::run),
    ("requests", requests::run),
    ("streams", streams::run),
];

/// The target of that name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, run)| *run)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn every_seed_passes_its_target() {
        let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
        for (name, run) in super::TARGETS {
            let mut seen = 0;
            for entry in std::fs::read_dir(seeds.join(name)).unwrap() {
                let path = entry.unwrap().path();
                let bytes = std::fs::read(&path).unwrap();
                let outcome = std::panic::catch_unwind(|| run(&bytes));
                assert!(outcome.is_ok(), "{} fails its target", path.display());
                seen += 1;
            }
            assert!(seen > 0, "{name} has no seeds");
        }
    }

    #[test]
    fn every_folder_of_seeds_has_a_target() {
        let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
        for entry in std::fs::read_dir(seeds).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(super::target(&name).is_some(), "{name}");
        }
    }
}
