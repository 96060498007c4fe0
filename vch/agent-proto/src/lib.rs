//! What the host and the agent in the guest say to each other, and how it is framed.
//!
//! One virtio-serial port carries everything. [`frame`] cuts the byte stream into frames: requests from the host,
//! replies and events from the agent, and the data of any number of byte streams, each with credit of its own, so that
//! one flood never stalls another stream. [`message`] holds the typed content of the control frames.
//!
//! Invariant: this crate does no I/O and depends on nothing of ours. Whatever bytes come in, decoding returns an error
//! and never panics or allocates more than the bounds below.

pub mod files;
pub mod frame;
pub mod health;
pub mod message;
pub mod observe;
pub mod process;
pub mod run;

pub use files::{ChangeKind, FileAnswer, FileChange, FileFailure, FileFailureClass, FileWork, PathStat};
pub use frame::{Decoder, Frame, FrameError, Header, Kind};
pub use health::{HealthCheck, MAX_PROBE_OUTPUT, Probe, ProbeOutcome};
pub use message::{Event, Failure, FailureClass, Hello, Identity, Reply, Request};
pub use observe::{CpuUsage, DeviceIo, InterfaceUsage, ProcessInfo, Processes, Traffic, Usage};
pub use process::{ExitStatus, Process, Rlimit, Stdio, WindowSize};
pub use run::{Container, Device, Disk, File, Limits, Mount, MountKind, Namespaces, Rootfs, Scope};

/// Version of this protocol. Host and agent refuse to talk when theirs differ.
pub const VERSION: u16 = 1;

/// Largest payload of a [`Kind::Data`] frame, in bytes.
pub const MAX_DATA: usize = 64 * 1024;

/// Largest payload of a request, in bytes. A container's whole start message fits: Linux itself bounds arguments and
/// environment at a quarter of the stack limit.
pub const MAX_CONTROL: usize = 4 * 1024 * 1024;

/// Largest payload of a reply or an event, in bytes: what the host holds for a guest that it does not trust. Whatever
/// may be longer goes through a byte stream.
pub const MAX_REPLY: usize = 256 * 1024;

/// Credit, in bytes, that each side of a byte stream starts with.
pub const WINDOW: u32 = 256 * 1024;

/// Name of the virtio-serial port, as the guest finds it under `/sys/class/virtio-ports/*/name`.
pub const PORT_NAME: &str = "vch.agent.0";
