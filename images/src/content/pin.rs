//! Pins: what work in progress in this process needs and gc must leave alone.
//!
//! A pin is taken before the file is looked for or made, and held until the index refers to the file. Gc holds the same
//! lock while it decides and deletes, so a file is either pinned, referred to, or really nobody's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::digest::Digest;

/// What may be pinned.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kept {
    /// A blob.
    Blob(Digest),
    /// A layer's disk and record, by diff ID.
    Layer(Digest),
    /// An image disk, by chain ID.
    Disk(Digest),
}

type Counts = HashMap<Kept, usize>;

/// All pins of a store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pins {
    counts: Arc<Mutex<Counts>>,
}

impl Pins {
    /// Pins one thing until the result is dropped.
    pub(crate) fn pin(&self, kept: Kept) -> Pin {
        *self.lock().entry(kept.clone()).or_default() += 1;
        Pin { pins: self.clone(), kept }
    }

    /// Whether anything is pinned.
    #[cfg(test)]
    pub(crate) fn any(&self) -> bool {
        !self.lock().is_empty()
    }

    /// Stops new pins while gc works.
    pub(super) fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// One pin.
#[derive(Debug)]
pub(crate) struct Pin {
    pins: Pins,
    kept: Kept,
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut counts = self.pins.lock();
        if let Some(count) = counts.get_mut(&self.kept) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.kept);
            }
        }
    }
}
