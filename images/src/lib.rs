//! Images and disks.
//!
//! | room | what it does |
//! |---|---|
//! | [`reference`], [`digest`], [`platform`] | the words images are named by |
//! | [`content`] | the store on disk: blobs, layer disks, index, leases, garbage collection |
//! | [`image`] | configurations, and the verbs that need only the store |
//! | [`registry`] | the client of the Distribution protocol |
//! | [`archive`] | load, import, save |
//!
//! Invariant: knows no container, no HTTP server and no VM.

pub mod archive;
pub mod content;
pub mod digest;
pub mod error;
pub mod image;
pub mod platform;
pub mod reference;
pub mod registry;

pub use content::{ContentError, Lease, Store, StoreOptions};
pub use digest::Digest;
pub use error::{Class, ImageError};
pub use image::{Image, ImageConfig, ImageId};
pub use platform::Platform;
pub use reference::Reference;
