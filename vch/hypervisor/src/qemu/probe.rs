//! Finds QEMU on the host and asks it who it is.
//!
//! Called by [`Qemu::find`](super::Qemu::find). It promises a bounded wait and bounded output whatever the program is.

use crate::{HypervisorError, Result};
use std::{
    env, io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::{io::AsyncReadExt, process::Command};

const PROGRAM: &str = "qemu-system-x86_64";
/// Where some distributions put it instead (RHEL and its kin).
const ELSEWHERE: &[&str] =
    &["/usr/bin/qemu-system-x86_64", "/usr/local/bin/qemu-system-x86_64", "/usr/libexec/qemu-kvm"];
/// The oldest that all of this is tried on.
const OLDEST: (u32, u32) = (7, 2);
const LIMIT: Duration = Duration::from_secs(20);
const MAX_OUTPUT: u64 = 256 * 1024;

/// The program and what it says of itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) program: PathBuf,
    /// `7.2.22 (Debian 1:7.2+dfsg-7)`.
    pub(super) version: String,
    /// The newest versioned q35 board: `pc-q35-7.2`. The plain name `q35` would mean another board in another version.
    pub(super) kind: String,
}

/// Looks at `path`, or where none is given along `PATH` and in the usual places.
pub(super) async fn probe(path: Option<&Path>) -> Result<Found> {
    let program = match path {
        Some(path) => path.to_owned(),
        None => candidates().find(|path| path.is_file()).unwrap_or_else(|| ELSEWHERE[0].into()),
    };
    let version = ask(&program, &["--version"]).await?;
    let unusable = |problem: String| HypervisorError::NotUsable { path: program.clone(), problem };
    let version = parse_version(&version).map_err(unusable)?;
    let kinds = ask(&program, &["-machine", "help"]).await?;
    let kind = newest_q35(&kinds).ok_or_else(|| unusable("it has no versioned q35 machine".to_owned()))?;
    Ok(Found { program, version, kind })
}

fn candidates() -> impl Iterator<Item = PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let along: Vec<PathBuf> =
        env::split_paths(&path).filter(|folder| folder.is_absolute()).map(|f| f.join(PROGRAM)).collect();
    along.into_iter().chain(ELSEWHERE.iter().map(PathBuf::from))
}

/// What the program prints to its standard output.
async fn ask(program: &Path, words: &[&str]) -> Result<String> {
    let absent = |source: io::Error| HypervisorError::NotFound { path: program.to_owned(), source };
    let unusable = |problem: String| HypervisorError::NotUsable { path: program.to_owned(), problem };
    let mut command = Command::new(program);
    command
        .args(words)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(absent)?;
    let Some(stdout) = child.stdout.take() else { return Err(absent(io::ErrorKind::BrokenPipe.into())) };
    let mut text = Vec::new();
    let read = async {
        stdout.take(MAX_OUTPUT).read_to_end(&mut text).await?;
        child.wait().await
    };
    match tokio::time::timeout(LIMIT, read).await {
        Ok(Ok(status)) if status.success() => Ok(String::from_utf8_lossy(&text).into_owned()),
        Ok(Ok(status)) => Err(unusable(format!("asked for {} it ends with {status}", words.join(" ")))),
        Ok(Err(error)) => Err(absent(error)),
        Err(_) => Err(unusable(format!("asked for {} it does not answer within {LIMIT:?}", words.join(" ")))),
    }
}

/// The version in the first line, if it is new enough.
fn parse_version(text: &str) -> std::result::Result<String, String> {
    let line = text.lines().next().unwrap_or_default();
    let strange = || format!("its version cannot be read from {line:?}");
    let (_, version) = line.split_once("version ").ok_or_else(strange)?;
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse::<u32>().ok());
    let (Some(Some(major)), Some(Some(minor))) = (numbers.next(), numbers.next()) else { return Err(strange()) };
    if (major, minor) < OLDEST {
        return Err(format!("version {major}.{minor} is older than {}.{}", OLDEST.0, OLDEST.1));
    }
    Ok(version.trim().to_owned())
}

/// The newest of the boards listed as `pc-q35-<version>`, or with a distribution's name before the version.
fn newest_q35(text: &str) -> Option<String> {
    let version = |kind: &str| -> Option<(bool, Vec<u32>)> {
        let tail = kind.strip_prefix("pc-q35-")?;
        let digits = tail.trim_start_matches(|c: char| c.is_ascii_lowercase());
        let numbers: Option<Vec<u32>> = digits.split('.').map(|number| number.parse().ok()).collect();
        Some((digits.len() == tail.len(), numbers?))
    };
    let kinds = text.lines().filter_map(|line| line.split_ascii_whitespace().next());
    kinds.filter_map(|kind| Some((version(kind)?, kind))).max().map(|(_, kind)| kind.to_owned())
}

/// What the host's processor says of itself, its speed of the moment left out. A saved machine depends on it: under KVM
/// by the features it was shown, under emulation by the rate of the time-stamp counter that its kernel measured.
pub(super) fn host_cpu(cpuinfo: &str) -> String {
    const TOLD: [&str; 6] = ["vendor_id", "cpu family", "model", "model name", "stepping", "flags"];
    let first = cpuinfo.lines().take_while(|line| !line.trim().is_empty());
    let facts = first.filter_map(|line| line.split_once(':')).map(|(key, value)| (key.trim(), value.trim()));
    facts.filter(|(key, _)| TOLD.contains(key)).map(|(_, value)| value).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_old_ones_refused() {
        let debian = "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)\nCopyright (c) 2003-2022\n";
        assert_eq!(parse_version(debian).unwrap(), "7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)");
        assert_eq!(parse_version("QEMU emulator version 10.0.2").unwrap(), "10.0.2");
        assert!(parse_version("QEMU emulator version 5.2.0").unwrap_err().contains("older than 7.2"));
        for strange in ["", "busybox v1.35", "QEMU emulator version x", "version 99999999999.1"] {
            assert!(parse_version(strange).unwrap_err().contains("cannot be read"), "{strange}");
        }
    }

    #[test]
    fn the_newest_board_is_the_newest_by_number() {
        let list = "Supported machines are:\nq35 alias\npc-q35-9.2 x\npc-q35-10.0 x\npc-q35-2.12 x\npc-q35-4.0.1 x\npc-i440fx-11.0 x\n";
        assert_eq!(newest_q35(list).as_deref(), Some("pc-q35-10.0"));
        assert_eq!(
            newest_q35("pc-q35-rhel9.2.0 x\npc-q35-rhel9.10.0 y\npc-q35-jammy z").as_deref(),
            Some("pc-q35-rhel9.10.0")
        );
        assert_eq!(newest_q35("pc-q35-rhel9.2.0 x\npc-q35-7.2 y").as_deref(), Some("pc-q35-7.2"));
        assert_eq!(newest_q35("q35 x\nnone"), None);
    }

    #[test]
    fn a_processor_is_told_by_what_does_not_change() {
        let one = "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC\ncpu MHz\t\t: 2596.094\nflags\t\t: fpu vme\n\n";
        let faster = one.replace("2596.094", "3100.000") + "processor\t: 1\nflags\t\t: other\n";
        assert_eq!(host_cpu(one), "AuthenticAMD AMD EPYC fpu vme");
        assert_eq!(host_cpu(&faster), host_cpu(one));
        assert_eq!(host_cpu(""), "");
    }

    #[tokio::test]
    async fn a_missing_program_and_one_that_is_no_qemu_are_told_apart() {
        let missing = probe(Some(Path::new("/nonexistent/qemu"))).await.unwrap_err();
        assert!(missing.to_string().starts_with("cannot run QEMU at /nonexistent/qemu: install it"), "{missing}");
        let other = probe(Some(Path::new("/bin/false"))).await.unwrap_err();
        assert!(matches!(other, HypervisorError::NotUsable { .. }), "{other}");
        let echo = probe(Some(Path::new("/bin/echo"))).await.unwrap_err();
        assert!(echo.to_string().contains("its version cannot be read"), "{echo}");
    }
}
