//! One machine's whole command line.
//!
//! Template and clone share every device, in the same slots and order; they differ in how memory is mapped and in what
//! they start from. [`signature`] is the part that a saved state depends on.
//!
//! Absent on purpose: a balloon. Its free-page reporting makes QEMU (7.2, `ram_block_discard_range`) punch holes into
//! the memory *file*, private mapping or not: one clone would empty pages under the template and all its siblings.

use super::{
    Options,
    switches::{
        Accelerator, Action, Chardev, Cpu, Device, Machine, MemoryBackendFile, MemorySize, Mon, Name, Plain, RngRandom,
        Sandbox, Serial, Smp, Switch, Tap,
    },
};
use crate::{Boot, MachineSpec};
use std::{
    fmt::Write,
    os::fd::{AsRawFd, RawFd},
};

/// The SCSI bus that disks are attached to.
pub(crate) const SCSI_BUS: &str = "scsi0.0";
/// The character device that keeps the serial console's last bytes.
pub(crate) const CONSOLE: &str = "console";
/// How many bytes of it, a power of two.
pub(crate) const CONSOLE_SIZE: u32 = 64 * 1024;

const MEMORY: &str = "memory";

/// Numbers of the descriptors that the process inherits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fds {
    /// Listening socket of the monitor.
    pub(crate) qmp: RawFd,
    /// Listening socket of the agent's port.
    pub(crate) agent: RawFd,
}

/// The words after the program's name. `kind` is the versioned machine type.
pub(crate) fn command_line(spec: &MachineSpec, kind: &str, fds: Fds) -> Vec<String> {
    let memory = &spec.memory;
    let mut line = Vec::new();
    let mut add = |switch: &dyn Switch| line.extend(switch.words());
    add(&Name(&spec.name));
    for plain in ["-nodefaults", "-no-user-config"] {
        add(&Plain(plain, None));
    }
    add(&Plain("-display", Some("none")));
    add(&Sandbox);
    add(&Machine { kind, memory_backend: MEMORY });
    add(&Accelerator(spec.accel));
    add(&Cpu(&spec.cpu));
    add(&Smp(spec.vcpus));
    add(&MemorySize(memory.mib));
    add(&MemoryBackendFile { id: MEMORY, path: &memory.file, mib: memory.mib, sharing: memory.sharing });
    add(&Action);
    add(&Chardev::Socket { id: "qmp", fd: fds.qmp });
    add(&Mon("qmp"));
    add(&Chardev::Ringbuf { id: CONSOLE, size: CONSOLE_SIZE });
    add(&Serial(CONSOLE));
    add(&Chardev::Socket { id: "agent", fd: fds.agent });
    add(&RngRandom("entropy"));
    for device in devices(spec.agent_port) {
        add(&device);
    }
    if let Some(nic) = &spec.nic {
        add(&Tap { id: "net0", fd: nic.tap.as_raw_fd() });
        add(&nic_device(nic.mac));
    }
    match &spec.boot {
        Boot::Kernel { kernel, initrd, command_line } => {
            add(&Plain("-kernel", kernel.to_str()));
            add(&Plain("-initrd", initrd.to_str()));
            add(&Plain("-append", Some(command_line)));
        }
        // Without kernel and initramfs a clone has 13 MiB less of its own and starts 10 ms sooner. The option ROM that
        // loads them stays, for the saved state has it as a piece of memory.
        Boot::Restore => {
            add(&Plain("-option-rom", Some("linuxboot_dma.bin")));
            add(&Plain("-incoming", Some("defer")));
        }
    }
    line
}

/// What a saved state depends on besides the spec: board and devices.
pub(crate) fn signature(kind: &str) -> String {
    let mut words = Machine { kind, memory_backend: MEMORY }.words();
    words.extend(devices("").iter().flat_map(Switch::words));
    words.extend(nic_device([0; 6]).words());
    words.join(" ")
}

/// The devices every machine has, each in a slot of its own: slots taken in order of the command line would move all
/// later devices when one is added before them.
fn devices(agent_port: &str) -> Vec<Device> {
    let mut devices = vec![
        Device(pci("virtio-serial-pci", "serial0", 1).with("max_ports", 2)),
        Device(
            Options::new("virtserialport")
                .with("bus", "serial0.0")
                .with("nr", 1)
                .with("chardev", "agent")
                .with("name", agent_port),
        ),
        Device(pci("virtio-scsi-pci", "scsi0", 2).switch("hotplug", false).switch("param_change", false)),
        Device(pci("virtio-rng-pci", "rng0", 3).with("rng", "entropy")),
    ];
    // Free slots for hot-plugged interfaces. Two cost a clone nothing that could be measured.
    for number in 0..2 {
        let port = Options::new("pcie-root-port").with("id", format_args!("port{number}"));
        devices.push(Device(
            port.with("bus", "pcie.0").with("addr", format_args!("{:#x}", 8 + number)).with("chassis", number + 1),
        ));
    }
    devices
}

fn nic_device(mac: [u8; 6]) -> Device {
    let mut address = String::new();
    for (at, byte) in mac.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = write!(address, "{}{byte:02x}", if at > 0 { ":" } else { "" });
    }
    // No boot ROM: nobody boots from the network, and it would be memory of each clone's own.
    Device(pci("virtio-net-pci", "nic0", 4).with("netdev", "net0").with("mac", address).with("romfile", ""))
}

/// A PCI device in slot `slot` of the root bus.
fn pci(driver: &str, id: &str, slot: u8) -> Options {
    Options::new(driver).with("id", id).with("bus", "pcie.0").with("addr", format_args!("{slot:#x}"))
}
