//! QEMU's switches, a struct each, named as QEMU names them (`qemu-options.hx`).
//!
//! [`super::line`] puts them in order. Each knows its own words and nothing of the others.

use super::Options;
use crate::{Accel, Sharing};
use std::{os::fd::RawFd, path::Path};

/// A switch and its argument.
pub(crate) trait Switch {
    /// The words it adds to the command line.
    fn words(&self) -> Vec<String>;
}

fn words(switch: &str, argument: Options) -> Vec<String> {
    vec![switch.to_owned(), argument.finish()]
}

/// `-name`: what process lists show.
pub(crate) struct Name<'a>(pub(crate) &'a str);

impl Switch for Name<'_> {
    fn words(&self) -> Vec<String> {
        words("-name", Options::new("").with("guest", self.0))
    }
}

/// `-machine`: the board.
pub(crate) struct Machine<'a> {
    pub(crate) kind: &'a str,
    pub(crate) memory_backend: &'a str,
}

impl Switch for Machine<'_> {
    fn words(&self) -> Vec<String> {
        let mut options = Options::new(self.kind).with("memory-backend", self.memory_backend);
        // Parts of a PC that no container needs. Without them a clone starts 2 to 4 ms sooner, restores 0.5 ms sooner
        // and has 3 MiB less of its own. The PIT stays: without it, the kernel cannot calibrate its clocks under TCG.
        for part in ["sata", "smbus", "smm", "hpet", "vmport", "usb", "i8042"] {
            options = options.switch(part, false);
        }
        // Core dumps would carry the guest's secrets, and merging would compare pages of different users' guests.
        words("-machine", options.switch("dump-guest-core", false).switch("mem-merge", false))
    }
}

/// `-accel`: who runs the guest's instructions.
pub(crate) struct Accelerator(pub(crate) Accel);

impl Accelerator {
    /// Largest size of TCG's buffer of translated code, in MiB. QEMU's default of 1 GiB can become a clone's own memory.
    /// The size itself costs nothing: 32, 64 and 1024 start alike and take the same memory until code fills them.
    const TB_SIZE: u32 = 128;
}

impl Switch for Accelerator {
    fn words(&self) -> Vec<String> {
        words(
            "-accel",
            match self.0 {
                Accel::Kvm => Options::new("kvm"),
                Accel::Tcg => Options::new("tcg").with("thread", "multi").with("tb-size", Self::TB_SIZE),
            },
        )
    }
}

/// `-cpu`: model and features; checked by [`MachineSpec::check`](crate::MachineSpec::check), its commas are meant.
pub(crate) struct Cpu<'a>(pub(crate) &'a str);

impl Switch for Cpu<'_> {
    fn words(&self) -> Vec<String> {
        vec!["-cpu".to_owned(), self.0.to_owned()]
    }
}

/// `-smp`.
pub(crate) struct Smp(pub(crate) u32);

impl Switch for Smp {
    fn words(&self) -> Vec<String> {
        words("-smp", Options::new("").with("cpus", self.0))
    }
}

/// `-m`: size of the memory in MiB.
pub(crate) struct MemorySize(pub(crate) u32);

impl Switch for MemorySize {
    fn words(&self) -> Vec<String> {
        words("-m", Options::new("").with("size", format_args!("{}M", self.0)))
    }
}

/// `-sandbox`: system calls that QEMU forbids itself. All four hold through migration, hot-plug and shutdown.
pub(crate) struct Sandbox;

impl Switch for Sandbox {
    fn words(&self) -> Vec<String> {
        let mut options = Options::new("on");
        for class in ["obsolete", "elevateprivileges", "spawn", "resourcecontrol"] {
            options = options.with(class, "deny");
        }
        words("-sandbox", options)
    }
}

/// `-action`: a guest that powers off or resets ends the process, since a clone has no kernel to boot again. A kernel
/// panic becomes a reset by `panic=-1` on the kernel's command line.
pub(crate) struct Action;

impl Switch for Action {
    fn words(&self) -> Vec<String> {
        words("-action", Options::new("").with("reboot", "shutdown").with("shutdown", "poweroff"))
    }
}

/// `-object memory-backend-file`.
pub(crate) struct MemoryBackendFile<'a> {
    pub(crate) id: &'a str,
    pub(crate) path: &'a Path,
    pub(crate) mib: u32,
    pub(crate) sharing: Sharing,
}

impl Switch for MemoryBackendFile<'_> {
    fn words(&self) -> Vec<String> {
        let options = Options::new("memory-backend-file")
            .with("id", self.id)
            .with("size", format_args!("{}M", self.mib))
            .with("mem-path", self.path.display())
            .switch("share", self.sharing == Sharing::Shared);
        words("-object", options)
    }
}

/// `-object rng-random`: the host's entropy, for virtio-rng. Measured beside `rng-builtin`, which is no quicker.
pub(crate) struct RngRandom<'a>(pub(crate) &'a str);

impl Switch for RngRandom<'_> {
    fn words(&self) -> Vec<String> {
        words("-object", Options::new("rng-random").with("id", self.0).with("filename", "/dev/urandom"))
    }
}

/// `-chardev`.
pub(crate) enum Chardev<'a> {
    /// A listening socket that is already bound: whoever connects waits in its queue, so nobody polls for it to appear.
    Socket { id: &'a str, fd: RawFd },
    /// A bounded buffer of the last bytes, read over QMP.
    Ringbuf { id: &'a str, size: u32 },
}

impl Switch for Chardev<'_> {
    fn words(&self) -> Vec<String> {
        words(
            "-chardev",
            match self {
                Self::Socket { id, fd } => {
                    Options::new("socket").with("id", id).with("fd", fd).switch("server", true).switch("wait", false)
                }
                Self::Ringbuf { id, size } => Options::new("ringbuf").with("id", id).with("size", size),
            },
        )
    }
}

/// `-mon`: QMP on a character device.
pub(crate) struct Mon<'a>(pub(crate) &'a str);

impl Switch for Mon<'_> {
    fn words(&self) -> Vec<String> {
        words("-mon", Options::new("").with("chardev", self.0).with("mode", "control"))
    }
}

/// `-serial`: the guest's first serial port on a character device.
pub(crate) struct Serial<'a>(pub(crate) &'a str);

impl Switch for Serial<'_> {
    fn words(&self) -> Vec<String> {
        vec!["-serial".to_owned(), format!("chardev:{}", self.0)]
    }
}

/// `-netdev tap` on an open tap device.
pub(crate) struct Tap<'a> {
    pub(crate) id: &'a str,
    pub(crate) fd: RawFd,
}

impl Switch for Tap<'_> {
    fn words(&self) -> Vec<String> {
        words("-netdev", Options::new("tap").with("id", self.id).with("fd", self.fd).switch("vhost", false))
    }
}

/// `-device`: options built by [`super::line`], which knows the machine's slots.
pub(crate) struct Device(pub(crate) Options);

impl Switch for Device {
    fn words(&self) -> Vec<String> {
        words("-device", self.0.clone())
    }
}

/// A switch without parts: `-nodefaults`, or `-kernel` and its file.
pub(crate) struct Plain<'a>(pub(crate) &'static str, pub(crate) Option<&'a str>);

impl Switch for Plain<'_> {
    fn words(&self) -> Vec<String> {
        std::iter::once(self.0).chain(self.1).map(str::to_owned).collect()
    }
}
