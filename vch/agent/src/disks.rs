//! Disks that the host attaches for a container: found by an explicit scan, given back when the container is gone.
//!
//! The host names a disk by its LUN on the virtio-scsi controller (channel 0, target 0). The kernel makes the device
//! asynchronously; its events on a netlink socket say when to look again.

use crate::failure::{Explain, Failure, FailureClass, failure};
use crate::sys;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};
use vch_agent_proto::Disk;

/// How long a disk may take to appear after the scan.
const DEADLINE: Duration = Duration::from_secs(10);
/// How long a disk that is not there may take before it is looked for again.
const RESCAN: Duration = Duration::from_millis(200);
/// How long to wait for an event before looking anyway.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

/// A disk to wait for.
pub(crate) struct Wanted {
    /// Where it is.
    pub(crate) disk: Disk,
    /// Its last partition, or 0 where the whole disk is used.
    pub(crate) partitions: u32,
}

/// Scans for the disks and waits until each (up to its last partition) can be opened. Returns their names, `sda` for instance.
///
/// # Errors
/// There is no controller, or a disk does not appear within 10 s.
pub(crate) fn find(wanted: &[Wanted]) -> Result<Vec<String>, Failure> {
    let events = sys::uevent::listen().explain(FailureClass::Internal, |why| format!("listen for devices: {why}"))?;
    let controller = controller()?;
    for Wanted { disk, .. } in wanted {
        scan(controller, *disk)?;
    }
    let deadline = Instant::now() + DEADLINE;
    let mut again = Instant::now() + RESCAN;
    let mut found = Vec::with_capacity(wanted.len());
    while let Some(next) = wanted.get(found.len()) {
        let Wanted { disk: Disk::ScsiLun(lun), partitions } = next;
        if let Some(name) = name(controller, *lun).filter(|name| is_ready(name, *partitions)) {
            found.push(name);
            continue;
        }
        if Instant::now() > deadline {
            let what = if *partitions > 0 { format!(" with {partitions} partitions") } else { String::new() };
            let message = format!("the disk at LUN {lun}{what} did not appear within {} s", DEADLINE.as_secs());
            return Err(failure(FailureClass::Mount, message));
        }
        if Instant::now() > again {
            // What the first scan found may have been on its way out, given back by a container before.
            scan(controller, next.disk)?;
            again = Instant::now() + RESCAN;
        }
        wait(&events);
    }
    Ok(found)
}

/// Looks for the disk, unless it is known.
fn scan(controller: u32, Disk::ScsiLun(lun): Disk) -> Result<(), Failure> {
    if name(controller, lun).is_some() {
        return Ok(());
    }
    std::fs::write(format!("/sys/class/scsi_host/host{controller}/scan"), format!("0 0 {lun}"))
        .explain(FailureClass::Mount, |why| format!("scan for the disk at LUN {lun}: {why}"))
}

/// Whether the disk is there and something still has it mounted or open for itself.
pub(crate) fn is_in_use(disk: Disk) -> bool {
    let Disk::ScsiLun(lun) = disk;
    let Some(name) = controller().ok().and_then(|controller| name(controller, lun)) else { return false };
    // O_EXCL on a block device is refused while a file system holds it, or one of its partitions.
    let flags = OFlags::RDONLY | OFlags::EXCL | OFlags::NONBLOCK | OFlags::CLOEXEC;
    matches!(open(format!("/dev/{name}"), flags, Mode::empty()), Err(Errno::BUSY))
}

/// Lets go of the disk, flushing its cache, so that the host can detach it. A disk that is not there is no failure.
///
/// # Errors
/// The kernel refuses.
pub(crate) fn give_back(disk: Disk) -> Result<(), Failure> {
    let Disk::ScsiLun(lun) = disk;
    let controller = controller()?;
    match std::fs::write(format!("{}/delete", device(controller, lun)), "1") {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        result => result.explain(FailureClass::Internal, |why| format!("let go of the disk at LUN {lun}: {why}")),
    }
}

/// The number of the virtio-scsi controller.
fn controller() -> Result<u32, Failure> {
    let hosts = std::fs::read_dir("/sys/class/scsi_host").into_iter().flatten().flatten();
    hosts
        .filter(|host| {
            std::fs::read_to_string(host.path().join("proc_name")).is_ok_and(|name| name.trim_end() == "virtio_scsi")
        })
        .find_map(|host| host.file_name().to_str()?.strip_prefix("host")?.parse().ok())
        .ok_or_else(|| failure(FailureClass::Mount, "this machine has no virtio-scsi controller"))
}

fn device(controller: u32, lun: u16) -> String {
    format!("/sys/class/scsi_device/{controller}:0:0:{lun}/device")
}

fn name(controller: u32, lun: u16) -> Option<String> {
    let mut entries = std::fs::read_dir(format!("{}/block", device(controller, lun))).ok()?;
    Some(entries.next()?.ok()?.file_name().to_string_lossy().into_owned())
}

fn is_ready(name: &str, partitions: u32) -> bool {
    let node = if partitions > 0 { format!("/dev/{name}{partitions}") } else { format!("/dev/{name}") };
    open(node, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).is_ok()
}

/// Waits for an event, at most 20 ms, and takes all that are there.
fn wait(events: &OwnedFd) {
    // An interrupted or failed wait only means looking again sooner.
    let _ = poll(&mut [PollFd::from_borrowed_fd(events.as_fd(), PollFlags::IN)], Some(&PATIENCE));
    let mut event = [0; 2048];
    while !matches!(rustix::io::read(events, &mut event), Err(Errno::AGAIN) | Ok(0)) {}
}
