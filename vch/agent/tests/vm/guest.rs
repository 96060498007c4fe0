//! The guest for these tests: Debian's cloud kernel, an initramfs with the agent, and small images, all cached.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

const MODULES: [&str; 8] =
    ["virtio_pci", "virtio_scsi", "sd_mod", "virtio_console", "virtio_net", "erofs", "overlay", "fuse"];

pub(crate) struct Guest {
    pub(crate) kernel: PathBuf,
    pub(crate) initrd: PathBuf,
    /// An image disk of two layers (busybox below, files of the tests above).
    pub(crate) image: PathBuf,
    /// A formatted, empty scratch disk.
    pub(crate) blank: PathBuf,
}

/// Number of layers of [`Guest::image`].
pub(crate) const LAYERS: u32 = 2;

pub(crate) fn guest() -> &'static Guest {
    static GUEST: OnceLock<Guest> = OnceLock::new();
    GUEST.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let cache = target.join("guest");
        fs::create_dir_all(&cache).unwrap();
        let tree = kernel_package(&cache);
        let agent = agent(target);
        remove_old(&target.join("tmp"));
        let work = target.join(format!("tmp/agent-vm-{}", std::process::id()));
        fs::create_dir_all(&work).unwrap();
        let kernel = only(&tree.join("boot"), "vmlinuz-");
        let initrd = work.join("initrd");
        write_initrd(&initrd, &tree, &agent);
        let image = image_disk(&work);
        let blank = work.join("blank.ext4");
        fs::File::create(&blank).unwrap().set_len(1 << 30).unwrap();
        run(Command::new("mkfs.ext4").args(["-q", "-F", "-O", "^has_journal", "-E", "lazy_itable_init=1"]).arg(&blank));
        Guest { kernel, initrd, image, blank }
    })
}

pub(crate) fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Removes what runs that have ended left: a static is never dropped.
fn remove_old(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.strip_prefix("agent-vm-").is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn only(folder: &Path, prefix: &str) -> PathBuf {
    let mut entries = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    entries.find(|path| path.file_name().unwrap().to_string_lossy().starts_with(prefix)).unwrap()
}

/// Downloads and unpacks the kernel package, once.
fn kernel_package(cache: &Path) -> PathBuf {
    let tree = cache.join("kernel");
    if tree.join("ready").exists() {
        return tree;
    }
    let depends = Command::new("apt-cache").args(["depends", "linux-image-cloud-amd64"]).output().unwrap();
    let text = String::from_utf8(depends.stdout).unwrap();
    let package = text.lines().find_map(|line| line.trim().strip_prefix("Depends: linux-image")).unwrap();
    let name = format!("linux-image{package}");
    run(Command::new("apt-get").args(["download", &name]).current_dir(cache));
    run(Command::new("dpkg-deb").arg("-x").arg(only(cache, &name)).arg(&tree));
    let modules = only(&tree.join("lib/modules"), "");
    run(Command::new("depmod").arg("-b").arg(&tree).arg(modules.file_name().unwrap()));
    fs::write(tree.join("ready"), "").unwrap();
    tree
}

/// The static agent: as given by `VCH_AGENT`, or built.
fn agent(target: &Path) -> PathBuf {
    if let Some(path) = std::env::var_os("VCH_AGENT") {
        return path.into();
    }
    let folder = target.join("agent");
    run(Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()))
        .args(["build", "--quiet", "--profile", "agent", "-p", "vch-agent", "--target", "x86_64-unknown-linux-gnu"])
        .arg("--target-dir")
        .arg(&folder)
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .current_dir(env!("CARGO_MANIFEST_DIR")));
    folder.join("x86_64-unknown-linux-gnu/agent/vch-agent")
}

fn write_initrd(to: &Path, tree: &Path, agent: &Path) {
    let modules = only(&tree.join("lib/modules"), "");
    let text = fs::read_to_string(modules.join("modules.dep")).unwrap();
    let mut order: Vec<String> = Vec::new();
    let mut seen = BTreeSet::new();
    for module in MODULES {
        let suffix = format!("/{module}.ko");
        let Some((path, needs)) =
            text.lines().filter_map(|line| line.split_once(':')).find(|(path, _)| path.ends_with(&suffix))
        else {
            continue;
        };
        // modules.dep lists what is needed first last.
        for needed in needs.split_whitespace().rev().chain([path]) {
            if seen.insert(needed.to_owned()) {
                order.push(needed.to_owned());
            }
        }
    }
    let mut archive = Vec::new();
    cpio(&mut archive, "init", 0o100755, &fs::read(agent).unwrap());
    cpio(&mut archive, "modules", 0o040755, b"");
    let mut names = String::new();
    for path in &order {
        let name = path.rsplit('/').next().unwrap();
        cpio(&mut archive, &format!("modules/{name}"), 0o100644, &fs::read(modules.join(path)).unwrap());
        names += &format!("{name}\n");
    }
    cpio(&mut archive, "modules/order", 0o100644, names.as_bytes());
    cpio(&mut archive, "TRAILER!!!", 0, b"");
    fs::write(to, archive).unwrap();
}

/// One entry of a `newc` archive.
fn cpio(archive: &mut Vec<u8>, name: &str, mode: u32, content: &[u8]) {
    static NUMBER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(1);
    let inode = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let fields = [inode, mode as usize, 0, 0, 1, 0, content.len(), 0, 0, 0, 0, name.len() + 1, 0];
    archive.extend(b"070701");
    for field in fields {
        archive.extend(format!("{field:08x}").bytes());
    }
    archive.extend(name.bytes().chain([0]));
    archive.resize(archive.len().next_multiple_of(4), 0);
    archive.extend(content);
    archive.resize(archive.len().next_multiple_of(4), 0);
}

/// Two EROFS layers.
fn image_disk(work: &Path) -> PathBuf {
    let busybox = work.join("busybox");
    for folder in ["bin", "etc", "tmp", "root", "home/app"] {
        fs::create_dir_all(busybox.join(folder)).unwrap();
    }
    fs::copy("/bin/busybox", busybox.join("bin/busybox")).unwrap();
    let applets = Command::new("/bin/busybox").arg("--list").output().unwrap();
    for applet in String::from_utf8(applets.stdout).unwrap().lines().filter(|name| *name != "busybox") {
        symlink("busybox", busybox.join("bin").join(applet)).unwrap();
    }
    fs::write(busybox.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:App:/home/app:/bin/sh\n")
        .unwrap();
    fs::write(busybox.join("etc/group"), "root:x:0:\napp:x:1000:\naudio:x:29:app\nvideo:x:44:\n").unwrap();
    fs::write(busybox.join("etc/below"), "hidden by the upper layer\n").unwrap();

    let upper = work.join("upper");
    fs::create_dir_all(upper.join("etc")).unwrap();
    fs::set_permissions(&upper, fs::Permissions::from_mode(0o711)).unwrap();
    fs::write(upper.join("etc/below"), "seen\n").unwrap();
    for (name, content) in [("garbage", "garbage"), ("lost", "#!/no/such/interpreter\n")] {
        fs::write(upper.join(name), content).unwrap();
        fs::set_permissions(upper.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    symlink("../../../../../../etc/target-of-the-image", upper.join("etc/resolv.conf")).unwrap();

    join(&work.join("image"), &[busybox, upper])
}

/// An image of `count` layers: busybox, and a folder that every layer adds a file to.
pub(crate) fn many_layers(count: u32) -> PathBuf {
    let work = guest().image.parent().unwrap().to_owned();
    let mut layers = vec![work.join("busybox")];
    for number in 1..=count {
        let layer = if number == 1 { work.join("busybox") } else { work.join(format!("layer{number}")) };
        fs::create_dir_all(layer.join("layers")).unwrap();
        fs::write(layer.join("layers").join(number.to_string()), "").unwrap();
        fs::write(layer.join("number"), format!("{number}\n")).unwrap();
        if number > 1 {
            layers.push(layer);
        }
    }
    join(&work.join("many"), &layers)
}

/// Each folder as EROFS in a partition of its own.
fn join(disk: &Path, layers: &[PathBuf]) -> PathBuf {
    let mut start = 1u64 << 20;
    let mut table = "label: gpt\ntable-length: 128\n".to_owned();
    let mut out = fs::OpenOptions::new().write(true).create(true).truncate(true).open(disk).unwrap();
    for layer in layers {
        let file = layer.with_extension("erofs");
        run(Command::new("mkfs.erofs").arg(&file).arg(layer));
        let content = fs::read(&file).unwrap();
        let size = (content.len() as u64).next_multiple_of(1 << 20);
        std::io::Seek::seek(&mut out, std::io::SeekFrom::Start(start)).unwrap();
        out.write_all(&content).unwrap();
        table += &format!("start={}, size={}\n", start / 512, size / 512);
        start += size;
    }
    out.set_len(start + (1 << 20)).unwrap();
    let mut sfdisk = Command::new("sfdisk")
        .args(["--quiet", "--wipe-partitions", "never"])
        .arg(disk)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    sfdisk.stdin.take().unwrap().write_all(table.as_bytes()).unwrap();
    assert!(sfdisk.wait().unwrap().success());
    disk.to_owned()
}
