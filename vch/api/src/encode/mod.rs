//! From the engine's types to the wire, shaped as dockerd 28 shapes it for the version asked for.

mod archive;
mod container;
mod host;
mod image;
mod stats;
mod system;

pub(crate) use archive::{change, path_stat};
pub(crate) use container::{container, exec, summary};
pub(crate) use image::{history_item, image, image_summary, removed};
pub(crate) use stats::statistics;
pub(crate) use system::{event, info, login, version};

/// Name of the storage driver: layers are EROFS file systems.
const STORAGE_DRIVER: &str = "erofs";

#[cfg(test)]
mod tests;
