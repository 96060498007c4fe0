//! A whole host on fake guests: what it promises to the engine, faults included.

#![allow(clippy::unwrap_used, reason = "a test stops where something fails")]

use futures_util::FutureExt;
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use vch_sandbox::fake::{self, Guests, Programs};
use vch_sandbox::hypervisor::fake::Fake;
use vch_sandbox::hypervisor::{DiskFormat, DiskSpec};
use vch_sandbox::proto::{ExitStatus, Request as Sent};
use vch_sandbox::{
    Channel, Exit, Host, OutputReader, Progress, Request, Sandbox, SandboxError, Settings, Streams, WarmUp,
};

const SOON: Duration = Duration::from_secs(20);
const PIPES: Streams = Streams::Pipes { stdin: true, stdout: true, stderr: true };
const GOOD: Exit = Exit::Ended { status: ExitStatus::Code(0), oom_killed: false };

/// Waits until `holds`.
async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(SOON, wait).await.unwrap_or_else(|_| panic!("not in time: {what}"));
}

fn disks(folder: &Path) -> Vec<DiskSpec> {
    let disk = |lun, name: &str, read_only| {
        let file = folder.join(name);
        std::fs::write(&file, vec![0; 4096]).unwrap();
        DiskSpec { lun, file, format: DiskFormat::Raw, read_only }
    };
    vec![disk(0, "image", true), disk(1, "scratch", false)]
}

fn request(folder: &Path, id: &str) -> Request {
    Request { id: id.into(), hostname: id.into(), disks: disks(folder) }
}

async fn text(mut output: OutputReader) -> String {
    let mut text = Vec::new();
    while let Some((Channel::Stdout, bytes)) = output.next().await {
        text.extend_from_slice(&bytes);
    }
    String::from_utf8(text).unwrap()
}

fn machines(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder.join("run")).unwrap().flatten();
    entries.filter(|entry| entry.path().is_dir()).count()
}

async fn open(settings: Settings, guests: &Guests) -> (Host, Arc<Fake>) {
    let fake = Arc::new(guests.hypervisor());
    (Host::open(settings, fake.clone(), Progress::silent()).await.unwrap(), fake)
}

fn kill(fake: &Fake, folder: &Path, sandbox: &Sandbox) {
    assert!(fake.kill(&folder.join("run").join(sandbox.machine())));
}

#[tokio::test]
async fn a_container_runs_and_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let guests = Guests::default();
    let host = fake::host(&guests, folder.path()).await.unwrap();
    let sandbox = host.start(request(folder.path(), "one")).await.unwrap();
    let mut echo = sandbox.run(fake::container("one", &["echo", "hi"]), PIPES).await.unwrap();
    assert_eq!(text(echo.take_output().unwrap()).await, "hi\n");
    assert_eq!(echo.wait().await, GOOD);
    sandbox.released("one").await.unwrap();
    let timings = sandbox.timings();
    assert!(!timings.pooled && timings.started_ms > 0.0, "{timings:?}");
    sandbox.end().await;
    sandbox.end().await;
    assert!(sandbox.exited().borrow().is_some());
    assert_eq!(machines(folder.path()), 0);
}

#[tokio::test]
async fn twenty_at_once_share_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let guests = Guests::default();
    let host = fake::host(&guests, folder.path()).await.unwrap();
    let starts = (0..20).map(|n| host.start(request(folder.path(), &format!("c{n}"))));
    let sandboxes = futures_util::future::try_join_all(starts).await.unwrap();
    for one in &sandboxes {
        one.run(fake::container(one.id(), &["true"]), PIPES).await.unwrap();
    }
    let identities: Vec<_> =
        sandboxes.iter().map(|one| guests.of(&one.machine()).unwrap().identity().unwrap()).collect();
    assert_eq!(identities.iter().map(|id| id.entropy.clone()).collect::<HashSet<_>>().len(), 20);
    assert_eq!(identities.iter().map(|id| id.machine_id).collect::<HashSet<_>>().len(), 20);
    let macs: HashSet<_> = identities.iter().filter_map(|id| id.mac).collect();
    assert!(macs.len() == if host.facts().no_nic.is_none() { 20 } else { 0 });
    futures_util::future::join_all(sandboxes.iter().map(Sandbox::end)).await;
    assert_eq!(machines(folder.path()), 0);
}

/// Refused by the guest, an identity ends its machine: nothing may run there.
#[tokio::test]
async fn a_guest_that_cannot_take_its_identity_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let guests = Guests::default();
    let host = fake::host(&guests, folder.path()).await.unwrap();
    guests.refuse_identities(true);
    let sandbox = host.start(request(folder.path(), "a")).await.unwrap();
    let refused = sandbox.run(fake::container("a", &["true"]), PIPES).await.unwrap_err();
    assert!(matches!(&refused, SandboxError::Failure(failure) if failure.message.contains("identity")), "{refused:?}");
    assert!(sandbox.exited().borrow().is_some());
    assert_eq!(machines(folder.path()), 0);
}

#[tokio::test]
async fn a_failed_start_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let guests = Guests::default();
    let host = fake::host(&guests, folder.path()).await.unwrap();
    let mut bad = request(folder.path(), "bad");
    bad.disks[1].file = folder.path().join("missing");
    assert!(matches!(host.start(bad).await, Err(SandboxError::Hypervisor { .. })));
    assert_eq!(machines(folder.path()), 0);
    let sandbox = host.start(request(folder.path(), "good")).await.unwrap();
    let failed = sandbox.run(fake::container("good", &["nope"]), PIPES).await;
    assert!(matches!(failed, Err(SandboxError::Failure(_))));
    sandbox.end().await;
    assert_eq!(machines(folder.path()), 0);
}

#[tokio::test]
async fn a_machine_that_is_killed_leaves_nobody_waiting_and_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (host, fake) = open(fake::settings(folder.path()).unwrap(), &Guests::default()).await;
    let sandbox = host.start(request(folder.path(), "a")).await.unwrap();
    let mut cat = sandbox.run(fake::container("a", &["cat"]), PIPES).await.unwrap();
    let output = cat.take_output().unwrap();
    kill(&fake, folder.path(), &sandbox);
    assert_eq!(tokio::time::timeout(SOON, cat.wait()).await.unwrap(), Exit::MachineGone);
    tokio::time::timeout(SOON, text(output)).await.unwrap();
    tokio::time::timeout(SOON, sandbox.released("a")).await.unwrap().unwrap();
    eventually("the folder is removed", || machines(folder.path()) == 0).await;
    assert!(matches!(sandbox.exec("a", fake::process(&["true"]), PIPES).await, Err(SandboxError::MachineGone)));
    sandbox.end().await;
}

#[tokio::test]
async fn a_sandbox_that_is_dropped_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let host = fake::host(&Guests::default(), folder.path()).await.unwrap();
    let sandbox = host.start(request(folder.path(), "a")).await.unwrap();
    assert_eq!(machines(folder.path()), 1);
    drop(sandbox);
    eventually("the machine is ended", || machines(folder.path()) == 0).await;
}

#[tokio::test]
async fn a_start_whose_caller_gives_up_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let host = fake::host(&Guests::default(), folder.path()).await.unwrap();
    for _ in 0..20 {
        // Begun, and dropped at some point on its way.
        assert!(host.start(request(folder.path(), "a")).now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    eventually("every machine is ended", || machines(folder.path()) == 0).await;
}

#[tokio::test]
async fn the_pool_is_filled_ahead_and_refilled_and_dead_members_are_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { pool: 3, ..fake::settings(folder.path()).unwrap() };
    let guests = Guests::default();
    let (host, fake) = open(settings, &guests).await;
    eventually("the pool is full", || host.facts().pool_ready == 3).await;
    let sandbox = host.start(request(folder.path(), "a")).await.unwrap();
    assert!(sandbox.timings().pooled);
    sandbox.run(fake::container("a", &["true"]), PIPES).await.unwrap();
    assert!(guests.of(&sandbox.machine()).unwrap().identity().is_some());
    eventually("the pool is full again", || host.facts().pool_ready == 3 && machines(folder.path()) == 4).await;
    let members: Vec<_> = std::fs::read_dir(folder.path().join("run")).unwrap().flatten().collect();
    let member = members.iter().find(|entry| entry.path().is_dir() && entry.file_name() != *sandbox.machine());
    let dead = member.unwrap().path();
    assert!(fake.kill(&dead));
    eventually("the dead member is replaced", || !dead.exists() && host.facts().pool_ready == 3).await;
    sandbox.end().await;
    host.close().await;
    eventually("the pool is gone", || machines(folder.path()) == 0).await;
}

/// A QEMU once outlived the daemon: it was a member in the making when the pool was closed.
#[tokio::test]
async fn a_closed_host_leaves_no_machine_in_the_making() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { pool: 3, ..fake::settings(folder.path()).unwrap() };
    for turns in 0..40 {
        let (host, _fake) = open(settings.clone(), &Guests::default()).await;
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        host.close().await;
        assert_eq!(machines(folder.path()), 0, "after {turns} turns");
    }
}

#[tokio::test]
async fn a_burst_beyond_the_pool_is_cloned_directly() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { pool: 2, ..fake::settings(folder.path()).unwrap() };
    let (host, _fake) = open(settings, &Guests::default()).await;
    eventually("the pool is full", || host.facts().pool_ready == 2).await;
    let starts = (0..10).map(|n| host.start(request(folder.path(), &format!("c{n}"))));
    let sandboxes = futures_util::future::try_join_all(starts).await.unwrap();
    assert!(sandboxes.iter().filter(|one| one.timings().pooled).count() >= 2);
    futures_util::future::join_all(sandboxes.iter().map(Sandbox::end)).await;
    host.close().await;
}

#[tokio::test]
async fn templates_and_pool_members_are_warmed_and_keep_no_identity() {
    let folder = tempfile::tempdir().unwrap();
    let warm_up = WarmUp { disks: disks(folder.path()), container: fake::container("warm", &["true"]) };
    let settings = Settings { pool: 1, warm_up: Some(warm_up), ..fake::settings(folder.path()).unwrap() };
    let guests = Guests::default();
    let (host, _fake) = open(settings, &guests).await;
    assert!(host.facts().template_warmed);
    eventually("the pool is full", || host.facts().pool_ready == 1).await;
    let ran = |request: &Sent| matches!(request, Sent::Run(container) if container.id == "warm");
    let warmed: Vec<_> = guests.every().into_iter().filter(|guest| guest.requests().iter().any(ran)).collect();
    // The template, the clone that was tried, and the pool's member.
    assert_eq!(warmed.len(), 3);
    for guest in &warmed {
        assert!(guest.identity().is_none());
        assert!(matches!(guest.requests().last(), Some(Sent::Anonymize)));
    }
    assert_eq!(warmed.iter().filter(|guest| guest.is_clone()).count(), 2);
    let sandbox = host.start(request(folder.path(), "a")).await.unwrap();
    let process = sandbox.run(fake::container("a", &["true"]), PIPES).await.unwrap();
    assert!(process.number() > 1, "numbers go on after the warm-up's");
    sandbox.end().await;
    host.close().await;
}

#[tokio::test]
async fn a_template_is_built_once_and_again_when_what_it_depends_on_changes() {
    let folder = tempfile::tempdir().unwrap();
    let guests = Guests::default();
    let booted = || guests.every().iter().filter(|guest| !guest.is_clone()).count();
    let templates = || std::fs::read_dir(folder.path().join("sandbox/templates")).unwrap().count() - 1;
    let settings = fake::settings(folder.path()).unwrap();
    let (host, _fake) = open(settings.clone(), &guests).await;
    let first = host.facts().template;
    // The accelerator's trial, and the template.
    assert_eq!((booted(), templates()), (2, 1));
    drop(host);
    let (host, _fake) = open(settings.clone(), &guests).await;
    assert_eq!((booted(), templates(), host.facts().template), (2, 1, first.clone()));
    drop(host);
    let (host, _fake) = open(Settings { memory_mib: 128, ..settings.clone() }, &guests).await;
    assert_eq!((booted(), templates()), (3, 1));
    assert_ne!(host.facts().template, first);
    drop(host);
    let kernel = settings.kernel.as_ref().unwrap();
    std::fs::write(kernel, [&std::fs::read(kernel).unwrap()[..], b"more"].concat()).unwrap();
    let (_host, _fake) = open(settings, &guests).await;
    assert_eq!((booted(), templates()), (5, 1));
}

#[tokio::test]
async fn a_second_host_is_refused_and_leftovers_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let guests = Guests::default();
    let run = folder.path().join("run");
    std::fs::create_dir_all(run.join("m-dead")).unwrap();
    std::fs::write(run.join("m-dead/qemu.pid"), "x").unwrap();
    let host = fake::host(&guests, folder.path()).await.unwrap();
    assert_eq!(machines(folder.path()), 0);
    let second = fake::host(&guests, folder.path()).await.unwrap_err().to_string();
    assert!(second.contains("another vch uses"), "{second}");
    drop(host);
    fake::host(&guests, folder.path()).await.unwrap();
}

#[tokio::test]
async fn machines_of_a_host_that_died_are_ended_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let guests = Guests::default();
    let settings = fake::settings(folder.path()).unwrap();
    let (host, fake) = open(settings.clone(), &guests).await;
    let sandbox = host.start(request(folder.path(), "a")).await.unwrap();
    let mut exited = sandbox.exited();
    drop(host);
    let _next = Host::open(settings, fake, Progress::silent()).await.unwrap();
    tokio::time::timeout(SOON, exited.wait_for(Option::is_some)).await.unwrap().unwrap();
    assert_eq!(machines(folder.path()), 0);
    drop(sandbox);
}

#[tokio::test]
async fn a_guest_that_breaks_the_protocol_is_ended() {
    use tokio::io::AsyncWriteExt;
    use tokio::sync::Notify;
    let folder = tempfile::tempdir().unwrap();
    let (turn, guests) = (Arc::new(Notify::new()), Guests::default());
    let bytes = turn.clone();
    // Serves as a good guest does, through a pipe into which the test writes a byte that is no frame.
    let fake = {
        let guests = guests.clone();
        Arc::new(Fake::new(move |port| {
            let (guest, bytes) = (guests.of(&port.machine), bytes.clone());
            let guest = guest.unwrap_or_else(|| fake::Guest::new(Programs::default()));
            Box::pin(async move {
                let (near, far) = tokio::net::UnixStream::pair().unwrap();
                let serve = tokio::spawn(async move { guest.serve(far).await });
                let (mut from_host, mut to_host) = port.port.into_split();
                let (mut from_guest, mut to_guest) = near.into_split();
                tokio::select! {
                    _ = tokio::io::copy(&mut from_host, &mut to_guest) => {}
                    _ = tokio::io::copy(&mut from_guest, &mut to_host) => {}
                    () = bytes.notified() => {
                        to_host.write_all(&[0xff; 64]).await.unwrap();
                        std::future::pending::<()>().await;
                    }
                }
                serve.abort();
            })
        }))
    };
    let host = Host::open(fake::settings(folder.path()).unwrap(), fake, Progress::silent()).await.unwrap();
    let sandbox = host.start(request(folder.path(), "a")).await.unwrap();
    let sleep = sandbox.run(fake::container("a", &["sleep", "1000"]), PIPES).await.unwrap();
    turn.notify_waiters();
    assert_eq!(tokio::time::timeout(SOON, sleep.wait()).await.unwrap(), Exit::MachineGone);
    let mut exited = sandbox.exited();
    tokio::time::timeout(SOON, exited.wait_for(Option::is_some)).await.unwrap().unwrap();
    assert!(matches!(sandbox.exec("a", fake::process(&["true"]), PIPES).await, Err(SandboxError::Protocol(_))));
    eventually("the folder is removed", || machines(folder.path()) == 0).await;
}
