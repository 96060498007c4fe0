//! The container verbs, a file each. A verb finds its container, asks its owner or looks at what the owner published.

mod archive;
mod attach;
mod changes;
mod create;
mod disk_usage;
mod exec;
mod export;
mod inspect;
mod kill;
pub use disk_usage::DiskUsage;
pub(crate) use kill::ended;
pub use kill::parse_signal;
mod lifecycle;
mod list;
mod logs;
pub(crate) mod prune;
pub(crate) mod remove;
mod rename;
mod resize;
pub(crate) mod start;
mod stats;
mod stop;
mod top;
mod update;
mod wait;
