//! The suite on the real QEMU, with a guest of 53 bytes; and what only QEMU can get wrong.

mod guest;

use super::*;
use crate::{
    Boot, HypervisorError,
    suite::{Behaviour, Bench, Outcome, SOON, Subject},
};
use std::{fs, time::Duration};

struct QemuSubject(Qemu);

#[async_trait::async_trait]
impl Subject for QemuSubject {
    fn hypervisor(&self) -> &dyn Hypervisor {
        &self.0
    }

    fn boot(&self, directory: &Path, behaviour: Behaviour) -> Outcome<Boot> {
        let (kernel, initrd) = (directory.join("kernel, and more"), directory.join("initrd, too"));
        fs::write(&kernel, guest::kernel())?;
        fs::write(&initrd, "nothing that the guest looks at")?;
        Ok(Boot::Kernel { kernel, initrd, command_line: behaviour.word().to_owned() })
    }

    /// The guest writes a letter to its console at every tick of its clock.
    async fn answers(&self, machine: &dyn Machine, limit: Duration) -> Outcome<bool> {
        let before = machine.console().await.len();
        let ticks = async {
            while machine.console().await.len() <= before {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        Ok(tokio::time::timeout(limit, ticks).await.is_ok())
    }

    fn kill(&self, machine: &dyn Machine, _directory: &Path) -> Outcome {
        let pid = machine.pid().and_then(|pid| rustix::process::Pid::from_raw(pid.try_into().ok()?));
        rustix::process::kill_process(pid.ok_or("no process")?, rustix::process::Signal::KILL)?;
        Ok(())
    }
}

async fn subject() -> QemuSubject {
    QemuSubject(Qemu::find(None).await.expect("these tests need QEMU: apt-get install qemu-system-x86"))
}

crate::hypervisor_suite!(subject().await);

#[tokio::test]
async fn a_launch_that_qemu_refuses_shows_what_it_said_and_leaves_nothing() {
    let subject = subject().await;
    let bench = Bench::new(&subject).unwrap();
    let mut spec = bench.spec("one", bench.boot(Behaviour::Stay).unwrap()).unwrap();
    spec.cpu = "Pentium9".to_owned();
    let error = subject.0.launch(spec).await.err().unwrap();
    assert!(matches!(&error, HypervisorError::DidNotStart { stderr, .. } if stderr.contains("Pentium9")), "{error}");
    assert!(error.to_string().starts_with("machine one did not start (exit code 1): "), "{error}");
    let directory = bench.directory("one").unwrap();
    let left: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["qemu.log"]);
    assert!(fs::read_to_string(directory.join("qemu.log")).unwrap().contains("Pentium9"));
}

#[tokio::test]
async fn a_launch_that_is_given_up_leaves_no_process() {
    let subject = subject().await;
    let bench = Bench::new(&subject).unwrap();
    let spec = bench.spec("one", bench.boot(Behaviour::Stay).unwrap()).unwrap();
    let pid = bench.directory("one").unwrap().join("qemu.pid");
    let given_up = tokio::time::timeout(Duration::from_secs(60), async {
        let mut launch = Box::pin(subject.0.launch(spec));
        // Polled until the process is recorded, and then dropped.
        std::future::poll_fn(|context| {
            assert!(launch.as_mut().poll(context).is_pending(), "it was launched at once");
            if pid.exists() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
        let record: serde_json::Value = serde_json::from_slice(&fs::read(&pid).unwrap()).unwrap();
        record["pid"].as_u64().unwrap()
    });
    let number = given_up.await.unwrap();
    assert!(!pid.exists());
    let gone = async {
        while Path::new(&format!("/proc/{number}")).exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, gone).await.expect("the process is killed and reaped");
}

#[tokio::test]
async fn a_machine_inherits_its_sockets_and_nothing_else() {
    let subject = subject().await;
    let bench = Bench::new(&subject).unwrap();
    let secret = tempfile::tempfile().unwrap();
    rustix::io::fcntl_setfd(&secret, rustix::io::FdFlags::empty()).unwrap();
    let machine = bench.booted("one").await.unwrap();
    let folder = format!("/proc/{}", machine.pid().unwrap());
    let open: Vec<String> = fs::read_dir(format!("{folder}/fd"))
        .unwrap()
        .filter_map(|entry| Some(fs::read_link(entry.unwrap().path()).ok()?.to_string_lossy().into_owned()))
        .collect();
    assert!(!open.iter().any(|target| target.contains("(deleted)")), "{open:?}");
    let stat = fs::read_to_string(format!("{folder}/stat")).unwrap();
    let session = stat.rsplit_once(')').unwrap().1.split_ascii_whitespace().nth(3).unwrap().to_owned();
    assert_eq!(session, machine.pid().unwrap().to_string(), "it leads a session of its own");
    assert_eq!(fs::read(format!("{folder}/environ")).unwrap(), b"");
    bench.end().await.unwrap();
    drop(secret);
}

#[tokio::test]
async fn an_old_record_of_another_process_is_no_machine() {
    let subject = subject().await;
    let bench = Bench::new(&subject).unwrap();
    let directory = bench.directory("one").unwrap();
    let memory = crate::Memory { file: "/m".into(), mib: 64, sharing: crate::Sharing::Private };
    let mut record = record::Record::of("one", std::process::id(), &memory).unwrap();
    record.started -= 1;
    fs::write(directory.join("qemu.pid"), serde_json::to_vec(&record).unwrap()).unwrap();
    let error = subject.0.adopt(&directory).await.err().unwrap();
    assert!(error.to_string().ends_with("another has its number"), "{error}");
}
