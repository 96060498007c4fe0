//! The command line. Flags that dockerd has are called as in dockerd.

use crate::config::{ConfigError, Raw};
use clap::{ArgAction, Args, Parser, Subcommand};
use std::path::PathBuf;

/// A Docker-compatible container engine that runs every container in its own microVM, cloned in memory.
///
/// Start the daemon with `vch serve`, point DOCKER_HOST at its socket and use docker, compose or any other client.
#[derive(Debug, Parser)]
#[command(name = "vch", version, propagate_version = true, arg_required_else_help = true, max_term_width = 110)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What the program does.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the daemon
    ///
    /// Serves the Docker Engine API until SIGTERM or SIGINT, a second of which ends it at once. SIGHUP has it read the
    /// configuration file again. Flags that dockerd has mean what they mean there; so do the keys of the configuration
    /// file, each of which may be given as a flag or in the file, not both.
    Serve(Settings),
    /// See whether this machine can run containers, and what is lacking
    ///
    /// Prints a line for each thing looked at: `ok`, `warn` (containers run, but something is lacking) or `fail` (none
    /// will), with the remedy. Exits with 1 where something failed. Takes the flags of `vch serve`, to look at what that
    /// would use.
    Doctor(Doctor),
    /// The guest: kernel and initramfs of the machines
    #[command(subcommand)]
    Guest(Guest),
    /// Measure
    #[command(subcommand)]
    Bench(Bench),
}

/// `vch doctor`.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Try the accelerators again, though the outcome of an earlier trial is known
    #[arg(long)]
    pub(crate) recheck: bool,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// `vch guest …`.
#[derive(Debug, Subcommand)]
pub(crate) enum Guest {
    /// Prepare the guest now (`vch serve` does so by itself where it is missing)
    ///
    /// Fetches the kernel package of the distribution, unpacks it below the data root (nothing is installed on the host)
    /// and makes the initramfs with the agent. What is there already and still right is kept.
    Build(Settings),
}

/// `vch bench …`.
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Time the clone of a machine: QEMU started, state restored, agent ready, process started
    ///
    /// Needs a data root that no daemon is using.
    Clone(BenchClone),
}

/// `vch bench clone`.
#[derive(Debug, Args)]
pub(crate) struct BenchClone {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// How many clones to make, one after the other
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000), value_name = "COUNT")]
    pub(crate) runs: u32,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// The settings that every command takes.
#[derive(Debug, Clone, Args)]
#[command(args_override_self = true)]
pub(crate) struct Settings {
    /// File with settings in JSON, dockerd's daemon.json [default: /etc/vch/daemon.json; not root:
    /// $XDG_CONFIG_HOME/vch/daemon.json]
    #[arg(long, value_name = "FILE")]
    pub(crate) config_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) raw: Raw,
    #[command(flatten)]
    pub(crate) tls: Tls,
}

/// dockerd's TLS flags, known so that they can be refused with a reason.
#[derive(Debug, Clone, Args)]
pub(crate) struct Tls {
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    tls: Option<bool>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    tlsverify: Option<bool>,
    #[arg(long, hide = true)]
    tlscacert: Option<PathBuf>,
    #[arg(long, hide = true)]
    tlscert: Option<PathBuf>,
    #[arg(long, hide = true)]
    tlskey: Option<PathBuf>,
}

impl Tls {
    /// Refuses whatever asks for TLS.
    pub(crate) fn refuse(&self) -> Result<(), ConfigError> {
        let asked = [
            ("tls", self.tls == Some(true)),
            ("tlsverify", self.tlsverify == Some(true)),
            ("tlscacert", self.tlscacert.is_some()),
            ("tlscert", self.tlscert.is_some()),
            ("tlskey", self.tlskey.is_some()),
        ];
        match asked.into_iter().find(|(_, asked)| *asked) {
            Some((flag, _)) => Err(ConfigError::Tls { flag }),
            None => Ok(()),
        }
    }
}
