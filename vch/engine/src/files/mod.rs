//! Work on containers' files, which only a guest touches: in the container's own machine where it runs, else in one that
//! is cloned for it, has the container's disks, and is ended after it. The host passes bytes on and mounts nothing.
//!
//! ```text
//! verbs/{archive,export,changes,commit} ──▶ work ── a process in the guest: its answer, its input, its output
//!                                            └─ place ── which machine
//! ```
//! Used by the verbs that need a container's files.

mod place;
mod work;

pub(crate) use work::{Begun, Input, Works, begin};
