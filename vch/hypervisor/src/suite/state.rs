//! Cases about saving and restoring.
#![expect(clippy::missing_errors_doc, reason = "a case's name says what it tries, and its error what failed")]

use super::{Bench, Outcome, ended, ensure, refused};
use crate::{Boot, Cause, DiskFormat, DiskSpec};
use std::fs::{self, File};

/// Several clones at once, and one after them, all from one state; the template's memory stays as it was saved.
pub async fn clones_of_a_template_live_side_by_side(bench: &Bench<'_>) -> Outcome {
    let state = bench.template().await?;
    let before = fs::read(bench.path("memory"))?;
    let clones = tokio::try_join!(bench.cloned("c1", &state), bench.cloned("c2", &state), bench.cloned("c3", &state))?;
    for clone in [&clones.0, &clones.1, &clones.2] {
        bench.answers(clone).await?;
    }
    clones.0.quit().await?;
    bench.answers(&clones.1).await?;
    bench.answers(&bench.cloned("c4", &state).await?).await?;
    bench.end().await?;
    ensure(fs::read(bench.path("memory"))? == before, "a clone has written to the template's memory")
}

/// A clone can be started ahead of need; only restored and resumed does it run.
pub async fn a_clone_stands_until_it_is_restored_and_resumed(bench: &Bench<'_>) -> Outcome {
    let state = bench.template().await?;
    let clone = bench.launch(bench.spec("clone", Boot::Restore)?).await?;
    refused(clone.resume().await, "it waits to be restored")?;
    clone.pause().await?;
    clone.restore(File::open(&state)?).await?;
    bench.stands(&clone).await?;
    refused(clone.restore(File::open(&state)?).await, "restored before")?;
    clone.resume().await?;
    bench.answers(&clone).await?;
    let booted = bench.booted("booted").await?;
    refused(booted.restore(File::open(&state)?).await, "not started to be restored")
}

/// A template stands, shares its memory and has no VMDK when it is saved.
pub async fn what_cannot_be_saved_is_refused(bench: &Bench<'_>) -> Outcome {
    let machine = bench.booted("one").await?;
    let state = bench.path("state");
    refused(machine.save(File::create(&state)?).await, "it must be paused first")?;
    let file = super::disks::vmdk(bench, "joined")?;
    let disk = DiskSpec { lun: 1, file, format: DiskFormat::Vmdk, read_only: true };
    machine.attach(&disk).await?;
    machine.pause().await?;
    refused(machine.save(File::create(&state)?).await, "does not support live migration")?;
    machine.detach(1).await?;
    machine.save(File::create(&state)?).await?;
    machine.quit().await?;
    let clone = bench.cloned("clone", &state).await?;
    clone.attach(&disk).await?;
    clone.pause().await?;
    let other = File::create(bench.path("other"))?;
    refused(clone.save(other).await, "its memory is private")?;
    clone.resume().await?;
    bench.answers(&clone).await
}

/// Garbage, half a state and nothing at all are refused, with the hypervisor's words where it has any.
pub async fn a_state_that_does_not_fit_ends_the_clone_with_a_reason(bench: &Bench<'_>) -> Outcome {
    let state = fs::read(bench.template().await?)?;
    for (name, bytes) in [("empty", &[][..]), ("garbage", b"no state at all"), ("half", &state[..state.len() / 2])] {
        let file = bench.path(&format!("{name}.state"));
        fs::write(&file, bytes)?;
        let clone = bench.launch(bench.spec(name, Boot::Restore)?).await?;
        let restored = clone.restore(File::open(&file)?).await;
        refused(restored, &format!("machine {name} "))?;
        let asked = matches!(ended(&clone).await?.cause, Cause::Asked);
        ensure(!asked, "nobody asked")?;
        clone.quit().await?;
    }
    Ok(())
}

/// A memory file that does not match is refused, not made to match: other clones map it.
pub async fn memory_of_the_wrong_size_is_refused_and_kept(bench: &Bench<'_>) -> Outcome {
    let memory = bench.disk("memory", 100 << 20)?;
    let hypervisor = bench.subject.hypervisor();
    refused(hypervisor.launch(bench.spec("one", Boot::Restore)?).await, "has 104857600 bytes, not 268435456")?;
    ensure(fs::metadata(&memory)?.len() == 100 << 20, "the file was changed")?;
    fs::remove_file(&memory)?;
    refused(hypervisor.launch(bench.spec("one", Boot::Restore)?).await, "cannot open the memory file")
}
