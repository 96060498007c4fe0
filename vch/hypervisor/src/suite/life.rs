//! Cases about a machine's life: started, stopped, lost and found.
#![expect(clippy::missing_errors_doc, reason = "a case's name says what it tries, and its error what failed")]

use super::{Behaviour, Bench, Outcome, ended, ensure, refused};
use crate::{Boot, Cause, ExitStatus, HypervisorError};
use tokio::io::AsyncReadExt;

/// Pausing stops the guest, resuming lets it go on; both may be said twice.
pub async fn a_machine_runs_and_stands_and_runs_again(bench: &Bench<'_>) -> Outcome {
    let machine = bench.booted("one").await?;
    for _ in 0..2 {
        machine.pause().await?;
        machine.pause().await?;
        bench.stands(&machine).await?;
        machine.resume().await?;
        machine.resume().await?;
        bench.answers(&machine).await?;
    }
    ensure(machine.exited().borrow().is_none(), "a living machine is said to have ended")
}

/// A connection that was closed makes room for the next; the machine's end closes it.
pub async fn the_agents_port_is_reached_again_and_again(bench: &Bench<'_>) -> Outcome {
    let machine = bench.booted("one").await?;
    for _ in 0..3 {
        drop(machine.agent().await?);
    }
    let mut port = machine.agent().await?;
    machine.quit().await?;
    let end = tokio::time::timeout(super::SOON, port.read_u8()).await?;
    ensure(end.is_err(), "the port of a machine that is gone still speaks")?;
    refused(machine.agent().await, "machine one is gone")
}

/// Quitting tells who asked, ends every call after it, and keeps no socket.
pub async fn quit_leaves_nothing_and_may_be_said_twice(bench: &Bench<'_>) -> Outcome {
    let machine = bench.booted("one").await?;
    machine.quit().await?;
    ensure(ended(&machine).await?.cause == Cause::Asked, "we asked, and it is not said")?;
    ensure(machine.pid().is_none(), "a dead machine has a process")?;
    machine.quit().await?;
    refused(machine.pause().await, "machine one is gone")?;
    refused(machine.resume().await, "machine one is gone")?;
    refused(machine.detach(0).await, "machine one is gone")?;
    machine.console().await;
    let left: Vec<_> =
        std::fs::read_dir(bench.directory("one")?)?.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
    ensure(left.iter().all(|name| name == "qemu.log"), &format!("left behind: {left:?}"))
}

/// The process's end is told whoever caused it, and its folder can be cleared afterwards.
pub async fn a_kill_from_outside_is_seen(bench: &Bench<'_>) -> Outcome {
    let machine = bench.booted("one").await?;
    bench.subject.kill(&*machine, &bench.directory("one")?)?;
    let exit = ended(&machine).await?;
    ensure((exit.cause, exit.status) == (Cause::Unknown, ExitStatus::Signal(9)), &format!("{exit:?}"))?;
    refused(machine.pause().await, "machine one is gone")?;
    machine.quit().await?;
    ensure(!bench.path("one/qmp.sock").exists(), "its socket is left")
}

/// The guest's own end is the machine's, and which it was is told.
pub async fn a_guest_that_powers_off_or_resets_ends_its_machine(bench: &Bench<'_>) -> Outcome {
    for (name, behaviour, cause) in
        [("off", Behaviour::PowerOff, Cause::GuestPowerOff), ("reset", Behaviour::Reset, Cause::GuestReset)]
    {
        let machine = bench.launch(bench.spec(name, bench.boot(behaviour)?)?).await?;
        let exit = ended(&machine).await?;
        ensure((exit.cause, exit.status) == (cause, ExitStatus::Code(0)), &format!("{name}: {exit:?}"))?;
    }
    Ok(())
}

/// Nothing of a machine depends on who holds it.
pub async fn a_dropped_machine_lives_and_is_adopted(bench: &Bench<'_>) -> Outcome {
    let hypervisor = bench.subject.hypervisor();
    let directory = bench.directory("one")?;
    refused(hypervisor.adopt(&directory).await, "no machine lives in")?;
    let spec = bench.spec("one", bench.boot(Behaviour::Stay)?)?;
    let launched = hypervisor.launch(spec).await?;
    let pid = launched.pid();
    drop(launched);
    for _ in 0..2 {
        let adopted = hypervisor.adopt(&directory).await?;
        ensure(adopted.pid() == pid, "another process was adopted")?;
        bench.answers(&adopted).await?;
    }
    let adopted = hypervisor.adopt(&directory).await?;
    bench.keep(&adopted);
    bench.subject.kill(&*adopted, &directory)?;
    ensure(ended(&adopted).await?.cause == Cause::Unknown, "nobody asked")?;
    refused(hypervisor.adopt(&directory).await, "no machine lives in")?;
    adopted.quit().await?;
    refused(hypervisor.adopt(&directory).await, "no machine lives in")
}

/// Each field that cannot be is named.
pub async fn a_spec_that_cannot_be_is_refused_and_leaves_nothing(bench: &Bench<'_>) -> Outcome {
    let hypervisor = bench.subject.hypervisor();
    let spec = || bench.spec("one", bench.boot(Behaviour::Stay)?);
    let mut wrong = spec()?;
    wrong.name = "a,b".to_owned();
    refused(hypervisor.launch(wrong).await, "its name must be")?;
    let mut wrong = spec()?;
    wrong.cpu = "Nehalem -S".to_owned();
    refused(hypervisor.launch(wrong).await, "its CPU model")?;
    let mut wrong = spec()?;
    wrong.vcpus = 0;
    refused(hypervisor.launch(wrong).await, "virtual CPUs")?;
    let mut wrong = spec()?;
    wrong.memory.mib = 0;
    refused(hypervisor.launch(wrong).await, "its memory must be")?;
    let mut wrong = spec()?;
    wrong.memory.file = "memory".into();
    refused(hypervisor.launch(wrong).await, "not an absolute path")?;
    let mut wrong = spec()?;
    wrong.directory = bench.path("nowhere");
    refused(hypervisor.launch(wrong).await, "cannot open")?;
    let mut wrong = spec()?;
    wrong.boot = match wrong.boot {
        Boot::Kernel { kernel, initrd, .. } => {
            Boot::Kernel { kernel, initrd, command_line: "quiet\npanic=1".to_owned() }
        }
        Boot::Restore => return Err("a subject boots a kernel".into()),
    };
    refused(hypervisor.launch(wrong).await, "kernel command line")?;
    let left = std::fs::read_dir(bench.directory("one")?)?.count();
    ensure(left == 0, "a machine that was refused left files behind")?;
    let missing = hypervisor.adopt(&bench.path("nowhere")).await;
    ensure(matches!(missing, Err(HypervisorError::NoMachine { .. })), "a machine in a folder that is not there")
}
