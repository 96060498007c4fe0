//! Container logs: what a log driver keeps of a container's output, and how it is read back.
//!
//! ```text
//! pump ─> sink ─┬─> json_file ─> segments (files, full ones renamed and compressed) ─> reader ─> clients
//!               └─> syslog, journald
//! ```
//! `json-file` is written in the shape of Docker's own, so that log shippers that tail it work; `local` and the copy that is
//! kept of a log that goes elsewhere are written the same way under other names. `none` keeps nothing and says so to
//! readers.

mod amount;
mod attributes;
mod journald;
mod json_file;
pub(crate) mod options;
pub(crate) mod reader;
pub(crate) mod segments;
pub(crate) mod sink;
pub(crate) mod splitter;
mod syslog;
mod tag;

pub use options::check;

/// Where a driver's readable log is, below the container's folder (as under dockerd).
fn readable_path(driver: &str, id: &str) -> String {
    match driver {
        "local" => "local-logs/container.log".into(),
        "json-file" | "none" => format!("{id}-json.log"),
        _ => "container-cached.log".into(),
    }
}
