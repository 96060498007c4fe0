//! A machine under test: QEMU with the guest, its QMP socket for disks, its agent port.

use crate::guest::{LAYERS, guest, run};
use crate::host::Host;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use vch_agent_proto::{Disk, Rootfs};

pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) struct Machine {
    child: Child,
    folder: tempfile::TempDir,
    qmp: BufReader<UnixStream>,
    next_lun: u16,
    pub(crate) host: Host,
}

/// Disks attached for one container.
pub(crate) struct Disks {
    pub(crate) image: u16,
    pub(crate) scratch: u16,
}

impl Disks {
    pub(crate) fn rootfs(&self) -> Rootfs {
        Rootfs {
            image: Some(Disk::ScsiLun(self.image)),
            layers: LAYERS,
            scratch: Disk::ScsiLun(self.scratch),
            read_only: false,
        }
    }
}

impl Machine {
    /// Boots, without anything said to the agent.
    pub(crate) fn boot() -> Self {
        let guest = guest();
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let child = Command::new("qemu-system-x86_64")
            .args(["-M", "q35,accel=tcg", "-cpu", "Nehalem", "-m", "512", "-smp", "1"])
            .args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"])
            .args(["-serial", &format!("file:{}", at("console"))])
            .args(["-qmp", &format!("unix:{},server=on,wait=off", at("qmp"))])
            .args(["-device", "virtio-serial-pci"])
            .args(["-chardev", &format!("socket,id=agent,path={},server=on,wait=off", at("agent"))])
            .args(["-device", &format!("virtserialport,chardev=agent,name={}", vch_agent_proto::PORT_NAME)])
            .args(["-device", "virtio-scsi-pci,id=scsi0"])
            .args(["-netdev", "hubport,id=net0,hubid=0", "-device", "virtio-net-pci,netdev=net0,romfile="])
            .arg("-kernel")
            .arg(&guest.kernel)
            .arg("-initrd")
            .arg(&guest.initrd)
            .args(["-append", "console=ttyS0 panic=-1 quiet"])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let mut qmp = BufReader::new(connect(&folder.path().join("qmp")));
        qmp.get_ref().set_read_timeout(Some(DEADLINE)).unwrap();
        qmp.read_line(&mut String::new()).unwrap();
        let host = Host::new(connect(&folder.path().join("agent")));
        let mut machine = Self { child, folder, qmp, next_lun: 0, host };
        machine.qmp("qmp_capabilities", json!({}));
        machine
    }

    /// Boots, says hello and gives an identity.
    pub(crate) fn ready() -> Self {
        let mut machine = Self::boot();
        machine.host.hello();
        machine.host.personalize(1);
        machine
    }

    /// A new connection to the agent, in the place of the old one.
    pub(crate) fn reconnect(&mut self) {
        self.host.close();
        self.host = Host::new(connect(&self.folder.path().join("agent")));
    }

    pub(crate) fn console(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("console")).unwrap_or_default()
    }

    fn qmp(&mut self, command: &str, arguments: Value) {
        let line = json!({ "execute": command, "arguments": arguments }).to_string();
        self.qmp.get_mut().write_all(line.as_bytes()).unwrap();
        loop {
            let mut line = String::new();
            self.qmp.read_line(&mut line).unwrap();
            let answer: Value = serde_json::from_str(&line).unwrap();
            assert!(answer.get("error").is_none(), "{command}: {line}");
            if answer.get("return").is_some() {
                return;
            }
        }
    }

    pub(crate) fn attach_file(&mut self, file: &Path, read_only: bool) -> u16 {
        let lun = self.next_lun;
        self.next_lun += 1;
        let node = format!("node{lun}");
        let file = json!({ "driver": "file", "filename": file });
        self.qmp("blockdev-add", json!({ "driver": "raw", "node-name": node, "read-only": read_only, "file": file }));
        let id = format!("disk{lun}");
        self.qmp(
            "device_add",
            json!({ "driver": "scsi-hd", "bus": "scsi0.0", "scsi-id": 0, "lun": lun, "drive": node, "id": id }),
        );
        lun
    }

    pub(crate) fn detach(&mut self, lun: u16) {
        self.qmp("device_del", json!({ "id": format!("disk{lun}") }));
    }

    pub(crate) fn new_scratch(&self) -> PathBuf {
        let file = self.folder.path().join(format!("scratch{}", self.next_lun));
        run(Command::new("cp").args(["--sparse=always"]).arg(&guest().blank).arg(&file));
        file
    }

    /// Attaches the image and a fresh scratch disk.
    pub(crate) fn disks(&mut self) -> Disks {
        let image = self.attach_file(&guest().image, true);
        let scratch = self.new_scratch();
        Disks { image, scratch: self.attach_file(&scratch, false) }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("console:\n{}", self.console());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn connect(path: &Path) -> UnixStream {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match UnixStream::connect(path) {
            Ok(stream) => return stream,
            Err(error) if Instant::now() > deadline => panic!("{}: {error}", path.display()),
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}
