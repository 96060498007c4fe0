//! Containers and processes as the engine asks for them, with Docker's defaults.

use crate::machine::Disks;
use std::sync::atomic::{AtomicU32, Ordering};
use vch_agent_proto::{Container, Limits, Namespaces, Process, Stdio};

/// CAP_CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP, NET_BIND_SERVICE, NET_RAW, SYS_CHROOT, MKNOD,
/// AUDIT_WRITE, SETFCAP.
pub(crate) const CAPABILITIES: [u8; 14] = [0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31];

/// A process number that was never used; its streams are ten times that, plus 1 (in), 2 (out) and 4 (err).
pub(crate) fn number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

pub(crate) fn process(args: &[&str]) -> Process {
    let number = number();
    Process {
        number,
        args: args.iter().map(|&argument| argument.to_owned()).collect(),
        env: vec!["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into()],
        cwd: "/".into(),
        user: String::new(),
        groups: Vec::new(),
        capabilities: CAPABILITIES.into(),
        no_new_privileges: false,
        rlimits: Vec::new(),
        oom_score_adj: 0,
        stdio: Stdio::Pipes { stdin: None, stdout: Some(number * 10 + 2), stderr: Some(number * 10 + 4) },
    }
}

pub(crate) fn shell(script: &str) -> Process {
    process(&["sh", "-c", script])
}

pub(crate) fn with_stdin(mut process: Process) -> Process {
    if let Stdio::Pipes { stdin, .. } = &mut process.stdio {
        *stdin = Some(process.number * 10 + 1);
    }
    process
}

pub(crate) fn container(disks: &Disks, process: Process) -> Container {
    let strings = |all: &[&str]| all.iter().map(|&path| path.to_owned()).collect();
    Container {
        id: format!("{:064x}", process.number),
        rootfs: disks.rootfs(),
        hostname: "box".into(),
        domainname: String::new(),
        files: Vec::new(),
        mounts: Vec::new(),
        shm_size: 64 << 20,
        sysctls: Vec::new(),
        masked_paths: strings(&[
            "/proc/asound",
            "/proc/acpi",
            "/proc/kcore",
            "/proc/keys",
            "/proc/latency_stats",
            "/proc/timer_list",
            "/proc/timer_stats",
            "/proc/sched_debug",
            "/proc/scsi",
            "/sys/firmware",
        ]),
        readonly_paths: strings(&["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]),
        devices: Vec::new(),
        privileged: false,
        namespaces: Namespaces::default(),
        limits: Limits::default(),
        init: false,
        process,
    }
}
