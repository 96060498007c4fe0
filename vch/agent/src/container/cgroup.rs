//! A container's cgroup (v2): made, limited, killed and removed.
//!
//! The agent makes it and forks into it. The child sets the limits itself, last of all, so that setting up the container
//! is neither slowed nor stopped by them: runc does the same.

use super::device_rules;
use crate::failure::{Explain, Failure, FailureClass, failure, report};
use crate::sys::bpf;
use rustix::fs::{AtFlags, Mode, OFlags, mkdirat, openat, unlinkat};
use rustix::io::Errno;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};
use vch_agent_proto::Limits;

/// How long processes may take to stand still. Nothing else is done meanwhile; mostly it is a matter of microseconds.
const FREEZE: Duration = Duration::from_secs(5);
/// How often it is looked whether they do.
const LOOK: Duration = Duration::from_millis(1);

/// A cgroup that holds one container's processes.
pub(crate) struct Cgroup {
    parent: OwnedFd,
    name: String,
    directory: OwnedFd,
    events: Option<OwnedFd>,
    memory_events: Option<OwnedFd>,
}

/// Most process IDs that a cgroup is asked for.
const MOST_PIDS: usize = 65_536;

impl Cgroup {
    /// Makes the cgroup of container `id` below `root`.
    ///
    /// # Errors
    /// The ID is no file name, or the kernel refuses.
    pub(crate) fn create(root: BorrowedFd<'_>, id: &str) -> Result<Self, Failure> {
        if id.is_empty()
            || id.len() > 128
            || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        {
            return Err(failure(FailureClass::Internal, format!("{id:?} is no container ID")));
        }
        let explain = |why: &str| format!("make the cgroup of container {id}: {why}");
        let result = (|| {
            match mkdirat(root, id, Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error),
            }
            let directory = openat(root, id, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
            let events = openat(&directory, "cgroup.events", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
            // Missing where the kernel has no memory controller: then nothing strikes either.
            let memory_events =
                openat(&directory, "memory.events", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok();
            let parent = rustix::io::fcntl_dupfd_cloexec(root, 3)?;
            Ok(Self { parent, name: id.to_owned(), directory, events: Some(events), memory_events })
        })();
        result.explain(FailureClass::Internal, explain)
    }

    /// The cgroup's directory.
    pub(crate) fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// A descriptor that has an event when the cgroup becomes empty.
    pub(crate) fn events(&self) -> Option<BorrowedFd<'_>> {
        self.events.as_ref().map(AsFd::as_fd)
    }

    /// A descriptor that has an event when memory ran short, above all when the out-of-memory killer strikes.
    pub(crate) fn memory_events(&self) -> Option<BorrowedFd<'_>> {
        self.memory_events.as_ref().map(AsFd::as_fd)
    }

    /// Whether a process lives in it or below. An unreadable cgroup counts as empty: it is gone.
    pub(crate) fn is_populated(&self) -> bool {
        self.read("cgroup.events").is_some_and(|text| text.lines().any(|line| line == "populated 1"))
    }

    /// How often the out-of-memory killer has struck in it or below.
    pub(crate) fn oom_kills(&self) -> u64 {
        let text = self.read("memory.events").unwrap_or_default();
        text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.parse().ok()).unwrap_or(0)
    }

    /// The processes in it and below, in no order.
    pub(crate) fn pids(&self) -> Vec<u32> {
        let mut pids = Vec::new();
        pids_below(self.directory.as_fd(), &mut pids, 0);
        pids
    }

    /// Kills every process in it and below.
    pub(crate) fn kill(&self) {
        if let Err(error) = write(self.directory.as_fd(), "cgroup.kill", "1") {
            report(&format!("the processes of container {}: {error}", self.name));
        }
    }

    /// Stops every process in it and below, or lets them go on, and waits until they stand still: that takes as long as
    /// the longest system call under way that cannot be interrupted, and here [`FREEZE`] at most.
    ///
    /// # Errors
    /// It takes longer (they go on then), or the kernel refuses.
    pub(crate) fn freeze(&self, frozen: bool) -> Result<(), Failure> {
        let set = |value: &str| {
            write(self.directory.as_fd(), "cgroup.freeze", value)
                .explain(FailureClass::Setting, |why| format!("write {value} to cgroup.freeze: {why}"))
        };
        set(if frozen { "1" } else { "0" })?;
        let until = Instant::now() + FREEZE;
        while frozen && !self.read("cgroup.events").is_some_and(|text| text.lines().any(|line| line == "frozen 1")) {
            if Instant::now() > until {
                set("0")?;
                return Err(failure(
                    FailureClass::Setting,
                    format!("a process does not stand still within {FREEZE:?}"),
                ));
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// The first cgroup below that can hold processes.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn leaf(&self) -> Result<OwnedFd, Failure> {
        let open = |at: BorrowedFd<'_>, name: &str| {
            openat(at, name, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
        };
        let entries = rustix::fs::Dir::read_from(&self.directory)
            .explain(FailureClass::Internal, |why| format!("look for a cgroup of container {}: {why}", self.name))?;
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') || entry.file_type() != rustix::fs::FileType::Directory {
                continue;
            }
            if let Ok(directory) = open(self.directory.as_fd(), &name)
                && read(directory.as_fd(), "cgroup.subtree_control").is_some_and(|text| text.trim().is_empty())
                && read(directory.as_fd(), "cgroup.procs").is_some_and(|text| !text.is_empty())
            {
                return Ok(directory);
            }
        }
        Err(failure(FailureClass::Internal, format!("no cgroup of container {} can hold a process", self.name)))
    }

    /// Sets the limits and device rules; called by the child, for itself.
    ///
    /// # Errors
    /// The kernel refuses a value, or has no such limit.
    pub(crate) fn confine(&self, limits: &Limits, rules: Option<BorrowedFd<'_>>) -> Result<(), Failure> {
        for (file, value) in settings(limits) {
            write(self.directory.as_fd(), file, &value).explain(FailureClass::Setting, |why| {
                format!("error setting cgroup config: failed to write {value:?} to {file}: {why}")
            })?;
        }
        if let Some(rules) = rules {
            bpf::attach_device_program(self.directory.as_fd(), rules)
                .explain(FailureClass::Setting, |why| format!("attach the device rules: {why}"))?;
        }
        Ok(())
    }

    /// Sets all limits anew; those that are not there any more are lifted.
    ///
    /// # Errors
    /// The kernel refuses a value.
    pub(crate) fn limit(&self, limits: &Limits) -> Result<(), Failure> {
        let asked = settings(limits);
        let lifted = LIFTED.iter().filter(|(file, _)| !asked.iter().any(|(asked, _)| asked == file));
        let all = lifted.map(|(file, value)| (*file, (*value).to_owned())).chain(asked.iter().cloned());
        for (file, value) in all {
            write(self.directory.as_fd(), file, &value)
                .explain(FailureClass::Setting, |why| format!("failed to write {value:?} to {file}: {why}"))?;
        }
        Ok(())
    }

    /// Removes it with whatever empty cgroups the container made below.
    pub(crate) fn remove(&self) {
        remove_below(self.parent.as_fd(), &self.name, 0);
    }

    /// A file of it, up to 4 KiB.
    pub(super) fn read(&self, file: &str) -> Option<String> {
        read(self.directory.as_fd(), file)
    }
}

/// What the files hold where nothing is limited.
const LIFTED: [(&str, &str); 8] = [
    ("memory.max", "max"),
    ("memory.swap.max", "max"),
    ("memory.low", "0"),
    ("cpu.weight", "100"),
    ("cpu.max", "max 100000"),
    ("cpuset.cpus", "\n"),
    ("cpuset.mems", "\n"),
    ("pids.max", "max"),
];

/// The files to write, in an order that the kernel accepts.
fn settings(limits: &Limits) -> Vec<(&'static str, String)> {
    let mut settings = Vec::new();
    let mut add = |file, value: Option<String>| settings.extend(value.map(|value| (file, value)));
    add("memory.max", limits.memory.map(|bytes| bytes.to_string()));
    add("memory.swap.max", limits.swap.map(|bytes| bytes.to_string()));
    add("memory.low", limits.memory_reservation.map(|bytes| bytes.to_string()));
    add("cpu.weight", limits.cpu_weight.map(|weight| weight.to_string()));
    if limits.cpu_quota.is_some() || limits.cpu_period.is_some() {
        let quota = limits.cpu_quota.map_or("max".to_owned(), |quota| quota.to_string());
        add("cpu.max", Some(format!("{quota} {}", limits.cpu_period.unwrap_or(100_000))));
    }
    add("cpuset.cpus", limits.cpuset_cpus.clone());
    add("cpuset.mems", limits.cpuset_mems.clone());
    add("pids.max", limits.pids.map(|pids| pids.to_string()));
    settings
}

fn write(directory: BorrowedFd<'_>, file: &str, value: &str) -> Result<(), Errno> {
    let file = openat(directory, file, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::io::write(file, value.as_bytes()).map(drop)
}

fn read(directory: BorrowedFd<'_>, file: &str) -> Option<String> {
    let file = openat(directory, file, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let mut bytes = [0; 4096];
    let length = rustix::io::read(file, &mut bytes).ok()?;
    Some(String::from_utf8_lossy(bytes.get(..length)?).into_owned())
}

fn pids_below(directory: BorrowedFd<'_>, pids: &mut Vec<u32>, depth: u32) {
    // A cgroup of threads refuses to be read; its processes stand in the one above.
    if let Ok(file) = openat(directory, "cgroup.procs", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
        let mut text = String::new();
        // Twelve bytes are the longest number with its newline.
        let read = std::fs::File::from(file).take(12 * MOST_PIDS as u64).read_to_string(&mut text);
        if read.is_ok() {
            pids.extend(text.lines().filter_map(|line| line.parse::<u32>().ok()).filter(|&pid| pid > 0));
        }
    }
    if depth > 32 || pids.len() > MOST_PIDS {
        return;
    }
    for entry in rustix::fs::Dir::read_from(directory).into_iter().flatten().flatten() {
        let below = entry.file_name();
        if entry.file_type() == rustix::fs::FileType::Directory && !below.to_bytes().starts_with(b".") {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            if let Ok(below) = openat(directory, below, flags, Mode::empty()) {
                pids_below(below.as_fd(), pids, depth + 1);
            }
        }
    }
}

/// Depth is bounded: a container may nest cgroups as it likes, and those too deep are left to the machine's end.
fn remove_below(parent: BorrowedFd<'_>, name: &str, depth: u32) {
    if unlinkat(parent, name, AtFlags::REMOVEDIR).is_ok() || depth > 32 {
        return;
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let Ok(directory) = openat(parent, name, flags, Mode::empty()) else { return };
    for entry in rustix::fs::Dir::read_from(&directory).into_iter().flatten().flatten() {
        let below = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type() == rustix::fs::FileType::Directory && !below.starts_with('.') {
            remove_below(directory.as_fd(), &below, depth + 1);
        }
    }
    if let Err(error) = unlinkat(parent, name, AtFlags::REMOVEDIR) {
        report(&format!("cgroup {name} cannot be removed: {error}"));
    }
}

/// The device program for a container with more devices than the default ones.
///
/// # Errors
/// The kernel refuses the program.
pub(crate) fn load_rules(extra: &[device_rules::Rule]) -> Result<OwnedFd, Failure> {
    let rules: Vec<_> = device_rules::DEFAULT.iter().chain(extra).copied().collect();
    bpf::load_device_program(&device_rules::program(&rules))
        .explain(FailureClass::Setting, |why| format!("load the device rules: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_become_cgroup_files() {
        let limits = Limits {
            memory: Some(64 << 20),
            swap: Some(0),
            memory_reservation: Some(1 << 20),
            cpu_quota: Some(50_000),
            cpu_weight: Some(100),
            cpuset_cpus: Some("0-1".into()),
            pids: Some(7),
            ..Limits::default()
        };
        let expected = [
            ("memory.max", "67108864"),
            ("memory.swap.max", "0"),
            ("memory.low", "1048576"),
            ("cpu.weight", "100"),
            ("cpu.max", "50000 100000"),
            ("cpuset.cpus", "0-1"),
            ("pids.max", "7"),
        ];
        let got = settings(&limits);
        assert_eq!(got.iter().map(|(file, value)| (*file, value.as_str())).collect::<Vec<_>>(), expected);
        assert!(settings(&Limits::default()).is_empty());
        let period_only = Limits { cpu_period: Some(20_000), ..Limits::default() };
        assert_eq!(settings(&period_only), [("cpu.max", "max 20000".to_owned())]);
    }

    #[test]
    fn an_id_that_could_climb_is_refused() {
        let root = rustix::fs::open("/", OFlags::PATH, Mode::empty()).unwrap();
        for id in ["", "..", "a/b", ".x", "a b"] {
            assert!(Cgroup::create(root.as_fd(), id).is_err(), "{id}");
        }
    }
}
