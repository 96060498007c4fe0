//! The distribution's kernel package: found, fetched, unpacked. Not installed: none of its scripts runs.
//!
//! The kernel's finder calls it. Programs are called with words, never through a shell.

use super::{GuestError, Say, files};
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The package whose dependency is the newest kernel for virtual machines.
const META: &str = "linux-image-cloud-amd64";
/// How real kernel packages are called.
const PREFIX: &str = "linux-image-";
/// How much of what a program said is told.
const MAX_WORDS: usize = 600;

/// A kernel package file: one put into `folder` by hand, else the newest that the package lists know, fetched into
/// `into`.
///
/// # Errors
/// There is none, and none can be fetched.
pub(super) fn fetch(folder: &Path, into: &Path, say: Say<'_>) -> Result<PathBuf, GuestError> {
    if let Some(package) = by_hand(folder)? {
        say(&format!("using the kernel package {}", package.display()));
        return Ok(package);
    }
    let none = |problem: String| GuestError::NoPackage { problem, folder: folder.to_path_buf() };
    say("looking for the kernel package");
    let listed = run("apt-cache", &["depends", META], into).map_err(none)?;
    let name = real_package(&listed).ok_or_else(|| none(format!("{META} depends on no kernel")))?;
    say(&format!("downloading {name}"));
    // Short waits, few tries: a host without network is to be told so soon.
    let patience = ["-o", "Acquire::Retries=2", "-o", "Acquire::http::Timeout=20", "-o", "Acquire::https::Timeout=20"];
    run("apt-get", &[&patience[..], &["download", &name]].concat(), into).map_err(none)?;
    let package = files::entries(into)?.into_iter().find(|path| is_package(path));
    package.ok_or_else(|| none(format!("apt-get has not downloaded {name}")))
}

/// Unpacks `package` into `into`.
///
/// # Errors
/// It is no package.
pub(super) fn unpack(package: &Path, into: &Path) -> Result<(), GuestError> {
    let wrong = |problem| GuestError::Package { package: package.to_path_buf(), problem };
    let words = [package, into].map(|path| path.to_str().map(str::to_owned));
    let [Some(from), Some(to)] = words else { return Err(wrong("its path is not UTF-8".to_owned())) };
    run("dpkg-deb", &["--extract", &from, &to], into).map_err(wrong).map(drop)
}

/// The kernel package in `folder`; of several, the last by name.
fn by_hand(folder: &Path) -> Result<Option<PathBuf>, GuestError> {
    Ok(files::entries(folder)?.into_iter().rfind(|path| is_package(path)))
}

fn is_package(path: &Path) -> bool {
    let name = files::name(path);
    name.starts_with(PREFIX) && name.ends_with(".deb")
}

/// The first real kernel in `apt-cache depends`' answer.
fn real_package(text: &str) -> Option<String> {
    let depends = text.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
    let plain = |name: &&str| name.chars().all(|c| c.is_ascii_alphanumeric() || ".+-".contains(c));
    depends.filter(|name| name.starts_with(PREFIX)).find(plain).map(str::to_owned)
}

/// Runs a program in `folder`; returns what it printed, or says why that failed.
fn run(program: &str, words: &[&str], folder: &Path) -> Result<String, String> {
    let mut command = Command::new(program);
    command.args(words).current_dir(folder).stdin(Stdio::null()).env("LC_ALL", "C");
    let output = command.output().map_err(|error| format!("cannot run {program}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().filter(|line| !line.starts_with("W: ")).collect();
    let said: String = lines.join("; ").chars().take(MAX_WORDS).collect();
    Err(format!("{program} failed: {said}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_real_package_is_what_the_meta_package_depends_on() {
        let text = "linux-image-cloud-amd64\n  Depends: linux-image-6.1.0-56-cloud-amd64\n  Recommends: x\n";
        assert_eq!(real_package(text).as_deref(), Some("linux-image-6.1.0-56-cloud-amd64"));
        let odd = "m\n  Depends: <linux-image>\n  Depends: linux-image-$(reboot)\n  Depends: linux-image-7\n";
        assert_eq!(real_package(odd).as_deref(), Some("linux-image-7"));
        assert_eq!(real_package(""), None);
    }

    #[test]
    fn a_package_put_there_by_hand_is_taken_before_any_other() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["linux-image-5_amd64.deb", "linux-image-6_amd64.deb", "notes.txt", "other.deb"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let package = fetch(folder.path(), folder.path(), &|_| {}).unwrap();
        assert_eq!(files::name(&package), "linux-image-6_amd64.deb");
    }

    #[test]
    fn what_is_no_package_is_refused_in_dpkgs_words() {
        let folder = tempfile::tempdir().unwrap();
        let package = folder.path().join("linux-image-x.deb");
        std::fs::write(&package, "not a package").unwrap();
        let text = unpack(&package, folder.path()).unwrap_err().to_string();
        assert!(text.contains("linux-image-x.deb cannot be used: dpkg-deb failed"), "{text}");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = run("no-such-program", &[], Path::new("/")).unwrap_err();
        assert!(error.starts_with("cannot run no-such-program: "), "{error}");
    }
}
