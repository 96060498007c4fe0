//! Tidiness as code: what the house rules say of every file, checked.
//!
//! Run by `scripts/check`. The lists of exceptions give a reason each and may only shrink: one that is not needed any
//! more fails too. Links none of the other crates; it reads their sources.

#![allow(clippy::unwrap_used, reason = "a test fails by panic, and these helpers are of a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// No source file is longer.
const MOST_LINES: usize = 400;

/// Longer files, each with its reason.
const LONG: &[(&str, &str)] = &[];

/// Names that say nothing of what is inside.
const EMPTY_NAMES: &[&str] = &["utils", "util", "helper", "helpers", "manager", "common", "inner", "v2"];

/// Which of our crates each may link (design: the map's arrows), and no others.
const ARROWS: &[(&str, &[&str])] = &[
    ("vch", &["vch-api", "vch-engine"]),
    ("vch-api", &["vch-engine"]),
    ("vch-engine", &["vch-sandbox", "vch-images"]),
    ("vch-sandbox", &["vch-hypervisor", "vch-agent-proto"]),
    ("vch-hypervisor", &[]),
    ("vch-agent-proto", &[]),
    ("vch-agent", &["vch-agent-proto"]),
    ("vch-images", &[]),
    ("vch-compat-tests", &[]),
    ("vch-fuzz", &["vch-agent-proto", "vch-api", "vch-engine", "vch-images", "vch-sandbox"]),
];

/// Further arrows, each with its reason.
const FURTHER_ARROWS: &[(&str, &str, &str)] = &[];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Every file of the tree below the root that is ours, as paths from there.
fn files() -> Vec<String> {
    fn walk(folder: &Path, root: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if !matches!(name.as_str(), "target" | ".git" | ".vch") {
                    walk(&path, root, found);
                }
            } else {
                found.push(path.strip_prefix(root).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    let mut found = Vec::new();
    walk(&root(), &root(), &mut found);
    found.sort();
    found
}

fn sources() -> Vec<(String, String)> {
    let rust = files().into_iter().filter(|path| path.ends_with(".rs"));
    rust.map(|path| (path.clone(), fs::read_to_string(root().join(path)).unwrap())).collect()
}

#[track_caller]
fn none(found: Vec<String>, rule: &str) {
    assert!(found.is_empty(), "{rule}:\n  {}", found.join("\n  "));
}

#[test]
fn files_are_short() {
    let mut long = Vec::new();
    let mut excused: BTreeSet<&str> = LONG.iter().map(|(path, _)| *path).collect();
    assert!(LONG.iter().all(|(_, reason)| reason.len() > 10), "an exception has a reason");
    for (path, text) in sources() {
        let lines = text.lines().count();
        if lines > MOST_LINES && !excused.remove(path.as_str()) {
            long.push(format!("{path}: {lines} lines"));
        }
    }
    none(long, "files longer than 400 lines");
    none(excused.into_iter().map(str::to_owned).collect(), "exceptions that are not needed any more");
}

#[test]
fn files_open_with_what_they_are_for() {
    let bare = sources().into_iter().filter(|(_, text)| !text.starts_with("//!"));
    none(bare.map(|(path, _)| path).collect(), "files without a head of //!");
}

#[test]
fn names_say_something() {
    let empty = files().into_iter().filter(|path| {
        let mut parts = Path::new(path).iter().map(|part| part.to_string_lossy().into_owned());
        parts.any(|part| EMPTY_NAMES.contains(&part.split('.').next().unwrap_or_default()))
    });
    none(empty.collect(), "names that say nothing");
}

#[test]
fn folders_keep_their_door_inside() {
    let all: BTreeSet<String> = files().into_iter().collect();
    // A file may keep its long tests in a folder of its own name, and nothing else there.
    let inside = |stem: &str| {
        let folder = format!("{stem}/");
        all.iter().any(|path| {
            path.starts_with(&folder) && path.ends_with(".rs") && !path[folder.len()..].starts_with("tests")
        })
    };
    let beside = all.iter().filter(|path| {
        let tests = path.contains("/tests/") || path.contains("/bin/") || path.ends_with("/tests.rs");
        !tests && path.strip_suffix(".rs").is_some_and(inside)
    });
    none(beside.cloned().collect(), "a folder's module is its mod.rs");
}

#[test]
fn nothing_is_left_for_later() {
    // Put together here, so that this file is not found by itself.
    let words = [["TO", "DO"], ["FIX", "ME"], ["X", "XX"], ["todo", "!("], ["unimplemented", "!("], ["#[ig", "nore"]];
    let words = words.map(|parts| parts.concat());
    let alone = |text: &str, word: &str| {
        text.match_indices(word).any(|(at, _)| {
            let letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
            !letter(text[..at].chars().next_back()) && !letter(text[at + word.len()..].chars().next())
        })
    };
    let mut left = Vec::new();
    for (path, text) in sources() {
        for (number, line) in text.lines().enumerate() {
            let found = words.iter().find(|word| match word.as_str().ends_with(['(', 'e']) {
                true => line.contains(word.as_str()),
                false => alone(line, word),
            });
            if let Some(word) = found {
                left.push(format!("{path}:{}: {word}", number + 1));
            }
        }
    }
    none(left, "things left for later");
}

#[test]
fn sharp_tools_stay_in_their_room() {
    let keyword = ["uns", "afe"].concat();
    let sharp = [" {", " fn", " impl", " extern"].map(|after| format!("{keyword}{after}"));
    let outside = sources().into_iter().filter(|(path, text)| {
        let fenced = Path::new(path).iter().any(|part| matches!(part.to_str(), Some("sys" | "sys.rs")));
        let code = |line: &str| !line.trim_start().starts_with("//");
        !fenced && text.lines().filter(|line| code(line)).any(|line| sharp.iter().any(|word| line.contains(word)))
    });
    none(outside.map(|(path, _)| path).collect(), "unsafe code outside a sys module");
    let bare = sources().into_iter().filter(|(_, text)| {
        text.contains(&format!("{keyword} {{")) && !text.contains("SAFETY") && !text.contains("none(bare")
    });
    none(bare.map(|(path, _)| path).collect(), "unsafe code without a SAFETY note");
}

#[test]
fn crates_link_only_downwards() {
    let mut manifests = BTreeMap::new();
    for path in files().into_iter().filter(|path| path.ends_with("Cargo.toml")) {
        let text = fs::read_to_string(root().join(&path)).unwrap();
        let package = text.split("[package]").nth(1).unwrap_or_default();
        let name = package.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
        manifests.insert(name.unwrap_or(&path).to_owned(), text);
    }
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let mut excused: BTreeSet<(&str, &str)> = FURTHER_ARROWS.iter().map(|(from, to, _)| (*from, *to)).collect();
    let mut wrong = Vec::new();
    for (name, text) in &manifests {
        let Some(targets) = allowed.get(name.as_str()) else {
            wrong.push(format!("{name}: a crate that the arrows do not know"));
            continue;
        };
        let mut section = "";
        for line in text.lines() {
            if line.starts_with('[') {
                section = line;
            }
            let target = line.split(['.', ' ', '=']).next().unwrap_or_default();
            let ours =
                allowed.contains_key(target) && section.contains("dependencies") && !section.contains("workspace");
            if ours && !targets.contains(&target) && !excused.remove(&(name.as_str(), target)) {
                wrong.push(format!("{name} -> {target}"));
            }
        }
    }
    none(wrong, "arrows that the map does not have");
    none(excused.iter().map(|(from, to)| format!("{from} -> {to}")).collect(), "arrows that are not needed any more");
}

#[test]
fn scripts_stop_at_the_first_failure() {
    let careless = files().into_iter().filter(|path| path.starts_with("scripts/") || path.starts_with(".ci/"));
    let careless = careless.filter(|path| {
        let text = fs::read_to_string(root().join(path)).unwrap();
        let shell = text.lines().next().is_some_and(|line| line.starts_with("#!") && line.ends_with("sh"));
        shell && !text.lines().any(|line| line.starts_with("set -eu"))
    });
    none(careless.collect(), "shell scripts without set -eu");
}
