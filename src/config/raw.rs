//! Settings as they are given, on the command line or in `daemon.json`: one struct for both, so that a flag and its key
//! can never drift apart. Nothing is checked here but the shape; [`super::valid`] makes sense of it.
//!
//! A field's name is the key in the file (with `-` for `_`); where dockerd has the option, flag and key are dockerd's.

use super::amount::Amount;
use clap::{ArgAction, Args, ValueEnum};
use serde::{Deserialize, Serialize};

/// How machines are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Accel {
    /// KVM where a machine really boots with it, else software emulation
    #[default]
    Auto,
    /// Hardware virtualization, or no start at all
    Kvm,
    /// QEMU's software emulation (by QEMU's own policy not a security boundary)
    Tcg,
}

/// Every setting that the command line and the file share.
#[derive(Debug, Clone, Default, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct Raw {
    /// Directory of everything that lasts: images, containers, templates [default: /var/lib/vch; not root:
    /// $XDG_DATA_HOME/vch]
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) data_root: Option<String>,
    /// Address to listen on, unix:///PATH or tcp://HOST:PORT; may be given several times [default:
    /// unix:///var/run/vch.sock; not root: vch.sock in $XDG_RUNTIME_DIR, else in the data root]
    #[arg(short = 'H', long = "host", value_name = "ADDRESS")]
    pub(crate) hosts: Option<Vec<String>>,
    /// Group that may use the unix sockets, by name or number [default: vch where there is one, else root's]
    #[arg(short = 'G', long, value_name = "GROUP")]
    pub(crate) group: Option<String>,
    /// File that holds the daemon's process ID [default: /var/run/vch.pid; not root:
    /// beside the default socket]
    #[arg(short = 'p', long, value_name = "FILE")]
    pub(crate) pidfile: Option<String>,
    /// Log at level debug, whatever --log-level says
    #[arg(short = 'D', long, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set, value_name = "BOOL")]
    pub(crate) debug: Option<bool>,
    /// How much to log: debug, info, warn, error or fatal [default: info]
    #[arg(short = 'l', long, value_name = "LEVEL")]
    pub(crate) log_level: Option<String>,
    /// Log driver of containers that name none: json-file, local, syslog, journald or none [default: json-file]
    #[arg(long, value_name = "DRIVER")]
    pub(crate) log_driver: Option<String>,
    /// Option of the log driver, as KEY=VALUE; may be given several times, and is an object in the file
    #[arg(long = "log-opt", value_name = "KEY=VALUE")]
    #[serde(with = "super::pairs")]
    pub(crate) log_opts: Option<Vec<String>>,
    /// Registry to be spoken to over plain HTTP, or with a certificate nobody vouches for: HOST or HOST:PORT or a CIDR; may be
    /// given several times (loopback always is)
    #[arg(long = "insecure-registry", value_name = "REGISTRY")]
    pub(crate) insecure_registries: Option<Vec<String>>,
    /// Mirror to ask before docker.io, as http(s)://HOST or HOST:PORT; may be given several times
    #[arg(long = "registry-mirror", value_name = "URL")]
    pub(crate) registry_mirrors: Option<Vec<String>>,
    /// What runs the machines [default: auto]
    #[arg(long)]
    pub(crate) accel: Option<Accel>,
    /// QEMU's program [default: qemu-system-x86_64 on the PATH]
    #[arg(long, value_name = "FILE")]
    pub(crate) qemu: Option<String>,
    /// Kernel for the machines, in place of the distribution's own
    #[arg(long, value_name = "FILE")]
    pub(crate) kernel: Option<String>,
    /// Initramfs for the machines, with vch-agent as /init, in place of the one made by `vch guest build`
    #[arg(long, value_name = "FILE")]
    pub(crate) initrd: Option<String>,
    /// The guest's agent, a static binary [default: vch-agent beside this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) agent: Option<String>,
    /// Memory of a machine, in MiB or with a unit (4g); untouched memory costs nothing [default: 4g, but no more than
    /// the host has]
    #[arg(long, value_name = "SIZE")]
    pub(crate) vm_memory: Option<Amount>,
    /// Size of a container's writable disk, with a unit (20g); its file is sparse [default: 10g]
    #[arg(long, value_name = "SIZE")]
    pub(crate) scratch_size: Option<Amount>,
    /// Virtual CPUs of a machine [default: 1]
    #[arg(long, value_name = "COUNT")]
    pub(crate) vm_cpus: Option<u32>,
    /// Machines to keep cloned ahead of need [default: 1]
    #[arg(long, value_name = "COUNT")]
    pub(crate) pool: Option<u32>,
}
