//! From the kernel's first exec to a machine that can be cloned: file systems, modules, cgroups, the agent port.
//!
//! Called once by `main`. What it makes is the same in every clone, so whatever can be done here is done here rather
//! than when a container waits for it:
//! ```text
//! /c/0 … /c/126   mount points of image layers      /c/b   the base layer, below the image's
//! /c/s            mount point of the scratch disk   /c/r   mount point of the root file system
//! /c/f            mount point of a container's files
//! ```
//! The base layer has the empty files and directories that Docker adds to every image (daemon/initlayer): an image's own
//! come first, and nothing needs to be written when a container starts, nor shows in what it changed.
//! Each container mounts on them in a mount namespace of its own, so they never clash and vanish with it.

mod modules;
pub(crate) mod network;
mod port;

use crate::container::devices;
use crate::failure::{Explain, Failure, FailureClass, report};
use crate::sys;
use rustix::fs::{self, Mode, OFlags};
use rustix::mount::{MountFlags, mount, mount_bind, mount_move};
use std::os::fd::OwnedFd;

/// Most image layers a container can have: Docker's own limit.
pub(crate) const MAX_LAYERS: u32 = 127;
/// Folder of the mount points.
pub(crate) const STAGE: &str = "/c";

/// What boot leaves to the agent.
pub(crate) struct Machine {
    /// The agent port, non-blocking.
    pub(crate) port: OwnedFd,
    /// This program's own file, for `docker-init`.
    pub(crate) program: OwnedFd,
    /// The machine's process namespace, to return to after forking into a container's.
    pub(crate) pid_namespace: OwnedFd,
    /// The device program with Docker's default rules.
    pub(crate) device_rules: OwnedFd,
    /// A network namespace for the next container that has one of its own, if one stands ready.
    pub(crate) network: Option<OwnedFd>,
    /// The root of the cgroup tree.
    pub(crate) cgroups: OwnedFd,
}

/// Boots the machine.
///
/// # Errors
/// Whatever the machine cannot do without; what it can is reported on the console.
pub(crate) fn boot() -> Result<Machine, Failure> {
    // The kernel calls it after the file that it executed, `init`.
    let _ = rustix::thread::set_name(c"vch-agent");
    leave_rootfs()?;
    file_systems()?;
    modules::load_all();
    stage()?;
    let cgroups = control_groups()?;
    raise_limits();
    network::loopback()?;
    let open = |path: &str, flags| {
        fs::open(path, flags | OFlags::CLOEXEC, Mode::empty())
            .explain(FailureClass::Internal, |why| format!("open {path}: {why}"))
    };
    Ok(Machine {
        program: open("/init", OFlags::PATH)?,
        pid_namespace: open("/proc/self/ns/pid", OFlags::RDONLY)?,
        device_rules: devices::default_rules()?,
        network: Some(network::prepare()?),
        cgroups,
        port: port::find()?,
    })
}

/// Ends the machine.
pub(crate) fn power_off() -> ! {
    fs::sync();
    loop {
        let _ = rustix::system::reboot(rustix::system::RebootCommand::PowerOff);
        let _ = rustix::event::poll(&mut [], None);
    }
}

/// Puts a bind mount of the root in front of rootfs, since pivot_root(2) refuses rootfs itself.
fn leave_rootfs() -> Result<(), Failure> {
    let step = |what: &'static str| move |why: &str| format!("{what}: {why}");
    make_directory("/newroot");
    mount_bind("/", "/newroot").explain(FailureClass::Mount, step("bind the root"))?;
    rustix::process::chdir("/newroot").explain(FailureClass::Mount, step("enter the new root"))?;
    mount_move(".", "/").explain(FailureClass::Mount, step("move the root"))?;
    rustix::process::chroot(".").explain(FailureClass::Mount, step("change the root"))?;
    rustix::process::chdir("/").explain(FailureClass::Mount, step("enter the root"))
}

fn file_systems() -> Result<(), Failure> {
    let quiet = MountFlags::NOSUID | MountFlags::NOEXEC | MountFlags::NODEV;
    for (source, target, kind, flags, data) in [
        ("proc", "/proc", "proc", quiet, None),
        ("sysfs", "/sys", "sysfs", quiet, None),
        ("devtmpfs", "/dev", "devtmpfs", MountFlags::NOSUID, None),
        ("shm", "/dev/shm", "tmpfs", quiet, Some(c"mode=1777")),
        ("mqueue", "/dev/mqueue", "mqueue", quiet, None),
        ("cgroup", "/sys/fs/cgroup", "cgroup2", quiet, None),
    ] {
        make_directory(target);
        mount(source, target, kind, flags, data)
            .explain(FailureClass::Mount, |why| format!("mount {kind} on {target}: {why}"))?;
    }
    make_directory("/etc");
    Ok(())
}

/// The mount points that containers use, and the base layer.
fn stage() -> Result<(), Failure> {
    make_directory(STAGE);
    for name in (0..MAX_LAYERS).map(|n| n.to_string()).chain(["b", "s", "r", "f"].map(String::from)) {
        make_directory(&format!("{STAGE}/{name}"));
    }
    for name in ["dev", "dev/pts", "dev/shm", "proc", "sys", "etc"] {
        make_directory(&format!("{STAGE}/b/{name}"));
    }
    for name in [".dockerenv", "dev/console", "etc/hosts", "etc/hostname", "etc/resolv.conf"] {
        let path = format!("{STAGE}/b/{name}");
        fs::open(&path, OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC, Mode::from_raw_mode(0o755))
            .explain(FailureClass::Internal, |why| format!("make {path}: {why}"))?;
    }
    fs::symlink("/proc/mounts", format!("{STAGE}/b/etc/mtab"))
        .explain(FailureClass::Internal, |why| format!("make etc/mtab of the base layer: {why}"))
}

/// The controllers that limits need. Each one more makes every cgroup dearer.
const CONTROLLERS: [&str; 5] = ["cpuset", "cpu", "io", "memory", "pids"];

/// Hands those controllers to the containers' cgroups.
fn control_groups() -> Result<OwnedFd, Failure> {
    let root = fs::open("/sys/fs/cgroup", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .explain(FailureClass::Internal, |why| format!("open the cgroup tree: {why}"))?;
    for controller in CONTROLLERS {
        if let Err(error) = std::fs::write("/sys/fs/cgroup/cgroup.subtree_control", format!("+{controller}")) {
            report(&format!("controller {controller} cannot be enabled: {error}"));
        }
    }
    Ok(root)
}

/// The limits that dockerd's service has, which its containers inherit where they ask for none.
fn raise_limits() {
    const FILES: u64 = 1_048_576;
    for (resource, value) in
        [(libc::RLIMIT_NOFILE, FILES), (libc::RLIMIT_NPROC, u64::MAX), (libc::RLIMIT_CORE, u64::MAX)]
    {
        if let Err(error) = sys::limits::set(resource as u8, value, value) {
            report(&format!("resource limit {resource} cannot be raised: {error}"));
        }
    }
}

/// Makes a directory that may be there already; a failure shows at the mount that follows.
fn make_directory(path: &str) {
    let _ = fs::mkdir(path, Mode::from_raw_mode(0o755));
}
