//! Images as tar streams: `docker load`, `docker import`, `docker save`; and the layer of a `docker commit`.
//!
//! Called by the engine through [`Store`](crate::Store). Archives are hostile: names stay inside, documents are bounded,
//! digests and diff IDs are verified, and an archive that breaks off leaves nothing.

mod commit;
mod docker;
mod error;
mod import;
mod layout;
mod load;
mod plain;
mod save;
mod spool;
mod walk;

pub use commit::CommitRequest;
pub use error::ArchiveError;
pub use import::ImportRequest;
pub use load::LoadedImage;
pub use plain::plain;
pub use save::SavedArchive;

#[cfg(test)]
pub(crate) mod tests;
