//! Images as tar streams: `docker load`, `docker import`, `docker save`.

mod error;

pub use error::ArchiveError;
