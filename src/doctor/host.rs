//! The host: memory, privileges, control groups and the programs that the engine calls.

use super::finding::Finding;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// `CAP_NET_ADMIN` of capabilities(7).
const NET_ADMIN: u32 = 12;
/// Under this machines will hardly fit, in KiB.
const LITTLE_KIB: u64 = 1 << 20;
/// Under this none will, in KiB.
const NOTHING_KIB: u64 = 256 << 10;

/// The programs called, the package that has each in Debian, and what for.
const PROGRAMS: [(&str, &str, &str); 3] = [
    (NEEDED, "e2fsprogs", "containers' disks are formatted with it"),
    ("apt-get", "apt", "it fetches the guest's kernel, where --kernel names none"),
    ("dpkg-deb", "dpkg", "it unpacks the guest's kernel, where --kernel names none"),
];
/// The one of them without which nothing runs.
const NEEDED: &str = "mke2fs";

/// Memory that can be had without swapping.
pub(crate) fn memory() -> Finding {
    memory_in(&fs::read_to_string("/proc/meminfo").unwrap_or_default())
}

fn memory_in(meminfo: &str) -> Finding {
    let name = "memory";
    let kib = |key| -> Option<u64> {
        meminfo.lines().find_map(|line| line.strip_prefix(key)?.strip_suffix("kB")?.trim().parse().ok())
    };
    let (Some(total), Some(free)) = (kib("MemTotal:"), kib("MemAvailable:")) else {
        return Finding::warn(name, "not known", "check it with free");
    };
    let finding = format!("{} of {} available", super::gib(free << 10), super::gib(total << 10));
    match free {
        0..NOTHING_KIB => Finding::fail(name, finding, "end other programs: a machine needs about 100 MiB"),
        NOTHING_KIB..LITTLE_KIB => Finding::warn(name, finding, "only a few machines will fit"),
        _ => Finding::ok(name, finding),
    }
}

/// Who runs this and what they may do to networks.
pub(crate) fn privileges() -> Finding {
    let name = "privileges";
    let tun = fs::OpenOptions::new().read(true).write(true).open("/dev/net/tun");
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let who = if rustix::process::geteuid().is_root() { "root" } else { "not root" };
    match (has_capability(&status, NET_ADMIN), tun) {
        (true, Ok(_)) => Finding::ok(name, format!("{who}, with CAP_NET_ADMIN and /dev/net/tun")),
        (true, Err(error)) => Finding::warn(
            name,
            format!("{who}, with CAP_NET_ADMIN, but /dev/net/tun cannot be opened: {error}"),
            "load it with `modprobe tun`, or pass the device into the container that this runs in",
        ),
        (false, _) => Finding::warn(name, format!("{who}, without CAP_NET_ADMIN"), "run as root for networks"),
    }
}

fn has_capability(status: &str, number: u32) -> bool {
    let effective = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("CapEff:")?.trim(), 16).ok());
    effective.is_some_and(|set| set >> number & 1 == 1)
}

/// The control groups: version 2 with the controllers that limits need.
pub(crate) fn cgroup() -> Finding {
    cgroup_at(Path::new("/sys/fs/cgroup"))
}

fn cgroup_at(root: &Path) -> Finding {
    let name = "cgroup";
    // Only the root of a version 2 hierarchy has this file.
    let Ok(controllers) = fs::read_to_string(root.join("cgroup.controllers")) else {
        return Finding::warn(
            name,
            format!("no version 2 hierarchy at {}", root.display()),
            "limits inside the machines work all the same; boot with systemd.unified_cgroup_hierarchy=1 for those on the host",
        );
    };
    let missing: Vec<&str> = ["cpu", "memory", "pids"]
        .into_iter()
        .filter(|name| !controllers.split_whitespace().any(|c| c == *name))
        .collect();
    if missing.is_empty() {
        return Finding::ok(name, format!("version 2, with {}", controllers.trim()));
    }
    let finding = format!("version 2, without {}", missing.join(", "));
    Finding::warn(name, finding, "limits inside the machines work all the same; those on the host are lacking")
}

/// The programs that must be there.
pub(crate) fn programs() -> Finding {
    // A user's PATH often lacks sbin, where mke2fs is.
    programs_in(&std::env::var_os("PATH").unwrap_or_default(), &["/usr/sbin", "/sbin"])
}

fn programs_in(path: &std::ffi::OsStr, more: &[&str]) -> Finding {
    let folders: Vec<PathBuf> = std::env::split_paths(path).chain(more.iter().map(PathBuf::from)).collect();
    let there = |program: &str| folders.iter().any(|folder| folder.join(program).is_file());
    let missing: Vec<_> = PROGRAMS.iter().filter(|(program, ..)| !there(program)).collect();
    if missing.is_empty() {
        return Finding::ok("programs", PROGRAMS.map(|(program, ..)| program).join(", "));
    }
    let lacking: Vec<String> = missing.iter().map(|(program, _, use_)| format!("no {program} ({use_})")).collect();
    let packages: Vec<&str> = missing.iter().map(|(_, package, _)| *package).collect();
    let remedy = format!("install {}", packages.join(" "));
    match missing.iter().any(|(program, ..)| *program == NEEDED) {
        true => Finding::fail("programs", lacking.join(", "), remedy),
        false => Finding::warn("programs", lacking.join(", "), remedy),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    #[test]
    fn memory_by_what_is_available() {
        for (free, status) in [(8u64 << 20, Status::Ok), (600 << 10, Status::Warn), (1000, Status::Fail)] {
            let text = format!("MemTotal:       16000000 kB\nMemFree: 1 kB\nMemAvailable:   {free} kB\n");
            assert_eq!(memory_in(&text).status, status, "{free}");
        }
        assert_eq!(memory_in("").status, Status::Warn);
    }

    #[test]
    fn capabilities_are_read_from_the_effective_set() {
        assert!(has_capability("CapPrm:\t0\nCapEff:\t0000000000001000\n", NET_ADMIN));
        assert!(!has_capability("CapPrm:\t1000\nCapEff:\t0000000000000fff\n", NET_ADMIN));
        assert!(!has_capability("", NET_ADMIN));
    }

    #[test]
    fn control_groups() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(cgroup_at(folder.path()).status, Status::Warn);
        fs::write(folder.path().join("cgroup.controllers"), "cpuset cpu io\n").unwrap();
        assert_eq!(cgroup_at(folder.path()).finding, "version 2, without memory, pids");
        fs::write(folder.path().join("cgroup.controllers"), "cpu io memory pids\n").unwrap();
        assert_eq!(cgroup_at(folder.path()).status, Status::Ok);
    }

    #[test]
    fn a_missing_program_is_named_with_its_package() {
        let folder = tempfile::tempdir().unwrap();
        for (program, ..) in PROGRAMS {
            fs::write(folder.path().join(program), "").unwrap();
        }
        assert_eq!(programs_in(folder.path().as_os_str(), &[]).status, Status::Ok);
        fs::remove_file(folder.path().join("dpkg-deb")).unwrap();
        let found = programs_in(folder.path().as_os_str(), &[]);
        assert_eq!((found.status, found.remedy.as_deref()), (Status::Warn, Some("install dpkg")));
        fs::remove_file(folder.path().join(NEEDED)).unwrap();
        let found = programs_in(folder.path().as_os_str(), &[]);
        assert_eq!((found.status, found.remedy.as_deref()), (Status::Fail, Some("install e2fsprogs dpkg")));
    }
}
