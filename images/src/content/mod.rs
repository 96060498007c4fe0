//! The store on disk: blobs by digest, layer disks by diff ID, an index of who refers to what, and its garbage collection.
//!
//! ```text
//! <root>/index.redb             references, images, layers, leases (one transactional file; also the lock of the root)
//! <root>/blobs/sha256/<hex>     configurations, manifests, compressed layers: exactly as they came
//! <root>/layers/<hex>.erofs     a layer disk, named by its diff ID; an empty layer has none
//! <root>/disks/<hex>/           the image disk of a chain of layers
//! <root>/empty/empty.erofs      the disk of an image without content, made when first wanted
//! <root>/ingest/                what is being written; emptied at start-up
//! ```
//!
//! Promises: a file has its final name only when it is whole and on stable storage; a layer or image is in the index only
//! after its files are. `kill -9` at any moment leaves leftovers that the next start removes, never half an image.
//! What keeps a file: an image in the index, a lease, or a pin (work in progress in this process).
//!
//! Called by the engine through [`Store`], and by pull, load, import and save in this crate.

mod blob;
mod error;
mod gc;
mod index;
mod ingest;
mod layout;
mod lease;
mod pin;
mod prepare;
mod put;
mod record;
mod state;
mod store;
mod tee;
mod unpack;

pub use error::ContentError;
pub use gc::Collected;
pub use lease::Lease;
pub use prepare::PreparedDisk;
pub use store::{Store, StoreOptions};

pub(crate) use blob::DOCUMENT_LIMIT;
pub(crate) use index::Change;
pub(crate) use ingest::TempFile;
pub(crate) use pin::{Kept, Pin};
pub(crate) use put::NewImage;
pub(crate) use record::LayerRecord;
pub(crate) use state::State;
pub(crate) use store::Shared;
pub(crate) use tee::Tee;
pub(crate) use unpack::{Unpacked, unpack};

#[cfg(test)]
mod tests;
