//! The whole command line, word by word: a change to it changes every template's key.

use super::line::{Fds, command_line, signature};
use crate::{Accel, Boot, MachineSpec, Memory, Nic, Sharing};
use std::fs::File;

const KIND: &str = "pc-q35-7.2";
const FDS: Fds = Fds { qmp: 7, agent: 8 };

fn spec(accel: Accel, boot: Boot, sharing: Sharing) -> MachineSpec {
    MachineSpec {
        name: "m1".to_owned(),
        accel,
        cpu: "host,-arch-capabilities".to_owned(),
        vcpus: 2,
        memory: Memory { file: "/t/mem,share=on".into(), mib: 2048, sharing },
        boot,
        agent_port: "vch.agent.0",
        directory: "/run/m1".into(),
        nic: None,
    }
}

const COMMON: &str = "\
-name guest=m1
-nodefaults
-no-user-config
-display none
-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny
-machine pc-q35-7.2,memory-backend=memory,sata=off,smbus=off,smm=off,hpet=off,vmport=off,usb=off,i8042=off,dump-guest-core=off,mem-merge=off
-accel ACCEL
-cpu host,-arch-capabilities
-smp cpus=2
-m size=2048M
-object memory-backend-file,id=memory,size=2048M,mem-path=/t/mem,,share=on,share=SHARE
-action reboot=shutdown,shutdown=poweroff
-chardev socket,id=qmp,fd=7,server=on,wait=off
-mon chardev=qmp,mode=control
-chardev ringbuf,id=console,size=65536
-serial chardev:console
-chardev socket,id=agent,fd=8,server=on,wait=off
-object rng-random,id=entropy,filename=/dev/urandom
-device virtio-serial-pci,id=serial0,bus=pcie.0,addr=0x1,max_ports=2
-device virtserialport,bus=serial0.0,nr=1,chardev=agent,name=vch.agent.0
-device virtio-scsi-pci,id=scsi0,bus=pcie.0,addr=0x2,hotplug=off,param_change=off
-device virtio-rng-pci,id=rng0,bus=pcie.0,addr=0x3,rng=entropy
-device pcie-root-port,id=port0,bus=pcie.0,addr=0x8,chassis=1
-device pcie-root-port,id=port1,bus=pcie.0,addr=0x9,chassis=2
";

/// The line as text: a switch and its argument a row.
fn rows(words: &[String]) -> String {
    let mut text = String::new();
    for word in words {
        match word.starts_with('-') {
            true if text.is_empty() => {}
            true => text.push('\n'),
            false => text.push(' '),
        }
        text.push_str(word);
    }
    text + "\n"
}

#[test]
fn a_template_boots_a_kernel_in_shared_memory() {
    let boot =
        Boot::Kernel { kernel: "/g/vmlinuz,x".into(), initrd: "/g/initrd".into(), command_line: "quiet a,b=c".into() };
    let words = command_line(&spec(Accel::Kvm, boot, Sharing::Shared), KIND, FDS);
    let tail = "-kernel /g/vmlinuz,x\n-initrd /g/initrd\n-append quiet a,b=c\n";
    assert_eq!(rows(&words), COMMON.replace("ACCEL", "kvm").replace("SHARE", "on") + tail);
}

#[test]
fn a_clone_waits_for_a_state_with_private_memory() {
    let words = command_line(&spec(Accel::Tcg, Boot::Restore, Sharing::Private), KIND, FDS);
    let common = COMMON.replace("ACCEL", "tcg,thread=multi,tb-size=128").replace("SHARE", "off");
    assert_eq!(rows(&words), common + "-option-rom linuxboot_dma.bin\n-incoming defer\n");
}

#[test]
fn an_interface_is_the_same_device_in_template_and_clone() {
    let line = |boot, sharing| {
        let mut spec = spec(Accel::Tcg, boot, sharing);
        let tap = File::open("/dev/null").unwrap().into();
        spec.nic = Some(Nic { mac: [2, 0, 0, 0xab, 0xcd, 0xef], tap });
        rows(&command_line(&spec, KIND, FDS))
    };
    let boot = Boot::Kernel { kernel: "/k".into(), initrd: "/i".into(), command_line: String::new() };
    for text in [line(boot, Sharing::Shared), line(Boot::Restore, Sharing::Private)] {
        let device =
            "\n-device virtio-net-pci,id=nic0,bus=pcie.0,addr=0x4,netdev=net0,mac=02:00:00:ab:cd:ef,romfile=\n";
        assert!(text.contains(device), "{text}");
        assert!(text.contains("\n-netdev tap,id=net0,fd="), "{text}");
    }
}

#[test]
fn the_signature_names_board_and_devices_and_nothing_of_one_machine() {
    let text = signature(KIND);
    for part in ["pc-q35-7.2,", "virtio-serial-pci,", "virtio-scsi-pci,", "pcie-root-port,", "virtio-net-pci,"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!text.contains("/t/mem") && !text.contains("fd="), "{text}");
}
