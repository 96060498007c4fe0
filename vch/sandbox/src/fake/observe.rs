//! What a fake guest shows of its containers: the processes that run, and numbers that grow with each look.

use super::{State, failure};
use vch_agent_proto::{CpuUsage, Failure, FailureClass, ProcessInfo, Processes, Usage};

/// Processes on a page: few, so that tests turn pages.
const PAGE: usize = 2;

impl State {
    /// The number of a running container's first process.
    pub(super) fn first_of(&self, container: &str) -> Result<u32, Failure> {
        let gone = || failure(FailureClass::NotFound, &format!("container {container} is not running"));
        let first = *self.containers.get(container).ok_or_else(gone)?;
        if self.processes.contains_key(&first) { Ok(first) } else { Err(gone()) }
    }

    pub(super) fn processes_of(&self, container: &str, after: u32) -> Result<Processes, Failure> {
        self.first_of(container)?;
        let of = self.processes.values().filter(|running| running.container == container && running.pid > after);
        let mut processes: Vec<_> = of
            .map(|running| ProcessInfo {
                pid: running.pid,
                parent: 1,
                state: 'S',
                threads: 1,
                name: running.args.first().cloned().unwrap_or_default(),
                arguments: running.args.iter().map(|argument| format!("{argument}\0")).collect(),
                ..ProcessInfo::default()
            })
            .collect();
        processes.sort_by_key(|process| process.pid);
        let more = processes.len() > PAGE;
        processes.truncate(PAGE);
        Ok(Processes { processes, more, uptime_ns: 60_000_000_000, machine_memory: 64 << 20 })
    }

    /// With each look a second has gone, half of which the container has worked unless it is frozen.
    pub(super) fn usage_of(&mut self, container: &str) -> Result<Usage, Failure> {
        self.first_of(container)?;
        self.looks += 1;
        self.worked += u64::from(!self.frozen.contains(container));
        let limits = self.limits.get(container).cloned().unwrap_or_default();
        let pids = self.processes.values().filter(|running| running.container == container).count() as u64;
        Ok(Usage {
            clock_ns: self.looks * 1_000_000_000,
            cpus: 1,
            machine_memory: 64 << 20,
            cpu: CpuUsage { total_us: self.worked * 500_000, user_us: self.worked * 500_000, ..CpuUsage::default() },
            memory: 4096,
            memory_limit: limits.memory,
            memory_stat: vec![("anon".to_owned(), 4096), ("inactive_file".to_owned(), 0), ("unknown".to_owned(), 1)],
            pids,
            pids_limit: limits.pids,
            ..Usage::default()
        })
    }
}
