//! One suite for every hypervisor: what [`Hypervisor`] and [`Machine`] promise, tried.
//!
//! A test names a [`Subject`] and calls [`hypervisor_suite!`](crate::hypervisor_suite), which makes a test of each case.
//! It promises that a case leaves no machine behind, whether it holds or not.

pub mod disks;
pub mod life;
pub mod state;

use crate::{Accel, Boot, Hypervisor, Machine, MachineSpec, Memory, Sharing};
use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// How a case ends.
pub type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// How long anything may take that is to happen: a host may be slow.
pub const SOON: Duration = Duration::from_secs(60);
/// How long is waited for what must not happen.
pub const A_WHILE: Duration = Duration::from_millis(300);

/// What the guest is to do once it is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Live.
    Stay,
    /// Power off.
    PowerOff,
    /// Reset.
    Reset,
}

impl Behaviour {
    /// Its word on the kernel's command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Stay => "stay",
            Self::PowerOff => "poweroff",
            Self::Reset => "reset",
        }
    }
}

/// A hypervisor to be tried, and a guest for it.
#[async_trait::async_trait]
pub trait Subject: Send + Sync {
    /// The hypervisor.
    fn hypervisor(&self) -> &dyn Hypervisor;

    /// How to boot a guest that behaves so; `directory` is for its files.
    ///
    /// # Errors
    /// They cannot be made.
    fn boot(&self, directory: &Path, behaviour: Behaviour) -> Outcome<Boot>;

    /// Whether the guest gives a sign of life within `limit`.
    ///
    /// # Errors
    /// It cannot be asked.
    async fn answers(&self, machine: &dyn Machine, limit: Duration) -> Outcome<bool>;

    /// Kills the machine in `directory` from outside, as `kill -9` would.
    ///
    /// # Errors
    /// It cannot be killed.
    fn kill(&self, machine: &dyn Machine, directory: &Path) -> Outcome;
}

/// A guest whose agent sends back what it gets.
#[derive(Debug)]
pub struct Echo;

impl Echo {
    /// Whether a line that is sent to the agent comes back within `limit`.
    ///
    /// # Errors
    /// The port cannot be reached.
    pub async fn answers(machine: &dyn Machine, limit: Duration) -> Outcome<bool> {
        let mut port = machine.agent().await?;
        let ask = async {
            port.write_all(b"hello\n").await?;
            let mut back = [0; 6];
            port.read_exact(&mut back).await?;
            Ok::<_, std::io::Error>(&back == b"hello\n")
        };
        match tokio::time::timeout(limit, ask).await {
            Ok(answered) => Ok(answered?),
            Err(_) => Ok(false),
        }
    }
}

/// One case's machines and files.
pub struct Bench<'a> {
    subject: &'a dyn Subject,
    root: TempDir,
    machines: Mutex<Vec<Arc<dyn Machine>>>,
}

impl<'a> Bench<'a> {
    /// An empty bench.
    ///
    /// # Errors
    /// No folder can be made for it.
    pub fn new(subject: &'a dyn Subject) -> Outcome<Self> {
        Ok(Self { subject, root: tempfile::tempdir()?, machines: Mutex::default() })
    }

    /// Quits every machine.
    ///
    /// # Errors
    /// One cannot be quit.
    pub async fn end(&self) -> Outcome {
        let machines = std::mem::take(&mut *self.machines.lock().unwrap_or_else(PoisonError::into_inner));
        for machine in machines {
            machine.quit().await?;
        }
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// A machine's folder, made if missing.
    pub(crate) fn directory(&self, name: &str) -> Outcome<PathBuf> {
        let path = self.path(name);
        std::fs::create_dir_all(&path)?;
        Ok(path)
    }

    /// A file of `size` bytes.
    fn disk(&self, name: &str, size: u64) -> Outcome<PathBuf> {
        let path = self.path(name);
        File::create(&path)?.set_len(size)?;
        Ok(path)
    }

    pub(crate) fn spec(&self, name: &str, boot: Boot) -> Outcome<MachineSpec> {
        let sharing = if matches!(boot, Boot::Restore) { Sharing::Private } else { Sharing::Shared };
        Ok(MachineSpec {
            name: name.to_owned(),
            accel: Accel::Tcg,
            cpu: "Nehalem".to_owned(),
            vcpus: 1,
            memory: Memory { file: self.path("memory"), mib: 256, sharing },
            boot,
            agent_port: "vch.agent.0",
            directory: self.directory(name)?,
            nic: None,
        })
    }

    pub(crate) fn boot(&self, behaviour: Behaviour) -> Outcome<Boot> {
        self.subject.boot(self.root.path(), behaviour)
    }

    /// Launches a machine that ends with the case.
    async fn launch(&self, spec: MachineSpec) -> Outcome<Arc<dyn Machine>> {
        let machine = self.subject.hypervisor().launch(spec).await?;
        self.keep(&machine);
        Ok(machine)
    }

    fn keep(&self, machine: &Arc<dyn Machine>) {
        self.machines.lock().unwrap_or_else(PoisonError::into_inner).push(machine.clone());
    }

    /// A booted machine that answers.
    pub(crate) async fn booted(&self, name: &str) -> Outcome<Arc<dyn Machine>> {
        let machine = self.launch(self.spec(name, self.boot(Behaviour::Stay)?)?).await?;
        self.answers(&machine).await?;
        Ok(machine)
    }

    /// A template: booted, paused, saved and quit. Returns its state's file.
    async fn template(&self) -> Outcome<PathBuf> {
        let machine = self.booted("template").await?;
        machine.pause().await?;
        let state = self.path("state");
        machine.save(File::create(&state)?).await?;
        machine.quit().await?;
        Ok(state)
    }

    /// A clone of the template, restored and running.
    async fn cloned(&self, name: &str, state: &Path) -> Outcome<Arc<dyn Machine>> {
        let machine = self.launch(self.spec(name, Boot::Restore)?).await?;
        machine.restore(File::open(state)?).await?;
        machine.resume().await?;
        Ok(machine)
    }

    async fn answers(&self, machine: &Arc<dyn Machine>) -> Outcome {
        ensure(self.subject.answers(&**machine, SOON).await?, "the guest does not answer")
    }

    async fn stands(&self, machine: &Arc<dyn Machine>) -> Outcome {
        ensure(!self.subject.answers(&**machine, A_WHILE).await?, "a machine that should stand runs")
    }
}

fn ensure(holds: bool, otherwise: &str) -> Outcome {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}

/// That `result` is an error whose words contain `expected`.
fn refused<T>(result: crate::Result<T>, expected: &str) -> Outcome {
    match result {
        Ok(_) => Err(format!("what should be refused ({expected}) is done").into()),
        Err(error) if error.to_string().contains(expected) => Ok(()),
        Err(error) => Err(format!("the reason should be {expected:?}, and is {error:?}").into()),
    }
}

/// Waits for the machine's end.
async fn ended(machine: &Arc<dyn Machine>) -> Outcome<crate::Exit> {
    let mut exited = machine.exited();
    let exit = tokio::time::timeout(SOON, exited.wait_for(Option::is_some)).await??.clone();
    exit.ok_or_else(|| "no exit".into())
}

/// Makes a test of every case of the suite on the [`Subject`] that the expression gives.
#[macro_export]
macro_rules! hypervisor_suite {
    ($subject:expr) => {
        $crate::hypervisor_suite! { @cases $subject;
            life: a_machine_runs_and_stands_and_runs_again;
            life: the_agents_port_is_reached_again_and_again;
            life: quit_leaves_nothing_and_may_be_said_twice;
            life: a_kill_from_outside_is_seen;
            life: a_guest_that_powers_off_or_resets_ends_its_machine;
            life: a_dropped_machine_lives_and_is_adopted;
            life: a_spec_that_cannot_be_is_refused_and_leaves_nothing;
            state: clones_of_a_template_live_side_by_side;
            state: a_clone_stands_until_it_is_restored_and_resumed;
            state: what_cannot_be_saved_is_refused;
            state: a_state_that_does_not_fit_ends_the_clone_with_a_reason;
            state: memory_of_the_wrong_size_is_refused_and_kept;
            disks: disks_come_and_go;
            disks: a_disk_that_cannot_be_leaves_its_lun_free;
            disks: readers_share_a_file;
        }
    };
    (@cases $subject:expr; $($room:ident: $case:ident;)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let subject = $subject;
                let bench = $crate::suite::Bench::new(&subject).expect("a bench");
                let outcome = $crate::suite::$room::$case(&bench).await;
                bench.end().await.expect("every machine quits");
                if let Err(error) = outcome {
                    panic!("{error:#?}");
                }
            }
        )*
    };
}
