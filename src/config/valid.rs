//! Settings that have been checked: made once from [`Raw`], with the defaults that the surroundings give.

use super::{Accel, ConfigError, Level, Raw, Surroundings, pairs, registry};
use crate::listen::Address;
use std::path::{Path, PathBuf};
use vch_engine::container::spec::LogConfig;

/// A machine's memory where nothing else is said, in MiB. Large, since memory that is never touched costs nothing.
const MEMORY_MIB: u64 = 4096;
/// The least that the guest's kernel boots in, and the most that is sensible, in MiB.
const MEMORY_BOUNDS: std::ops::RangeInclusive<u64> = 128..=1 << 20;
/// A container's writable disk where nothing else is said, in MiB: Docker's base size, where its drivers have one.
const SCRATCH_MIB: u64 = 10 << 10;
/// What ext4 makes sense of with 4 KiB blocks, in MiB.
const SCRATCH_BOUNDS: std::ops::RangeInclusive<u64> = 64..=16 << 20;

/// All of the settings, valid.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Config {
    /// Absolute.
    pub(crate) data_root: PathBuf,
    /// At least one.
    pub(crate) hosts: Vec<Address>,
    /// The sockets' group; `None` for the usual one.
    pub(crate) group: Option<String>,
    /// The pidfile, if there is to be one.
    pub(crate) pidfile: Option<PathBuf>,
    /// How much to log.
    pub(crate) level: Level,
    /// Registries without TLS or with an unknown certificate.
    pub(crate) insecure_registries: Vec<String>,
    /// Mirrors of docker.io.
    pub(crate) registry_mirrors: Vec<String>,
    /// Log driver and options of containers that name none.
    pub(crate) log: LogConfig,
    /// What runs the machines.
    pub(crate) accel: Accel,
    /// Absolute; exists.
    pub(crate) qemu: Option<PathBuf>,
    /// Absolute; exists.
    pub(crate) kernel: Option<PathBuf>,
    /// Absolute; exists.
    pub(crate) initrd: Option<PathBuf>,
    /// Absolute; exists.
    pub(crate) agent: Option<PathBuf>,
    /// A machine's memory in MiB.
    pub(crate) vm_memory_mib: u32,
    /// Size of a container's writable disk in MiB.
    pub(crate) scratch_mib: u64,
    /// A machine's CPUs.
    pub(crate) vm_cpus: u32,
    /// Machines kept ahead.
    pub(crate) pool: usize,
    /// The file that settings came from, or would come from: read again on SIGHUP.
    pub(crate) file: Option<PathBuf>,
    /// What the operator should hear of.
    pub(crate) warnings: Vec<String>,
}

impl Config {
    /// Checks `raw`. `file` is where a part of it came from.
    pub(crate) fn new(raw: Raw, file: Option<PathBuf>, around: &Surroundings) -> Result<Self, ConfigError> {
        let absolute = |path: String| around.current.join(path);
        let mut warnings = Vec::new();
        let data_root = match raw.data_root.filter(|path| !path.is_empty()) {
            Some(path) => absolute(path),
            None => around
                .data_root()
                .ok_or(ConfigError::Missing { setting: "--data-root", why: "neither XDG_DATA_HOME nor HOME is set" })?,
        };
        let insecure_registries = collect(raw.insecure_registries, |given| {
            let (kept, warning) = registry::insecure(given)?;
            warnings.extend(warning);
            Ok(kept)
        })?;
        let level = level(raw.debug, raw.log_level.as_deref())?;
        Ok(Self {
            hosts: hosts(raw.hosts.unwrap_or_default(), &data_root, around)?,
            group: raw.group.filter(|group| !group.is_empty()),
            pidfile: match raw.pidfile {
                Some(path) => Some(path).filter(|path| !path.is_empty()).map(absolute),
                None => Some(around.runtime_file("vch.pid", &data_root)),
            },
            level,
            insecure_registries,
            registry_mirrors: collect(raw.registry_mirrors, |given| Ok(registry::mirror(given)?))?,
            log: log(raw.log_driver, raw.log_opts)?,
            accel: raw.accel.unwrap_or_default(),
            qemu: readable("program", raw.qemu.map(absolute))?,
            kernel: readable("kernel", raw.kernel.map(absolute))?,
            initrd: readable("initramfs", raw.initrd.map(absolute))?,
            agent: readable("agent", raw.agent.map(absolute))?,
            vm_memory_mib: memory(raw.vm_memory, around.memory_mib)?,
            scratch_mib: match raw.scratch_size {
                None => SCRATCH_MIB,
                Some(given) => amount("--scratch-size", given, SCRATCH_BOUNDS, "64m to 16t are possible, with a unit")?,
            },
            vm_cpus: count("--vm-cpus", raw.vm_cpus.unwrap_or(1), 1..=255, "1 to 255 are possible")?,
            pool: count("--pool", raw.pool.unwrap_or(1), 0..=256, "0 to 256 are possible")? as usize,
            data_root,
            file,
            warnings,
        })
    }
}

/// The level; `debug` wins, as in dockerd.
pub(crate) fn level(debug: Option<bool>, level: Option<&str>) -> Result<Level, ConfigError> {
    let given = level.filter(|level| !level.is_empty()).unwrap_or("info");
    let level = given.parse().map_err(|()| ConfigError::Level(given.to_owned()))?;
    Ok(if debug == Some(true) { Level::Debug } else { level })
}

fn log(driver: Option<String>, options: Option<Vec<String>>) -> Result<LogConfig, ConfigError> {
    let driver = driver.filter(|driver| !driver.is_empty()).unwrap_or_else(|| LogConfig::default().driver);
    let log = LogConfig { driver, options: pairs::read(&options.unwrap_or_default()) };
    vch_engine::check_log(&log).map_err(ConfigError::Log)?;
    Ok(log)
}

fn hosts(given: Vec<String>, data_root: &Path, around: &Surroundings) -> Result<Vec<Address>, ConfigError> {
    let usual = || Address::Unix(around.runtime_file("vch.sock", data_root));
    if given.is_empty() {
        return Ok(vec![usual()]);
    }
    let parse = |given: String| match given.trim() {
        "" | "unix://" => Ok(usual()),
        text => match Address::parse(text) {
            Ok(Address::Unix(path)) => Ok(Address::Unix(around.current.join(path))),
            Ok(address) => Ok(address),
            Err(source) => Err(ConfigError::Address { given, source }),
        },
    };
    given.into_iter().map(parse).collect()
}

fn collect(
    given: Option<Vec<String>>,
    check: impl FnMut(&String) -> Result<String, ConfigError>,
) -> Result<Vec<String>, ConfigError> {
    given.unwrap_or_default().iter().map(check).collect()
}

fn readable(what: &'static str, path: Option<PathBuf>) -> Result<Option<PathBuf>, ConfigError> {
    let Some(path) = path else { return Ok(None) };
    let open = |path: &Path| match std::fs::File::open(path)?.metadata()?.is_file() {
        true => Ok(()),
        false => Err(std::io::Error::other("it is not a file")),
    };
    match open(&path) {
        Ok(()) => Ok(Some(path)),
        Err(source) => Err(ConfigError::Unreadable { what, path, source }),
    }
}

fn memory(given: Option<super::amount::Amount>, host_mib: u64) -> Result<u32, ConfigError> {
    let Some(given) = given else {
        let host = if host_mib == 0 { MEMORY_MIB } else { host_mib };
        return Ok(MEMORY_MIB.min(host).max(*MEMORY_BOUNDS.start()) as u32);
    };
    let expected = "128m to 1t are possible, as a number of MiB or with a unit";
    // The bounds keep it within 32 bits.
    Ok(amount("--vm-memory", given, MEMORY_BOUNDS, expected)? as u32)
}

fn amount(
    setting: &'static str,
    given: super::amount::Amount,
    bounds: std::ops::RangeInclusive<u64>,
    expected: &'static str,
) -> Result<u64, ConfigError> {
    let mib = given.mib().filter(|mib| bounds.contains(mib));
    mib.ok_or(ConfigError::OutOfBounds { setting, given: given.0, expected })
}

fn count(
    setting: &'static str,
    given: u32,
    bounds: std::ops::RangeInclusive<u32>,
    expected: &'static str,
) -> Result<u32, ConfigError> {
    if bounds.contains(&given) {
        return Ok(given);
    }
    Err(ConfigError::OutOfBounds { setting, given: given.to_string(), expected })
}
