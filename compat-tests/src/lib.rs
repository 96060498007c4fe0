//! The harness of the black-box tests: an engine to talk to, and ways to talk to it.
//!
//! Used by `tests/compat` alone. Links none of the other crates: everything goes through a Docker Engine API
//! socket, so that the same test runs against stock dockerd (`DOCKER_HOST` set) and against our daemon.
//!
//! | module | is |
//! |---|---|
//! | [`engine`] | the engine under test: a peer that is there already, or our daemon started for this run |
//! | [`raw`] | an HTTP/1.1 client that hides nothing: framing, early headers, upgrades, broken requests |
//! | [`api`] | one call with JSON in and out, and [`api::Container`], removed when dropped |
//! | [`frames`] | the 8-byte frames of attach, exec and logs |
//! | [`cli`], [`pty`] | the `docker` program, on pipes or under a terminal |
//! | [`python`] | clients written in Python |
//! | [`image`], [`debian`], [`registry`] | images made without any registry, and a registry on loopback |
//! | [`results`], [`table`] | how each test went on an engine, and two engines side by side |
//! | [`runner`] | which test runs where, alone or beside others, and for how long at most |
//!
//! Everything here panics where a test would have to stop anyway, and says where the test stood (`track_caller`).
#![allow(clippy::unwrap_used, reason = "a harness of tests stops at the first surprise")]

pub mod api;
pub mod cli;
pub mod debian;
pub mod engine;
pub mod frames;
pub mod image;
pub mod pty;
pub mod python;
pub mod raw;
pub mod registry;
pub mod results;
pub mod runner;
pub mod table;

/// What nearly every module of tests uses.
pub mod prelude {
    pub use crate::api::{Container, VERSION, delete, encode, exec_start, filters, get, open, post, post_json};
    pub use crate::engine::engine;
    pub use crate::image::BUSYBOX;
    pub use crate::runner::Test;
    pub use crate::{SOON, eventually, frames, tests, unique};
    pub use serde_json::{Value, json};
    pub use std::time::{Duration, Instant};
}

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A name that no other test of this or another run uses: `prefix-PID-N`.
pub fn unique(prefix: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}-{}-{n}", std::process::id())
}

/// Waits until `condition` gives a value; panics with `what` after `deadline`.
#[track_caller]
pub fn eventually<T>(deadline: Duration, what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + deadline;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < end, "not within {deadline:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The deadline for what should take a moment, on a machine that is busy and has no hardware virtualization.
pub const SOON: Duration = Duration::from_secs(30);
