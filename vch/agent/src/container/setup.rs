//! The child's side of `Run`: from a fresh fork to a process in its container, ready to execute the program.
//!
//! The order is runc's (rootfs_linux.go, standard_init_linux.go). Until [`rootfs::enter`] the machine's file system is
//! in sight; after it only the container's.

use super::start::Joined;
use super::{channel, console, devices, files, mounts, program, rootfs, stdio::ChildEnds};
use crate::boot::{self, Machine};
use crate::container::cgroup::{Cgroup, load_rules};
use crate::failure::{Explain, Failure, FailureClass, failure};
use crate::identity::BOOT_ID;
use crate::sys::fork::{self, namespace};
use crate::sys::{exec, mount_attributes, signals};
use rustix::fs::Mode;
use std::convert::Infallible;
use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};
use vch_agent_proto::{Container, Scope};

/// Becomes the container's first process.
///
/// # Errors
/// Whatever stood in the way; nothing needs to be undone, since all of it ends with this process.
pub(crate) fn run(
    machine: &Machine,
    container: &Container,
    joined: &Joined<'_>,
    cgroup: &Cgroup,
    stdio: ChildEnds,
    channel: &OwnedFd,
) -> Result<Infallible, Failure> {
    prepare(container.process.oom_score_adj)?;
    if container.namespaces.network == Scope::Own {
        own_network(machine)?;
    }
    for (first, kind) in [(joined.network, namespace::NETWORK), (joined.ipc, namespace::IPC)] {
        if let Some(first) = first {
            fork::join(first, kind)
                .explain(FailureClass::NotFound, |why| format!("join another container's namespace: {why}"))?;
        }
    }
    rootfs::assemble(&container.rootfs)?;

    // What the container needs of the machine, taken while it is in sight.
    let boot_id = files::copy_mount(&format!("{}/{BOOT_ID}", boot::STAGE))?;
    let files = files::stage(&container.files)?;
    let shared = mounts::Shared::take(&container.namespaces, joined)?;
    let devices = devices::Devices::gather(container)?;

    rootfs::enter()?;
    if container.namespaces.cgroup {
        fork::leave(namespace::CGROUP)
            .explain(FailureClass::Setting, |why| format!("make a cgroup namespace: {why}"))?;
    }
    mounts::standard(container, shared)?;
    files.put_boot_id(boot_id)?;
    devices.make()?;
    mounts::asked_for(&container.mounts)?;
    files.put()?;
    make_working_directory(&container.process.cwd)?;
    let console = console::open(stdio, channel, true)?;

    names(container)?;
    for (key, value) in &container.sysctls {
        let path = format!("/proc/sys/{}", key.replace('.', "/"));
        std::fs::write(&path, value).explain(FailureClass::Setting, |why| format!("open {path}: {why}"))?;
    }
    if container.rootfs.read_only {
        mount_attributes::set_read_only(c"/", false)
            .explain(FailureClass::Mount, |why| format!("make the root file system read-only: {why}"))?;
    }
    mounts::protect(&container.readonly_paths, &container.masked_paths)?;

    let extra = devices.rules();
    let rules = match (container.privileged, extra.is_empty()) {
        (true, _) => None,
        (false, true) => Some(
            rustix::io::dup(&machine.device_rules)
                .explain(FailureClass::Internal, |why| format!("share the device rules: {why}"))?,
        ),
        (false, false) => Some(load_rules(extra)?),
    };
    cgroup.confine(&container.limits, rules.as_ref().map(AsFd::as_fd))?;
    let init = container.init.then(|| machine.program.as_fd());
    program::execute(&container.process, console, channel, init)
}

/// Joins the namespace that stands ready, or makes one.
fn own_network(machine: &Machine) -> Result<(), Failure> {
    let explain = |why: &str| format!("enter a network namespace: {why}");
    match &machine.network {
        Some(ready) => fork::join(ready.as_fd(), namespace::NETWORK).explain(FailureClass::Setting, explain),
        None => {
            fork::leave(namespace::NETWORK).explain(FailureClass::Setting, explain)?;
            boot::network::loopback()
        }
    }
}

/// What every child does first.
///
/// # Errors
/// The out-of-memory score is refused.
pub(crate) fn prepare(oom_score_adj: i32) -> Result<(), Failure> {
    signals::reset();
    rustix::process::umask(Mode::from_raw_mode(0o022));
    exec::hide().explain(FailureClass::Internal, |why| format!("hide the starting process: {why}"))?;
    if oom_score_adj != 0 {
        std::fs::write("/proc/self/oom_score_adj", oom_score_adj.to_string())
            .explain(FailureClass::Setting, |why| format!("set the out-of-memory score: {why}"))?;
    }
    // A session of its own, so that a terminal can become its controlling one.
    let _ = rustix::process::setsid();
    Ok(())
}

fn names(container: &Container) -> Result<(), Failure> {
    if !container.namespaces.uts {
        return Ok(());
    }
    rustix::system::sethostname(container.hostname.as_bytes())
        .explain(FailureClass::Setting, |why| format!("sethostname: {why}"))?;
    if container.domainname.is_empty() {
        return Ok(());
    }
    rustix::system::setdomainname(container.domainname.as_bytes())
        .explain(FailureClass::Setting, |why| format!("setdomainname: {why}"))
}

/// Makes the working directory and what is missing above it, as root's own: so does Docker (container/container.go,
/// SetupWorkingDirectory), in its words.
fn make_working_directory(cwd: &str) -> Result<(), Failure> {
    if cwd.is_empty() || cwd == "/" {
        return Ok(());
    }
    let path =
        CString::new(cwd).map_err(|_| failure(FailureClass::WorkingDirectory, "the working directory has a NUL"))?;
    match rustix::fs::stat(&path) {
        Ok(stat) if stat.st_mode & libc::S_IFMT != libc::S_IFDIR => {
            Err(failure(FailureClass::WorkingDirectory, format!("Cannot mkdir: {cwd} is not a directory")))
        }
        Ok(_) => Ok(()),
        Err(_) => files::make_directories(cwd, FailureClass::WorkingDirectory),
    }
}

/// Says that all is ready; the last word but execve's own.
///
/// # Errors
/// The agent does not listen.
pub(crate) fn ready(channel: &OwnedFd) -> Result<(), Failure> {
    channel::send_ready(channel.as_fd()).explain(FailureClass::Internal, |why| format!("tell the agent: {why}"))
}
