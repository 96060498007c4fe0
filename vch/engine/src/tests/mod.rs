//! The engine on fake guests: every verb, without a machine. Real machines are the black-box tests' matter.

mod adopt;
mod attach;
mod exec;
mod faults;
mod files;
mod health;
mod images;
mod joined;
mod lifecycle;
mod logs;
mod naming;
mod observe;
mod pause;
mod restart;
mod update;

use crate::container::spec::ContainerSpec;
use crate::engine::{Blank, Engine};
use crate::image::view::Import;
use crate::requests::{Create, ReadLogs, WaitCondition};
use crate::settings::Settings;
use futures_util::StreamExt;
use std::path::Path;
use vch_sandbox::fake::{self, Guests};

/// An engine with an image `busybox`, on a data root of its own.
pub(super) struct Bench {
    pub(super) engine: Engine,
    pub(super) guests: Guests,
    folder: tempfile::TempDir,
}

impl Bench {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let guests = Guests::default();
        let engine = open(folder.path(), &guests).await;
        let bench = Self { engine, guests, folder };
        bench.import().await;
        bench
    }

    async fn import(&self) {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(2);
        header.set_mode(0o644);
        tar.append_data(&mut header, "etc/hi", &b"hi"[..]).unwrap();
        let body = futures_util::stream::iter([Ok(tar.into_inner().unwrap().into())]).boxed();
        let request =
            Import { repository: "busybox".into(), changes: vec!["CMD [\"true\"]".into()], ..Default::default() };
        let messages = self.engine.import(request, body).await.unwrap();
        assert!(messages.collect::<Vec<_>>().await.iter().all(Result::is_ok));
    }

    pub(super) fn root(&self) -> &Path {
        self.folder.path()
    }

    /// The daemon dies: nothing is told, nothing is stopped. Then another opens the same root.
    pub(super) async fn die_and_open_again(self) -> Self {
        let Self { engine, guests, folder } = self;
        let machines = engine.machines().clone();
        for container in engine.index().all() {
            if let Some(live) = container.now().live {
                live.sandbox.end().await;
            }
        }
        machines.close().await;
        engine.rooms.closed.cancel();
        drop((machines, engine));
        let engine = open(folder.path(), &guests).await;
        Self { engine, guests, folder }
    }

    /// A container of `busybox` that is not started.
    pub(super) async fn create(&self, name: &str, args: &[&str], change: impl FnOnce(&mut ContainerSpec)) -> String {
        let mut spec = spec(args);
        change(&mut spec);
        let request = Create { name: Some(name.into()), platform: None, spec };
        self.engine.create(request).await.unwrap().id
    }

    pub(super) async fn run(&self, name: &str, args: &[&str], change: impl FnOnce(&mut ContainerSpec)) -> String {
        let id = self.create(name, args, change).await;
        self.engine.start(&id).await.unwrap();
        id
    }

    pub(super) async fn wait(&self, name: &str) -> i32 {
        self.engine.wait(name, WaitCondition::NotRunning).await.unwrap().await.code
    }

    pub(super) async fn log(&self, name: &str) -> String {
        let read = ReadLogs { stdout: true, stderr: true, follow: true, ..Default::default() };
        let entries = self.engine.logs(name, read).await.unwrap().entries;
        let lines: Vec<_> =
            entries.map(|entry| String::from_utf8(entry.unwrap().line.to_vec()).unwrap()).collect().await;
        lines.concat()
    }

    /// Nothing is left of any container: no record, folder, lease or machine.
    pub(super) async fn assert_nothing_left(&self) {
        assert!(self.engine.index().all().is_empty());
        assert!(self.engine.records().all().unwrap().is_empty());
        assert_eq!(std::fs::read_dir(self.root().join("containers")).unwrap().count(), 0);
        assert!(self.engine.images_store().leases().is_empty());
        assert_eq!(self.machines(), 0);
    }

    /// Folders of machines under the data root.
    pub(super) fn machines(&self) -> usize {
        let entries = std::fs::read_dir(self.root().join("run")).unwrap().flatten();
        entries.filter(|entry| entry.path().is_dir()).count()
    }
}

pub(super) fn spec(args: &[&str]) -> ContainerSpec {
    let cmd = args.iter().map(|arg| (*arg).to_owned()).collect();
    ContainerSpec { image: "busybox".into(), cmd: Some(cmd), attach_stdout: true, ..Default::default() }
}

async fn open(root: &Path, guests: &Guests) -> Engine {
    let blank = root.join("blank");
    std::fs::write(&blank, [0; 4096]).unwrap();
    let settings = Settings {
        data_root: root.to_owned(),
        accel: vch_sandbox::AccelChoice::Tcg,
        qemu: None,
        kernel: None,
        initrd: None,
        agent: None,
        vm_memory_mib: 64,
        vm_cpus: 1,
        pool: 0,
        insecure_registries: Vec::new(),
        registry_mirrors: Vec::new(),
        log: Default::default(),
        scratch_size: 64 << 20,
    };
    let machines = retried(async || fake::host(guests, root).await).await;
    let blank = Blank { path: blank, taken: 4096 };
    retried(async || Engine::open_on(settings.clone(), machines.clone(), blank.clone()).await).await
}

/// Tries until it works: an engine before lets go of its locks once the last of its tasks has left.
async fn retried<T, E: std::fmt::Display>(open: impl AsyncFn() -> Result<T, E>) -> T {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        match open().await {
            Ok(opened) => return opened,
            Err(error) => assert!(std::time::Instant::now() < deadline, "{error}"),
        }
        tokio::task::yield_now().await;
    }
}
