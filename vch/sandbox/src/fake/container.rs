//! A container for tests: everything at its plainest.

use vch_agent_proto::{Container, Disk, Limits, Namespaces, Process, Rootfs, Stdio};

/// A container that runs `args` as root on the scratch disk at LUN 1, over the image disk at LUN 0, with nothing limited
/// and every namespace its own. The sandbox sets its process's number and streams.
pub fn container(id: &str, args: &[&str]) -> Container {
    Container {
        id: id.to_owned(),
        rootfs: Rootfs { image: Some(Disk::ScsiLun(0)), layers: 1, scratch: Disk::ScsiLun(1), read_only: false },
        hostname: "test".to_owned(),
        domainname: String::new(),
        files: Vec::new(),
        mounts: Vec::new(),
        shm_size: 64 << 20,
        sysctls: Vec::new(),
        masked_paths: Vec::new(),
        readonly_paths: Vec::new(),
        devices: Vec::new(),
        privileged: false,
        namespaces: Namespaces::default(),
        limits: Limits::default(),
        init: false,
        process: process(args),
    }
}

/// A process that runs `args` as root in `/`.
pub fn process(args: &[&str]) -> Process {
    Process {
        number: 0,
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        env: vec!["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned()],
        cwd: "/".to_owned(),
        user: String::new(),
        groups: Vec::new(),
        capabilities: Vec::new(),
        no_new_privileges: false,
        rlimits: Vec::new(),
        oom_score_adj: 0,
        stdio: Stdio::Pipes { stdin: None, stdout: None, stderr: None },
    }
}
