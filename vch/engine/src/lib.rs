//! What Docker means: containers, image verbs, events. The API decodes a request, makes one call here and encodes the
//! answer; below stand the sandbox (one microVM) and the images.
//!
//! ```text
//! verbs/ image/      a file per verb: find the container, ask its owner, or look at what it published
//! container/         the noun: spec, state, record, and its owner task (driver)
//! supervisor/        what happens by itself: exits, restart policies
//! files/             work on containers' files, in a guest
//! logs/ events/      what is kept and told
//! ps/ stats/         what is to be seen of a running container
//! records index execs  what there is: on disk, by name, in memory
//! ```
//! Invariant: no HTTP, no JSON of the wire and no status code in this crate.

pub mod container;
pub mod engine;
pub mod error;
pub mod events;
mod execs;
mod files;
pub mod filters;
pub mod image;
mod index;
pub mod info;
mod logs;
mod machine;
mod names;
mod open;
pub mod ps;
mod records;
pub mod requests;
mod scratch;
pub mod settings;
pub mod stats;
pub mod stream;
mod supervisor;
#[cfg(test)]
mod tests;
pub mod timestamp;
pub mod trial;
mod undo;
mod verbs;
mod warm_up;

/// Docker's defaults, where the API shows them too.
pub mod defaults {
    pub use crate::container::process_spec::{CAPABILITIES, RLIMITS};
    pub use crate::container::run_message::{MASKED_PATHS, READONLY_PATHS};
}

pub use engine::Engine;
pub use error::{Error, Kind, Result};
pub use logs::check as check_log;
pub use settings::Settings;
pub use verbs::{DiskUsage, parse_signal};
