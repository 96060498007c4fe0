//! Images and disks.
//!
//! | room | what it does |
//! |---|---|
//! | [`mod@reference`], [`digest`], [`platform`] | the words images are named by |
//! | [`content`] | the store on disk: blobs, layer disks, index, leases, garbage collection |
//! | [`image`] | configurations, and the verbs that need only the store |
//! | [`registry`] | the client of the Distribution protocol |
//! | [`pull`], [`progress`] | from a registry into the store, and what is told meanwhile |
//! | [`push`] | from the store to a registry |
//! | [`archive`] | load, import, save |
//! | [`layer`], [`erofs`] | tar streams become layer disks, and the file system they hold |
//! | [`image_disk`], [`scratch`] | the disks that a machine is given: an image's layers in one, and one to write to |
//!
//! Invariant: knows no container, no HTTP server and no VM.

pub mod archive;
mod compression;
pub mod content;
pub mod digest;
pub mod erofs;
pub mod error;
pub mod image;
pub mod image_disk;
pub mod layer;
mod pipe;
pub mod platform;
pub mod progress;
pub mod pull;
pub mod push;
pub mod reference;
pub mod registry;
pub mod scratch;
#[cfg(test)]
mod testing;

pub use content::{ContentError, Lease, Store, StoreOptions};
pub use digest::Digest;
pub use error::{Class, ImageError};
pub use image::{Image, ImageConfig, ImageId};
pub use platform::Platform;
pub use reference::Reference;
