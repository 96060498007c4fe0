//! `/dev`: Docker's nodes and links, the devices that the user asked for, and all of the machine's for `--privileged`.

use super::device_rules::{self, Kind, Rule};
use super::files::make_directories;
use crate::failure::{Explain, Failure, FailureClass, failure, quoted};
use crate::sys::bpf;
use rustix::fs::{CWD, FileType, Gid, Mode, Uid, chmod, chown, mknodat, stat, symlink};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use vch_agent_proto::Container;

/// Nodes of every container: character devices with mode 0666.
const NODES: [(&str, u32, u32); 6] =
    [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];
/// Links of every container.
const LINKS: [(&str, &str); 6] = [
    ("/proc/self/fd", "/dev/fd"),
    ("/proc/self/fd/0", "/dev/stdin"),
    ("/proc/self/fd/1", "/dev/stdout"),
    ("/proc/self/fd/2", "/dev/stderr"),
    ("pts/ptmx", "/dev/ptmx"),
    ("/proc/kcore", "/dev/core"),
];
/// What of the machine's `/dev` even a privileged container gets its own of (moby's list).
const OWN: [&str; 10] = ["pts", "shm", "fd", "mqueue", "core", "ptmx", "stdin", "stdout", "stderr", "console"];
/// Folders of devices nest no deeper than this.
const MAX_DEPTH: u32 = 8;

/// A node to make.
struct Node {
    path: String,
    kind: FileType,
    mode: u32,
    owner: u32,
    group: u32,
    device: u64,
}

/// What is to be made beyond the standard nodes, and the rules that it needs.
pub(crate) struct Devices {
    nodes: Vec<Node>,
    rules: Vec<Rule>,
}

/// Loads the program of the default rules, once for all containers.
///
/// # Errors
/// The kernel refuses it.
pub(crate) fn default_rules() -> Result<OwnedFd, Failure> {
    bpf::load_device_program(&device_rules::program(device_rules::DEFAULT))
        .explain(FailureClass::Internal, |why| format!("load the device rules: {why}"))
}

impl Devices {
    /// Looks at the machine's devices, while they are in sight.
    ///
    /// # Errors
    /// A device that was asked for is not there.
    pub(crate) fn gather(container: &Container) -> Result<Self, Failure> {
        let mut devices = Self { nodes: Vec::new(), rules: Vec::new() };
        if container.privileged {
            devices
                .add_folder("/dev", "/dev", 0)
                .explain(FailureClass::Setting, |why| format!("read the machine's devices: {why}"))?;
        }
        for device in &container.devices {
            let access = access(&device.access);
            let before = devices.nodes.len();
            let found = match stat(&device.source) {
                Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => {
                    devices.add_folder(&device.source, &device.target, 0)
                }
                Ok(_) => devices.add(&device.source, &device.target),
                Err(error) => Err(error),
            };
            found.explain(FailureClass::Setting, |why| {
                format!(
                    "error gathering device information while adding custom device {}: {why}",
                    quoted(&device.source)
                )
            })?;
            let rules: Vec<Rule> = devices.nodes.iter().skip(before).filter_map(|node| node.rule(access)).collect();
            if rules.is_empty() {
                let message = format!("{} is not a device node", quoted(&device.source));
                return Err(failure(FailureClass::Setting, message));
            }
            devices.rules.extend(rules);
        }
        Ok(devices)
    }

    /// Device rules beyond the default ones.
    pub(crate) fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Makes all nodes and links in the container's `/dev`.
    ///
    /// # Errors
    /// A node cannot be made.
    pub(crate) fn make(&self) -> Result<(), Failure> {
        for (name, major, minor) in NODES {
            let node = Node {
                path: format!("/dev/{name}"),
                kind: FileType::CharacterDevice,
                mode: 0o666,
                owner: 0,
                group: 0,
                device: rustix::fs::makedev(major, minor),
            };
            node.make()?;
        }
        for (target, path) in LINKS {
            match symlink(target, path) {
                Ok(()) | Err(Errno::EXIST) => Ok(()),
                result => result.explain(FailureClass::Setting, |why| format!("link {path}: {why}")),
            }?;
        }
        self.nodes.iter().try_for_each(Node::make)
    }

    fn add(&mut self, source: &str, target: &str) -> Result<(), Errno> {
        let stat = stat(source)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if !matches!(kind, FileType::CharacterDevice | FileType::BlockDevice) {
            return Ok(());
        }
        self.nodes.push(Node {
            path: target.to_owned(),
            kind,
            mode: stat.st_mode & 0o7777,
            owner: stat.st_uid,
            group: stat.st_gid,
            device: stat.st_rdev,
        });
        Ok(())
    }

    fn add_folder(&mut self, source: &str, target: &str, depth: u32) -> Result<(), Errno> {
        let entries = std::fs::read_dir(source)
            .map_err(|error| Errno::from_raw_os_error(error.raw_os_error().unwrap_or(libc::EIO)))?;
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if depth == 0 && OWN.contains(&name.as_str()) {
                continue;
            }
            let (source, target) = (format!("{source}/{name}"), format!("{target}/{name}"));
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && depth < MAX_DEPTH => self.add_folder(&source, &target, depth + 1)?,
                Ok(kind) if kind.is_dir() || kind.is_symlink() => {}
                // A device that goes meanwhile is none of the container's.
                Ok(_) => drop(self.add(&source, &target)),
                Err(_) => {}
            }
        }
        Ok(())
    }
}

impl Node {
    fn rule(&self, access: u32) -> Option<Rule> {
        let kind = match self.kind {
            FileType::BlockDevice => Kind::Block,
            FileType::CharacterDevice => Kind::Character,
            _ => return None,
        };
        let (major, minor) = (rustix::fs::major(self.device), rustix::fs::minor(self.device));
        Some(Rule { kind, major: Some(major), minor: Some(minor), access })
    }

    fn make(&self) -> Result<(), Failure> {
        let path = self.path.as_str();
        let attempt = || match mknodat(CWD, path, self.kind, Mode::from_raw_mode(self.mode), self.device) {
            Ok(()) => {
                // The mask has taken bits off the mode.
                chmod(path, Mode::from_raw_mode(self.mode))?;
                if self.owner == 0 && self.group == 0 {
                    return Ok(());
                }
                chown(path, Some(Uid::from_raw(self.owner)), Some(Gid::from_raw(self.group)))
            }
            Err(Errno::EXIST) => Ok(()),
            result => result,
        };
        let result = match attempt() {
            Err(Errno::NOENT) => {
                let parent = path.rsplit_once('/').map_or("/", |(parent, _)| parent);
                make_directories(parent, FailureClass::Setting)?;
                attempt()
            }
            result => result,
        };
        result.explain(FailureClass::Setting, |why| format!("error creating device node {}: {why}", quoted(path)))
    }
}

/// Any of `r`, `w`, `m`; empty is all.
fn access(letters: &str) -> u32 {
    if letters.is_empty() {
        return device_rules::ALL;
    }
    letters.bytes().fold(0, |sum, letter| match letter {
        b'r' => sum | device_rules::READ,
        b'w' => sum | device_rules::WRITE,
        b'm' => sum | device_rules::MAKE,
        _ => sum,
    })
}
