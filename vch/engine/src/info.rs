//! What the engine says of itself and its machine (`docker info`).

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
