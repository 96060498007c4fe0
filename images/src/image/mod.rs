//! Images as users see them: the typed configuration, and the verbs that need only the store's index.
//!
//! Called by the engine. Names are resolved, tagged and removed with Docker's rules and words; whether a container uses
//! an image is told to [`Store::remove`](crate::Store::remove) by the caller, for this crate knows no container.

mod config;
mod entry;
mod history;
mod inspect;
mod remove;
mod resolve;
pub(crate) mod tag;

pub use config::{ConfigError, Healthcheck, History, ImageConfig, RootFs, RunConfig};
pub use entry::{Descriptor, Image, ImageId, ImageLayer, chain_ids};
pub use history::HistoryEntry;
pub use inspect::{ImageInspect, ImageSummary};
pub use remove::{Removal, RemoveOptions, RemoveOutcome, Usage};

#[cfg(test)]
mod tests;
