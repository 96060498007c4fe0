//! What a container has used: its cgroup's files, and the interfaces of its network namespace.

use super::cgroup::Cgroup;
use super::processes::{machine_memory, nanoseconds};
use rustix::time::ClockId;
use std::str::FromStr;
use vch_agent_proto::{CpuUsage, DeviceIo, InterfaceUsage, Traffic, Usage};

/// Most lines taken of `memory.stat`.
const MEMORY_LINES: usize = 128;
/// Most devices and interfaces.
const DEVICES: usize = 64;

/// Reads what the container of `cgroup`, whose first process is `first`, has used.
pub(crate) fn read(cgroup: &Cgroup, first: u32) -> Usage {
    let text = |file: &str| cgroup.read(file).unwrap_or_default();
    let interfaces = std::fs::read_to_string(format!("/proc/{first}/net/dev")).unwrap_or_default();
    // The clock next to the CPU time, since clients divide one by the other.
    let (cpu, clock_ns) = (text("cpu.stat"), nanoseconds(ClockId::Monotonic));
    Usage {
        clock_ns,
        cpus: u32::try_from(std::thread::available_parallelism().map_or(1, usize::from)).unwrap_or(1),
        machine_memory: machine_memory(),
        cpu: cpu_usage(&cpu),
        memory: number(&text("memory.current")).unwrap_or(0),
        memory_limit: number(&text("memory.max")),
        memory_stat: pairs(&text("memory.stat")).take(MEMORY_LINES).map(|(key, n)| (key.to_owned(), n)).collect(),
        memory_failures: pairs(&text("memory.events")).find(|(key, _)| *key == "oom").map_or(0, |(_, count)| count),
        pids: number(&text("pids.current")).unwrap_or(0),
        pids_limit: number(&text("pids.max")),
        io: text("io.stat").lines().filter_map(device).take(DEVICES).collect(),
        interfaces: interfaces.lines().filter_map(interface).take(DEVICES).collect(),
    }
}

/// A file that holds one number, or `max`.
fn number<T: FromStr>(text: &str) -> Option<T> {
    text.trim().parse().ok()
}

/// `key number` lines.
fn pairs(text: &str) -> impl Iterator<Item = (&str, u64)> {
    text.lines().filter_map(|line| {
        let (key, value) = line.split_once(' ')?;
        Some((key, value.parse().ok()?))
    })
}

fn cpu_usage(text: &str) -> CpuUsage {
    let mut usage = CpuUsage::default();
    for (key, value) in pairs(text) {
        match key {
            "usage_usec" => usage.total_us = value,
            "user_usec" => usage.user_us = value,
            "system_usec" => usage.system_us = value,
            "nr_periods" => usage.periods = value,
            "nr_throttled" => usage.throttled_periods = value,
            "throttled_usec" => usage.throttled_us = value,
            _ => {}
        }
    }
    usage
}

/// `8:0 rbytes=1 wbytes=2 rios=…`.
fn device(line: &str) -> Option<DeviceIo> {
    let (numbers, rest) = line.split_once(' ')?;
    let (major, minor) = numbers.split_once(':')?;
    let of = |key: &str| {
        let found = rest.split(' ').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='));
        found.and_then(|value| value.parse().ok()).unwrap_or(0)
    };
    Some(DeviceIo {
        major: major.parse().ok()?,
        minor: minor.parse().ok()?,
        read_bytes: of("rbytes"),
        written_bytes: of("wbytes"),
    })
}

/// A line of `/proc/PID/net/dev`; its headings have no colon behind a name.
fn interface(line: &str) -> Option<InterfaceUsage> {
    let (name, rest) = line.split_once(':')?;
    let numbers: Vec<u64> = rest.split_ascii_whitespace().map_while(|number| number.parse().ok()).collect();
    let name = name.trim();
    let traffic = |at: usize| {
        let of = |column: usize| numbers.get(at + column).copied().unwrap_or(0);
        Traffic { bytes: of(0), packets: of(1), errors: of(2), dropped: of(3) }
    };
    (name != "lo" && numbers.len() >= 12).then(|| InterfaceUsage {
        name: name.to_owned(),
        received: traffic(0),
        sent: traffic(8),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read() {
        let cpu = cpu_usage(
            "usage_usec 30\nuser_usec 20\nsystem_usec 10\nnr_periods 4\nnr_throttled 2\nthrottled_usec 9\nnr_bursts 0\n",
        );
        assert_eq!((cpu.total_us, cpu.user_us, cpu.system_us), (30, 20, 10));
        assert_eq!((cpu.periods, cpu.throttled_periods, cpu.throttled_us), (4, 2, 9));
        let io = device("8:16 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0").unwrap();
        assert_eq!((io.major, io.minor, io.read_bytes, io.written_bytes), (8, 16, 4096, 8192));
        assert_eq!(number::<u64>("max\n"), None);
        assert_eq!(number::<u64>("123\n"), Some(123));
    }

    #[test]
    fn interfaces_are_read_without_the_loopback() {
        let text = "Inter-|   Receive |  Transmit\n face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier compressed\n    lo:  1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n  eth0: 10 2 3 4 0 0 0 0 50 6 7 8 0 0 0 0\n";
        let all: Vec<_> = text.lines().filter_map(interface).collect();
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].name, "eth0");
        assert_eq!(all[0].received, Traffic { bytes: 10, packets: 2, errors: 3, dropped: 4 });
        assert_eq!(all[0].sent, Traffic { bytes: 50, packets: 6, errors: 7, dropped: 8 });
    }
}
