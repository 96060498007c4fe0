//! Disks given to a running machine and taken away: a block node and a `scsi-hd` in front of it, both named by LUN.
//!
//! Called by [`super::machine`]. It promises that an attach that fails leaves neither.

use super::{args::line::SCSI_BUS, machine::QemuMachine, qmp::Event};
use crate::{DiskFormat, DiskSpec, Result};
use serde_json::{Value, json};
use std::time::Duration;

/// How long a device may take to go: the guest is not asked, but requests under way finish first.
const DETACH: Duration = Duration::from_secs(30);

fn node(lun: u16) -> String {
    format!("lun{lun}")
}

fn device(lun: u16) -> String {
    format!("disk{lun}")
}

/// The block node (`BlockdevOptions` in QEMU's `qapi/block-core.json`). The host's page cache is used, since layers are
/// shared by many machines, and the guest's flushes are honoured. Locks are taken where the file system has them, so
/// that a disk is never written by two.
fn node_options(disk: &DiskSpec) -> Value {
    let driver = match disk.format {
        DiskFormat::Raw => "raw",
        DiskFormat::Vmdk => "vmdk",
    };
    json!({
        "driver": driver,
        "node-name": node(disk.lun),
        "read-only": disk.read_only,
        "discard": if disk.read_only { "ignore" } else { "unmap" },
        "cache": { "direct": false, "no-flush": false },
        "file": {
            "driver": "file",
            "filename": disk.file,
            "locking": "auto",
            "discard": if disk.read_only { "ignore" } else { "unmap" },
        },
    })
}

fn device_options(lun: u16) -> Value {
    json!({
        "driver": "scsi-hd",
        "id": device(lun),
        "bus": SCSI_BUS,
        "channel": 0,
        "scsi-id": 0,
        "lun": lun,
        "drive": node(lun),
        // Not a spinning one: the guest neither sorts requests for a head nor takes entropy from it.
        "rotation_rate": 1,
    })
}

/// As [`Machine::attach`](crate::Machine::attach).
pub(super) async fn attach(machine: &QemuMachine, disk: &DiskSpec) -> Result<()> {
    disk.check(&machine.record.name)?;
    let client = &machine.client;
    // Both are sent at once. Should the first fail, so does the second: it names the node, and a device of a LUN that is
    // taken already has that LUN's name.
    let node_added = client.send("blockdev-add", node_options(disk), None);
    let device_added = client.send("device_add", device_options(disk.lun), None);
    node_added.answer().await?;
    if let Err(error) = device_added.answer().await {
        let removed = client.call("blockdev-del", json!({ "node-name": node(disk.lun) })).await;
        if let Err(error) = removed {
            tracing::warn!(machine = machine.record.name, lun = disk.lun, %error, "a disk's node stays behind");
        }
        return Err(error);
    }
    Ok(())
}

/// As [`Machine::detach`](crate::Machine::detach).
pub(super) async fn detach(machine: &QemuMachine, lun: u16) -> Result<()> {
    let client = &machine.client;
    let mut events = client.events();
    client.call("device_del", json!({ "id": device(lun) })).await?;
    let ours = device(lun);
    let gone = |event| matches!(event, Event::DeviceDeleted { device } if device == ours).then_some(());
    events.wait("taking a disk away", DETACH, gone).await?;
    client.call("blockdev-del", json!({ "node-name": node(lun) })).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_any_characters_stays_one_value() {
        let file = "/a,b\"}, \"locking\": \"off\"/c";
        let disk = DiskSpec { lun: 3, file: file.into(), format: DiskFormat::Vmdk, read_only: true };
        let options = node_options(&disk);
        assert_eq!(options["file"]["filename"], file);
        assert_eq!(
            (&options["driver"], &options["read-only"], &options["discard"]),
            (&json!("vmdk"), &json!(true), &json!("ignore"))
        );
    }
}
