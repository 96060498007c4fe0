//! `qemu.pid`: which process a machine is, so that a later daemon finds it again and never takes another for it.
//!
//! Launch writes it, adopt reads it. A process ID alone may have been given to somebody else since; with the time that
//! the process started, and the boot that it started in, it names one process for ever.

use crate::{HypervisorError, Result, Sharing};
use serde::{Deserialize, Serialize};
use std::{fs, io, path::Path};

/// Largest record that is read, in bytes.
const MAX: u64 = 16 * 1024;

/// What is kept of a running machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The machine's name.
    pub(crate) name: String,
    /// Its process.
    pub(crate) pid: u32,
    /// When that started, in clock ticks since the boot (`/proc/<pid>/stat`, field 22).
    pub(crate) started: u64,
    /// Which boot (`/proc/sys/kernel/random/boot_id`).
    pub(crate) boot: String,
    /// Its memory file.
    pub(crate) memory: std::path::PathBuf,
    /// Whether it writes to that.
    pub(crate) shared: bool,
}

impl Record {
    /// The record of the living process `pid`.
    pub(crate) fn of(name: &str, pid: u32, memory: &crate::Memory) -> io::Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            pid,
            started: start_time(pid)?,
            boot: boot()?,
            memory: memory.file.clone(),
            shared: memory.sharing == Sharing::Shared,
        })
    }

    /// Whether its process lives. To be asked with the process held by descriptor, so that the answer stays true.
    pub(crate) fn lives(&self) -> bool {
        boot().is_ok_and(|boot| boot == self.boot) && start_time(self.pid).is_ok_and(|started| started == self.started)
    }

    /// Reads the record in `directory`.
    ///
    /// # Errors
    /// There is none, or it is no record.
    pub(crate) fn read(directory: &Path) -> Result<Self> {
        let path = directory.join(super::directory::PID);
        let missing = |problem: String| HypervisorError::NoMachine { directory: directory.to_owned(), problem };
        let size = fs::symlink_metadata(&path).map_err(|error| missing(format!("no record ({error})")))?;
        if !size.is_file() || size.len() > MAX {
            return Err(missing("its record is no small file".to_owned()));
        }
        let bytes = fs::read(&path).map_err(|error| missing(format!("its record cannot be read ({error})")))?;
        serde_json::from_slice(&bytes).map_err(|error| missing(format!("its record is damaged ({error})")))
    }
}

fn boot() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// Field 22 of `/proc/<pid>/stat`; the second field, the program's name in brackets, may hold anything but its own end.
fn start_time(pid: u32) -> io::Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    parse_start_time(&stat)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no start time in /proc/<pid>/stat"))
}

fn parse_start_time(stat: &str) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_time_is_found_behind_any_program_name() {
        let tail = " S 1 2 2 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 77881 1 2";
        for name in ["qemu", "a b", "a) R 1 2 3 (x"] {
            assert_eq!(parse_start_time(&format!("7 ({name}){tail}")), Some(77881));
        }
        assert_eq!(parse_start_time("7 (qemu) S 1"), None);
        assert_eq!(parse_start_time(""), None);
    }

    #[test]
    fn a_process_lives_by_its_own_start_and_boot_only() {
        let memory = crate::Memory { file: "/m".into(), mib: 64, sharing: Sharing::Private };
        let ours = Record::of("test", std::process::id(), &memory).unwrap();
        assert!(ours.lives());
        assert!(!Record { started: ours.started + 1, ..ours.clone() }.lives());
        assert!(!Record { boot: "another".into(), ..ours }.lives());
    }

    #[test]
    fn a_missing_or_damaged_record_is_no_machine() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("qemu.pid");
        let problem = || Record::read(directory.path()).unwrap_err().to_string();
        assert!(problem().contains("no record"));
        for damage in [&b""[..], b"12", b"{\"pid\": 1}", b"\xff"] {
            fs::write(&path, damage).unwrap();
            assert!(problem().contains("damaged"), "{damage:?}");
        }
        fs::write(&path, vec![b' '; 20_000]).unwrap();
        assert!(problem().contains("no small file"));
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        assert!(problem().contains("no small file"));
    }
}
