//! Cases about disks.
#![expect(clippy::missing_errors_doc, reason = "a case's name says what it tries, and its error what failed")]

use super::{Bench, Outcome, refused};
use crate::{DiskFormat, DiskSpec, MAX_LUN};
use std::path::PathBuf;

const MIB: u64 = 1 << 20;

fn raw(lun: u16, file: PathBuf, read_only: bool) -> DiskSpec {
    DiskSpec { lun, file, format: DiskFormat::Raw, read_only }
}

/// A VMDK descriptor of one flat extent.
pub(super) fn vmdk(bench: &Bench<'_>, name: &str) -> Outcome<PathBuf> {
    bench.disk(&format!("{name}.flat"), MIB)?;
    let text = format!(
        "# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\ncreateType=\"twoGbMaxExtentFlat\"\n\n\
         # Extent description\nRW {} FLAT \"{name}.flat\" 0\n\nddb.adapterType = \"lsilogic\"\n",
        MIB / 512
    );
    let path = bench.path(&format!("{name}.vmdk"));
    std::fs::write(&path, text)?;
    Ok(path)
}

/// Both formats, any LUN, a file name of awkward characters; in a clone too, while it runs and while it stands.
pub async fn disks_come_and_go(bench: &Bench<'_>) -> Outcome {
    let state = bench.template().await?;
    let machine = bench.cloned("clone", &state).await?;
    let awkward = bench.disk("a,b=c \"d\" {e}:f", MIB)?;
    let joined = DiskSpec { lun: 7, file: vmdk(bench, "joined")?, format: DiskFormat::Vmdk, read_only: true };
    for _ in 0..2 {
        machine.attach(&raw(0, awkward.clone(), false)).await?;
        machine.attach(&joined).await?;
        machine.attach(&raw(MAX_LUN, bench.disk("last", MIB)?, false)).await?;
        machine.detach(7).await?;
        machine.pause().await?;
        machine.detach(MAX_LUN).await?;
        machine.detach(0).await?;
        machine.resume().await?;
    }
    bench.answers(&machine).await
}

/// A refusal names its reason, keeps what was there, and leaves nothing that would stand in a later disk's way.
pub async fn a_disk_that_cannot_be_leaves_its_lun_free(bench: &Bench<'_>) -> Outcome {
    let machine = bench.booted("one").await?;
    let good = bench.disk("good", MIB)?;
    refused(machine.attach(&raw(1, bench.path("missing"), true)).await, "missing")?;
    refused(machine.attach(&raw(1, "relative".into(), true)).await, "not an absolute path")?;
    refused(machine.attach(&raw(MAX_LUN + 1, good.clone(), true)).await, "LUN 16384 is over 16383")?;
    let no_vmdk = DiskSpec { lun: 1, file: good.clone(), format: DiskFormat::Vmdk, read_only: true };
    refused(machine.attach(&no_vmdk).await, "refused blockdev-add")?;
    machine.attach(&raw(1, good, true)).await?;
    refused(machine.attach(&raw(1, bench.disk("second", MIB)?, true)).await, "Duplicate nodes")?;
    machine.detach(1).await?;
    refused(machine.detach(1).await, "not found")?;
    bench.answers(&machine).await
}

/// A layer is read by many machines at once.
pub async fn readers_share_a_file(bench: &Bench<'_>) -> Outcome {
    let state = bench.template().await?;
    let layer = raw(1, bench.disk("layer", MIB)?, true);
    let (one, two) = tokio::try_join!(bench.cloned("c1", &state), bench.cloned("c2", &state))?;
    one.attach(&layer).await?;
    two.attach(&layer).await?;
    one.quit().await?;
    bench.answers(&two).await
}
