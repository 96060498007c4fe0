//! The ladder on hypervisors whose upper rungs fail, in each way that real ones do.

use super::*;
use crate::fake::Guests;
use crate::guest::GuestImage;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use vch_hypervisor::fake::Fake;
use vch_hypervisor::{ExitStatus, Hypervisor, HypervisorError, Machine, MachineSpec};

/// Aborts with `-cpu host`, hangs with `-cpu host,-arch-capabilities`, works under software emulation.
struct Picky {
    good: Fake,
    silent: Fake,
    launched: AtomicUsize,
}

#[async_trait::async_trait]
impl Hypervisor for Picky {
    fn version(&self) -> &str {
        "picky"
    }

    fn key(&self) -> &str {
        "picky"
    }

    async fn launch(&self, spec: MachineSpec) -> vch_hypervisor::Result<Arc<dyn Machine>> {
        self.launched.fetch_add(1, Ordering::Relaxed);
        match (spec.accel, spec.cpu.as_str()) {
            (Accel::Kvm, "host") => Err(HypervisorError::DidNotStart {
                name: spec.name,
                status: ExitStatus::Signal(6),
                stderr: "kvm: unhandled exit".to_owned(),
            }),
            (Accel::Kvm, _) => self.silent.launch(spec).await,
            (Accel::Tcg, _) => self.good.launch(spec).await,
        }
    }

    async fn adopt(&self, directory: &Path) -> vch_hypervisor::Result<Arc<dyn Machine>> {
        self.good.adopt(directory).await
    }
}

fn short(choice: AccelChoice) -> Vec<Rung> {
    let short = |rung: Rung| match rung.accel {
        Accel::Kvm => Rung { limit: Duration::from_millis(50), ..rung },
        Accel::Tcg => rung,
    };
    rungs(choice).into_iter().map(short).collect()
}

/// A draft in a folder of its own, and the hypervisor behind it.
fn draft(folder: &Path) -> (Blueprint, Arc<Picky>) {
    let settings = crate::fake::settings(folder).unwrap();
    let run: PathBuf = settings.run;
    std::fs::create_dir_all(&run).unwrap();
    let silent = Fake::new(|guest| {
        Box::pin(async move {
            let _open = guest;
            std::future::pending().await
        })
    });
    let good = Guests::default().hypervisor();
    let picky = Arc::new(Picky { good, silent, launched: AtomicUsize::new(0) });
    let (kernel, initrd) = (settings.kernel.unwrap(), settings.initrd.unwrap());
    let guest = GuestImage { kernel, initrd, release: "r".into(), digest: "d".into() };
    let (accel, cpu) = (Accel::Tcg, String::new());
    let draft = Blueprint {
        hypervisor: picky.clone(),
        guest,
        run,
        accel,
        cpu,
        vcpus: 1,
        memory_mib: 64,
        taps: None,
        under_way: Default::default(),
    };
    (draft, picky)
}

#[tokio::test]
async fn rungs_that_abort_or_hang_are_left_for_the_next_and_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (draft, _) = draft(folder.path());
    let progress = Progress::silent();
    let decision = climb(&draft, short(AccelChoice::Auto), Ok(()), "k".into(), &progress).await.unwrap();
    assert_eq!((decision.accel(), decision.cpu.as_str()), (Accel::Tcg, "Nehalem"));
    let [aborted, hung, held] = &decision.ladder[..] else { panic!("{:?}", decision.ladder) };
    assert!(aborted.starts_with("kvm with -cpu host: ") && aborted.contains("unhandled exit"), "{aborted}");
    assert!(hung.contains("-arch-capabilities") && hung.contains("did not answer within"), "{hung}");
    assert!(held.starts_with("tcg with -cpu Nehalem: boots in"), "{held}");
    assert_eq!(std::fs::read_dir(&draft.run).unwrap().count(), 0);
}

#[tokio::test]
async fn kvm_that_is_forced_and_fails_is_an_error_that_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let (draft, picky) = draft(folder.path());
    let progress = Progress::silent();
    let error = climb(&draft, short(AccelChoice::Kvm), Ok(()), "k".into(), &progress).await.unwrap_err().to_string();
    assert!(error.contains("unhandled exit") && error.contains("did not answer"), "{error}");
    let none = Err("/dev/kvm cannot be opened: permission denied".to_owned());
    picky.launched.store(0, Ordering::Relaxed);
    let error = climb(&draft, short(AccelChoice::Kvm), none, "k".into(), &progress).await.unwrap_err().to_string();
    assert!(error.contains("permission denied"), "{error}");
    assert_eq!(picky.launched.load(Ordering::Relaxed), 0, "nothing is tried without the device");
}

#[tokio::test]
async fn a_decision_is_kept_until_something_it_depends_on_changes() {
    let folder = tempfile::tempdir().unwrap();
    let (mut draft, picky) = draft(folder.path());
    let (kept, progress) = (folder.path().join("accelerator.json"), Progress::silent());
    let launched = || picky.launched.swap(0, Ordering::Relaxed);
    let first = decide(&draft, AccelChoice::Tcg, &kept, false, &progress).await.unwrap();
    assert_eq!(launched(), 1);
    assert_eq!(decide(&draft, AccelChoice::Tcg, &kept, false, &progress).await.unwrap(), first);
    assert_eq!(launched(), 0);
    decide(&draft, AccelChoice::Tcg, &kept, true, &progress).await.unwrap();
    assert_eq!(launched(), 1, "asked to check again");
    draft.guest.digest = "another".into();
    decide(&draft, AccelChoice::Tcg, &kept, false, &progress).await.unwrap();
    assert_eq!(launched(), 1, "another guest");
    std::fs::write(&kept, "{").unwrap();
    decide(&draft, AccelChoice::Tcg, &kept, false, &progress).await.unwrap();
    assert_eq!(launched(), 1, "a broken file is as good as none");
}

#[test]
fn the_key_knows_the_processor_but_not_its_clock() {
    let folder = tempfile::tempdir().unwrap();
    let (draft, _) = draft(folder.path());
    let of = |cpuinfo| key(&draft, AccelChoice::Auto, true, cpuinfo);
    let base = of("model name\t: A\ncpu MHz\t\t: 1000\nflags\t: fpu vme\n\nflags\t: second core\n");
    assert_eq!(base, of("model name\t: A\ncpu MHz\t\t: 2000\nflags\t: fpu vme\n"));
    assert_ne!(base, of("model name\t: A\nflags\t: fpu vme vmx\n"));
    assert_ne!(base, key(&draft, AccelChoice::Auto, false, "model name\t: A\nflags\t: fpu vme\n"));
}
