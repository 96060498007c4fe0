//! What tests on real machines share: one host on QEMU, and disks with busybox on them.
//!
//! Needs `qemu-system-x86`, `busybox-static`, `erofs-utils`, `e2fsprogs` and `fdisk`, and the agent's static binary,
//! named by `VCH_AGENT` or where `scripts/build` leaves it. Guest, accelerator and template are kept under the target
//! folder, so only the first run pays for them.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "each test binary uses its own part of it, says what takes long, and stops where it fails"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, LazyLock, Once};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;
use vch_sandbox::hypervisor::qemu::Qemu;
use vch_sandbox::hypervisor::{DiskFormat, DiskSpec, Hypervisor};
use vch_sandbox::proto::{Container, ExitStatus};
use vch_sandbox::{
    AccelChoice, Channel, Exit, Host, OutputReader, Process, Progress, Request, Sandbox, Settings, Streams, WarmUp,
    fake,
};

pub const SOON: Duration = Duration::from_secs(60);
pub const PIPES: Streams = Streams::Pipes { stdin: true, stdout: true, stderr: true };
pub const GOOD: Exit = Exit::Ended { status: ExitStatus::Code(0), oom_killed: false };

/// One runtime for all tests of a binary: the host's tasks must outlive each of them.
pub static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// What lasts from run to run.
pub fn kept() -> PathBuf {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sandbox");
    fs::create_dir_all(&kept).unwrap();
    kept
}

/// A folder for machines of this process.
pub fn run_folder(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("vch-test-{}-{name}", std::process::id()))
}

/// Ends what tests left that were killed: a machine outlives the process that made it.
async fn clear_dead(qemu: &Qemu) {
    for old in fs::read_dir(std::env::temp_dir()).unwrap().flatten() {
        let name = old.file_name().to_string_lossy().into_owned();
        let pid = name.strip_prefix("vch-test-").and_then(|rest| rest.split('-').next());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            for machine in fs::read_dir(old.path()).into_iter().flatten().flatten() {
                if let Ok(machine) = qemu.adopt(&machine.path()).await {
                    machine.quit().await.unwrap();
                }
            }
            let _ = fs::remove_dir_all(old.path());
        }
    }
}

/// The agent's binary.
pub fn agent() -> PathBuf {
    let built = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../agent/x86_64-unknown-linux-gnu/agent/vch-agent");
    let agent = std::env::var_os("VCH_AGENT").map_or(built, PathBuf::from);
    assert!(agent.is_file(), "no agent at {}: build it with scripts/build, or set VCH_AGENT", agent.display());
    agent.canonicalize().unwrap()
}

pub fn settings(name: &str) -> Settings {
    let disks = Disks::new(&kept().join("warm-up"));
    Settings {
        root: kept(),
        run: run_folder(name),
        kernel: None,
        initrd: None,
        agent: Some(agent()),
        accel: AccelChoice::Auto,
        memory_mib: 1024,
        vcpus: 1,
        pool: 0,
        warm_up: Some(WarmUp { disks: disks.specs(), container: fake::container(&"0".repeat(64), &["echo", "warm"]) }),
    }
}

pub async fn open(settings: Settings) -> Host {
    let qemu = Qemu::find(None).await.unwrap();
    clear_dead(&qemu).await;
    Host::open(settings, Arc::new(qemu), Progress::new(|line| println!("{line}"))).await.unwrap()
}

/// A host without a pool, the same for all tests of a binary.
pub async fn host() -> &'static Host {
    static HOST: OnceCell<Host> = OnceCell::const_new();
    HOST.get_or_init(async || open(settings("host")).await).await
}

/// An image disk with busybox, and a scratch disk of one's own.
pub struct Disks {
    folder: PathBuf,
}

impl Disks {
    /// Disks for one container in `folder`, which is made.
    pub fn new(folder: &Path) -> Self {
        static MADE: Once = Once::new();
        MADE.call_once(|| make(&kept()));
        fs::create_dir_all(folder).unwrap();
        let scratch = folder.join("scratch.ext4");
        run("cp", &["--sparse=always", path(&kept().join("blank.ext4")), path(&scratch)]);
        Self { folder: folder.to_path_buf() }
    }

    pub fn specs(&self) -> Vec<DiskSpec> {
        let disk = |lun, file, read_only| DiskSpec { lun, file, format: DiskFormat::Raw, read_only };
        vec![disk(0, kept().join("image.raw"), true), disk(1, self.folder.join("scratch.ext4"), false)]
    }
}

fn make(kept: &Path) {
    let (image, blank) = (kept.join("image.raw"), kept.join("blank.ext4"));
    if image.exists() && blank.exists() {
        return;
    }
    let work = tempfile::tempdir_in(kept).unwrap();
    let (tree, layer) = (work.path().join("tree"), work.path().join("layer.erofs"));
    fs::create_dir_all(tree.join("bin")).unwrap();
    fs::create_dir_all(tree.join("etc")).unwrap();
    fs::copy("/bin/busybox", tree.join("bin/busybox")).unwrap();
    for applet in ["sh", "true", "false", "echo", "cat", "dd", "head", "date", "od", "sleep", "hostname", "adjtimex"] {
        std::os::unix::fs::symlink("busybox", tree.join("bin").join(applet)).unwrap();
    }
    fs::write(tree.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n").unwrap();
    fs::write(tree.join("etc/group"), "root:x:0:\n").unwrap();
    run("mkfs.erofs", &[path(&layer), path(&tree)]);
    // GPT head, one partition at 1 MiB, room for the second table.
    let length = fs::metadata(&layer).unwrap().len().next_multiple_of(1 << 20);
    let part = work.path().join("image.raw");
    fs::File::create(&part).unwrap().set_len(length + (2 << 20)).unwrap();
    let script = format!("label: gpt\nstart=2048, size={}\n", length / 512);
    let mut sfdisk = Command::new("sfdisk").args(["-q", path(&part)]).stdin(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut sfdisk.stdin.take().unwrap(), script.as_bytes()).unwrap();
    assert!(sfdisk.wait().unwrap().success());
    let bytes = fs::read(&layer).unwrap();
    let file = fs::OpenOptions::new().write(true).open(&part).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &bytes, 1 << 20).unwrap();
    let ext4 = work.path().join("blank.ext4");
    fs::File::create(&ext4).unwrap().set_len(1 << 30).unwrap();
    run("mkfs.ext4", &["-q", "-F", "-E", "lazy_itable_init=1,nodiscard", path(&ext4)]);
    fs::rename(ext4, blank).unwrap();
    fs::rename(part, image).unwrap();
}

pub fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn run(program: &str, args: &[&str]) {
    let status = Command::new(program).args(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(status.unwrap_or_else(|error| panic!("{program}: {error}")).success(), "{program} {args:?}");
}

/// One container's sandbox and its files.
pub struct One {
    pub sandbox: Sandbox,
    pub id: String,
    _folder: tempfile::TempDir,
}

/// Starts a sandbox with disks of its own.
pub async fn start(host: &Host, name: &str) -> One {
    let folder = tempfile::tempdir_in(kept()).unwrap();
    let id = format!("{:0>64}", hex::encode(name));
    let disks = Disks::new(folder.path()).specs();
    let sandbox = host.start(Request { id: id.clone(), hostname: name.into(), disks }).await.unwrap();
    One { sandbox, id, _folder: folder }
}

impl One {
    pub fn container(&self, args: &[&str]) -> Container {
        fake::container(&self.id, args)
    }

    /// Runs `args` as the sandbox's container.
    pub async fn run(&self, args: &[&str]) -> Process {
        self.sandbox.run(self.container(args), PIPES).await.unwrap()
    }

    /// Runs `args` and returns what it wrote, once it has exited with 0.
    pub async fn output(&self, args: &[&str]) -> String {
        let mut process = self.run(args).await;
        let text = text(process.take_output().unwrap()).await;
        assert_eq!(process.wait().await, GOOD, "{args:?}: {text}");
        text
    }

    /// Runs `args` beside the container and returns what it wrote, once it has exited with 0.
    pub async fn exec(&self, args: &[&str]) -> String {
        let mut process = self.sandbox.exec(&self.id, fake::process(args), PIPES).await.unwrap();
        let text = text(process.take_output().unwrap()).await;
        assert_eq!(process.wait().await, GOOD, "{args:?}: {text}");
        text
    }
}

/// All output of both channels.
pub async fn text(mut output: OutputReader) -> String {
    let mut bytes = Vec::new();
    while let Some((_, piece)) = output.next().await {
        bytes.extend_from_slice(&piece);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Standard output's length once it has ended.
pub async fn length(mut output: OutputReader) -> usize {
    let mut length = 0;
    while let Some((channel, piece)) = output.next().await {
        assert_eq!(channel, Channel::Stdout);
        length += piece.len();
    }
    length
}
