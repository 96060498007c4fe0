//! What the engine says of itself and its machine (`docker info`).

use crate::container::state::Status;
use crate::engine::Engine;
use crate::machine;

/// Facts and counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Info {
    /// The daemon's own ID.
    pub id: String,
    /// Containers in all.
    pub containers: usize,
    /// Running ones.
    pub running: usize,
    /// Paused ones.
    pub paused: usize,
    /// Stopped ones.
    pub stopped: usize,
    /// Images.
    pub images: usize,
    /// Data root.
    pub root: String,
    /// Host name.
    pub name: String,
    /// CPUs of the host.
    pub cpus: usize,
    /// Bytes of memory of the host.
    pub memory: i64,
    /// The host's operating system, from os-release.
    pub operating_system: String,
    /// Its version.
    pub os_version: String,
    /// The kernel that containers see: the guest's.
    pub kernel_version: String,
    /// Labelled facts of the storage (`DriverStatus`).
    pub driver_status: Vec<(String, String)>,
    /// Labelled facts of the hypervisor: accelerator and why, QEMU's version, template, pool. `docker info` prints them
    /// among the storage driver's lines, since it has no other place for free text.
    pub machine_status: Vec<(String, String)>,
    /// Log driver of containers that name none.
    pub logging_driver: String,
    /// Warnings for the operator.
    pub warnings: Vec<String>,
    /// Insecure registries, as given.
    pub insecure_registries: Vec<String>,
    /// Mirrors of docker.io.
    pub mirrors: Vec<String>,
    /// Open file descriptors of the daemon.
    pub descriptors: usize,
    /// Watchers of events.
    pub event_listeners: usize,
}

impl Engine {
    /// Facts and counts as they are now.
    pub async fn info(&self) -> Info {
        let states: Vec<Status> = self.index().all().iter().map(|c| c.record().state.status).collect();
        let count = |wanted: &dyn Fn(Status) -> bool| states.iter().filter(|s| wanted(**s)).count();
        let settings = &self.rooms.settings;
        let facts = self.machines().facts();
        let release = os_release();
        Info {
            logging_driver: self.rooms.settings.log.driver.clone(),
            id: self.rooms.id.clone(),
            containers: states.len(),
            running: count(&|s| s.is_running() && s != Status::Paused),
            paused: count(&|s| s == Status::Paused),
            stopped: count(&|s| !s.is_running()),
            images: self.images_store().list().len(),
            root: settings.data_root.display().to_string(),
            name: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
            memory: i64::try_from(memory()).unwrap_or(i64::MAX),
            operating_system: release("PRETTY_NAME").unwrap_or_else(|| "Linux".into()),
            os_version: release("VERSION_ID").unwrap_or_default(),
            kernel_version: facts.kernel.clone(),
            driver_status: vec![
                ("Layer disks".into(), "EROFS, joined by VMDK".into()),
                ("Writable disks".into(), "ext4, sparse".into()),
                ("Layers size".into(), format!("{} bytes", self.images_store().layers_size())),
            ],
            machine_status: machine::status(&facts),
            warnings: machine::warnings(&facts),
            insecure_registries: settings.insecure_registries.clone(),
            mirrors: settings.registry_mirrors.clone(),
            descriptors: std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count),
            event_listeners: self.bus().listeners(),
        }
    }
}

/// Bytes of the host's memory.
fn memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    line.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok()).map_or(0, |kib| kib * 1024)
}

/// Looks keys up in os-release(5).
fn os_release() -> impl Fn(&str) -> Option<String> {
    let text = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    move |key| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
        Some(line.trim_matches('"').to_owned())
    }
}
