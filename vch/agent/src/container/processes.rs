//! A container's processes, as `/proc` tells of them.
//!
//! Which they are its cgroup says, those below it included. A process that ends while it is read is left out.

use super::cgroup::Cgroup;
use rustix::time::{ClockId, clock_gettime};
use std::io::Read;
use vch_agent_proto::{ProcessInfo, Processes};

/// About as many bytes as a page may have; the last process on it may go beyond by its own size.
const PAGE: usize = 128 * 1024;
/// Most bytes of a process's arguments.
const ARGUMENTS: u64 = 16 * 1024;
/// Roughly what a process takes in a message, but for its texts.
const FIXED: usize = 128;

/// The page that begins behind process `after`.
pub(crate) fn page(cgroup: &Cgroup, after: u32) -> Processes {
    let mut pids = cgroup.pids();
    pids.retain(|&pid| pid > after);
    pids.sort_unstable();
    pids.dedup();
    let mut size = 0;
    let mut processes = Vec::new();
    let mut more = false;
    for pid in pids {
        if size > PAGE {
            more = true;
            break;
        }
        if let Some(process) = read(pid) {
            size += FIXED + process.arguments.len() + process.waits_in.len();
            processes.push(process);
        }
    }
    Processes { processes, more, uptime_ns: nanoseconds(ClockId::Boottime), machine_memory: machine_memory() }
}

/// A clock of the machine's.
pub(super) fn nanoseconds(clock: ClockId) -> u64 {
    let now = clock_gettime(clock);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

/// The machine's memory in bytes.
pub(super) fn machine_memory() -> u64 {
    let info = rustix::system::sysinfo();
    info.totalram.saturating_mul(u64::from(info.mem_unit))
}

fn read(pid: u32) -> Option<ProcessInfo> {
    let file = |name: &str, limit: u64| {
        let mut bytes = Vec::new();
        let file = std::fs::File::open(format!("/proc/{pid}/{name}")).ok()?;
        file.take(limit).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    let mut process = from_stat(&file("stat", 4096)?)?;
    from_status(&mut process, &file("status", 8192)?);
    process.waits_in = file("wchan", 64).filter(|name| name != "0").unwrap_or_default();
    process.arguments = file("cmdline", ARGUMENTS).unwrap_or_default();
    Some(process)
}

/// `/proc/PID/stat`: the name stands in parentheses and may have any in it, so the last one ends it.
fn from_stat(text: &str) -> Option<ProcessInfo> {
    let (pid, rest) = text.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    // Numbered from 3 in proc(5).
    fn number<T: std::str::FromStr>(fields: &[&str], field: usize) -> Option<T> {
        fields.get(field - 3)?.parse().ok()
    }
    Some(ProcessInfo {
        pid: pid.parse().ok()?,
        name: name.to_owned(),
        state: fields.first()?.chars().next()?,
        parent: number(&fields, 4)?,
        group: number(&fields, 5).unwrap_or(0),
        session: number(&fields, 6).unwrap_or(0),
        terminal: number(&fields, 7).unwrap_or(0),
        foreground: number(&fields, 8).unwrap_or(-1),
        flags: number(&fields, 9).unwrap_or(0),
        user_ticks: number(&fields, 14)?,
        system_ticks: number(&fields, 15)?,
        priority: number(&fields, 18).unwrap_or(0),
        nice: number(&fields, 19).unwrap_or(0),
        threads: number(&fields, 20).unwrap_or(1),
        start_ticks: number(&fields, 22)?,
        virtual_bytes: number(&fields, 23).unwrap_or(0),
        resident_bytes: number::<u64>(&fields, 24).unwrap_or(0).saturating_mul(rustix::param::page_size() as u64),
        processor: number(&fields, 39).unwrap_or(0),
        ..ProcessInfo::default()
    })
}

fn from_status(process: &mut ProcessInfo, text: &str) {
    let four = |values: &str| {
        let mut four = [0; 4];
        for (place, value) in four.iter_mut().zip(values.split_ascii_whitespace()) {
            *place = value.parse().unwrap_or(0);
        }
        four
    };
    for line in text.lines() {
        match line.split_once(':') {
            Some(("Uid", values)) => process.users = four(values),
            Some(("Gid", values)) => process.groups = four(values),
            Some(("VmLck", value)) => process.locked = !value.trim_start().starts_with('0'),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_stat_line_is_read_whatever_the_name() {
        let line = "42 (a) b (c) S 1 42 42 34816 42 4194560 150 0 0 0 7 3 0 0 20 0 2 0 12345 2322432 340 184467 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0\n";
        let process = from_stat(line).unwrap();
        assert_eq!((process.pid, process.name.as_str(), process.state, process.parent), (42, "a) b (c", 'S', 1));
        assert_eq!((process.terminal, process.foreground, process.threads), (34816, 42, 2));
        assert_eq!((process.user_ticks, process.system_ticks, process.start_ticks), (7, 3, 12345));
        assert_eq!((process.virtual_bytes, process.resident_bytes, process.processor), (2_322_432, 340 * 4096, 1));
    }

    #[test]
    fn the_status_gives_users_and_locks() {
        let mut process = ProcessInfo::default();
        from_status(&mut process, "Name:\tx\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nVmLck:\t      16 kB\n");
        assert_eq!((process.users, process.groups, process.locked), ([1, 2, 3, 4], [5, 6, 7, 8], true));
    }

    #[test]
    fn this_process_is_read() {
        let own = read(std::process::id()).unwrap();
        assert!(own.resident_bytes > 0 && own.arguments.contains('\0'), "{own:?}");
        assert!(read(0).is_none());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,300}") {
            let _ = from_stat(&text);
            from_status(&mut ProcessInfo::default(), &text);
        }
    }
}
