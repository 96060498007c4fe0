//! What Docker means: containers, image verbs, events. The API decodes a request, makes one call here and encodes the
//! answer; below stand the sandbox (one microVM) and the images.
//!
//! Invariant: no HTTP, no JSON of the wire and no status code in this crate.

pub mod container;
pub mod engine;
pub mod error;
pub mod events;
pub mod filters;
pub mod image;
pub mod info;
mod pending;
pub mod requests;
pub mod stream;
pub mod timestamp;

pub use engine::Engine;
pub use error::{Error, Kind, Result};
