//! Sessions (setsid(2)): every process that the agent starts leads one, so what it starts in turn can be found by it.

use super::signals;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::os::fd::{AsFd, BorrowedFd};

/// A process that forks while it is looked for is found in a later pass; one that outruns so many is let go.
const PASSES: usize = 32;

/// Kills every process of the session that `leader` leads or led, and itself, which `pidfd` names, though it may not have
/// come to make its session yet.
pub(crate) fn kill(leader: Pid, pidfd: BorrowedFd<'_>) {
    // One that has ended needs no signal.
    let _ = signals::send(pidfd, libc::SIGKILL);
    for _ in 0..PASSES {
        let killed = members(leader).filter(|&pid| kill_member(pid, leader)).count();
        if killed == 0 {
            return;
        }
    }
}

fn members(leader: Pid) -> impl Iterator<Item = Pid> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?));
    pids.filter(move |&pid| is_member(pid, leader))
}

/// Held by descriptor and looked at again, so that a successor of the same process ID is never hit.
fn kill_member(pid: Pid, leader: Pid) -> bool {
    let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else { return false };
    is_member(pid, leader) && signals::send(pidfd.as_fd(), libc::SIGKILL).is_ok()
}

fn is_member(pid: Pid, leader: Pid) -> bool {
    let stat = std::fs::read(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    session(&stat) == Some(leader.as_raw_nonzero().get())
}

/// The session that a line of `/proc/PID/stat` (proc(5)) names, unless the process is dead already. The process's own
/// name stands in brackets and may hold anything, brackets too.
fn session(stat: &[u8]) -> Option<i32> {
    let after = stat.iter().rposition(|&byte| byte == b')')? + 1;
    let rest = String::from_utf8_lossy(stat.get(after..)?).into_owned();
    let mut fields = rest.split_ascii_whitespace();
    match fields.next()? {
        "Z" | "X" | "x" => None,
        _ => fields.nth(2)?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_is_read_whatever_the_process_is_called() {
        assert_eq!(session(b"7 (sh) S 1 7 5 0 -1 4194560"), Some(5));
        assert_eq!(session(b"7 (a) Z 9 9 9) S 1 7 6 0"), Some(6));
        assert_eq!(session(b"7 (sh) Z 1 7 5 0"), None);
        for broken in [&b""[..], b")", b"7 (sh) S", b"7 (sh) S 1 7 x 0"] {
            assert_eq!(session(broken), None);
        }
    }

    #[test]
    fn a_session_is_killed_with_every_process_group_in_it() {
        // The shell's monitor mode gives each job a process group of its own.
        let script = "set -m; sleep 1000 & sleep 1000 & wait";
        let mut child = std::process::Command::new("setsid").args(["-w", "sh", "-c", script]).spawn().unwrap();
        // `setsid` forks only if it leads a group already, which a child of a test does not.
        let leader = Pid::from_child(&child);
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while members(leader).count() < 3 {
            assert!(std::time::Instant::now() < deadline, "the jobs did not start");
            std::thread::yield_now();
        }
        kill(leader, pidfd_open(leader, PidfdFlags::empty()).unwrap().as_fd());
        assert!(!child.wait().unwrap().success());
        assert_eq!(members(leader).count(), 0);
    }
}
