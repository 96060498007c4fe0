//! Flights: a layer that is being fetched, shared by all pulls that want it.
//!
//! The work runs in a task of its own that ends when the last pull lets go of it, so that one user's interruption never
//! stops another's pull. A finished flight keeps pins on what it fetched for as long as somebody holds it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::intake::Job;
use crate::Store;
use crate::content::{Kept, Pin, Shared};
use crate::digest::Digest;
use crate::error::ImageError;
use crate::image::ImageLayer;

/// How far a flight is.
#[derive(Clone, Debug)]
pub(super) enum State {
    /// Not begun.
    Queued,
    /// All downloads allowed at once are busy.
    Waiting,
    /// Bytes come.
    Downloading { current: u64, total: u64 },
    /// A connection broke; the next attempt is so far away.
    Retrying { seconds: u64 },
    /// All bytes are here, the disk is not finished.
    Extracting { total: u64 },
    /// It turned out to be here already; its files are being pinned.
    Present,
    /// In the store.
    Done { fetched: bool },
    /// It will not be.
    Failed(Arc<ImageError>),
}

/// A layer on its way.
pub(crate) struct Flight {
    states: watch::Receiver<State>,
    /// Held, not looked at.
    _pins: Arc<Mutex<Vec<Pin>>>,
    layer: ImageLayer,
    task: AbortHandle,
}

impl Flight {
    pub(super) fn states(&self) -> watch::Receiver<State> {
        self.states.clone()
    }

    /// Pins of the caller's own on what was fetched.
    pub(super) fn pin_again(&self, shared: &Shared) -> [Pin; 2] {
        [
            shared.pins.pin(Kept::Blob(self.layer.blob.digest.clone())),
            shared.pins.pin(Kept::Layer(self.layer.diff_id.clone())),
        ]
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// All flights of a store, by blob and diff ID.
#[derive(Default)]
pub(crate) struct Flights {
    flights: Mutex<HashMap<(Digest, Digest), Weak<Flight>>>,
}

impl Flights {
    /// How many pulls hold the flight of a blob.
    #[cfg(test)]
    pub(super) fn holders(&self, blob: &Digest) -> usize {
        let flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.iter().filter(|((digest, _), _)| digest == blob).map(|(_, flight)| flight.strong_count()).sum()
    }

    /// Joins the flight of a layer, or begins one; says which.
    pub(super) fn join(&self, store: &Store, job: Job) -> (Arc<Flight>, bool) {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.retain(|_, flight| flight.strong_count() > 0);
        let key = (job.layer.blob.digest.clone(), job.layer.diff_id.clone());
        if let Some(flight) = flights.get(&key).and_then(Weak::upgrade)
            && !matches!(*flight.states.borrow(), State::Failed(_))
        {
            return (flight, true);
        }
        let (sender, states) = watch::channel(State::Queued);
        let pins = Arc::new(Mutex::new(Vec::new()));
        let (layer, kept, store) = (job.layer.clone(), pins.clone(), store.clone());
        let task = tokio::spawn(async move {
            let state = match store.fetch_layer(&job, &sender).await {
                Ok((fetched, new)) => {
                    kept.lock().unwrap_or_else(PoisonError::into_inner).extend(new);
                    State::Done { fetched }
                }
                Err(error) => State::Failed(Arc::new(error)),
            };
            sender.send_replace(state);
        });
        let flight = Arc::new(Flight { states, _pins: pins, layer, task: task.abort_handle() });
        flights.insert(key, Arc::downgrade(&flight));
        (flight, false)
    }
}
