//! Clones made ahead of need.
//!
//! Taking never waits: an empty pool says so, and the caller clones for itself. One task refills, one clone at a time
//! and only while few starts are under way, so that a burst has the processors to itself. A member that dies is
//! replaced.

use crate::clone::Idle;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

/// How long refilling waits after a clone could not be made: nothing is better a millisecond later.
const RETRY: Duration = Duration::from_secs(5);

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Pool {
    target: usize,
    members: Mutex<VecDeque<Idle>>,
    changed: Notify,
    closed: watch::Sender<bool>,
}

impl Pool {
    pub(crate) fn new(target: usize) -> Arc<Self> {
        Arc::new(Self { target, members: Mutex::default(), changed: Notify::new(), closed: watch::Sender::new(false) })
    }

    /// How many it is to hold.
    pub(crate) fn target(&self) -> usize {
        self.target
    }

    /// How many are ready.
    pub(crate) fn ready(&self) -> usize {
        self.members().len()
    }

    /// The member that has waited longest, if any lives.
    pub(crate) fn take(&self) -> Option<Idle> {
        let mut members = self.members();
        let taken = std::iter::from_fn(|| members.pop_front()).find(Idle::is_alive);
        drop(members);
        self.changed.notify_one();
        taken
    }

    /// Keeps the pool full until it is closed. `make` makes a member; `starts` is the number of starts under way, and
    /// refilling waits while it is over `bound`.
    pub(crate) async fn refill<F>(&self, mut starts: watch::Receiver<usize>, bound: usize, make: impl Fn() -> F)
    where
        F: Future<Output = Option<Idle>>,
    {
        let mut closed = self.closed.subscribe();
        let mut watches = JoinSet::new();
        let work = async {
            loop {
                while watches.try_join_next().is_some() {}
                self.drop_dead();
                if self.ready() >= self.target {
                    tokio::select! {
                        () = self.changed.notified() => {}
                        Some(_) = watches.join_next() => {}
                    }
                    continue;
                }
                // The sender is in the host, which closes this pool before it goes.
                if starts.wait_for(|starts| *starts <= bound).await.is_err() {
                    return;
                }
                match make().await {
                    Some(member) => {
                        let (mut hung_up, mut exited) = (member.client.closed(), member.life.machine().exited());
                        watches.spawn(async move {
                            tokio::select! {
                                _ = hung_up.wait_for(Option::is_some) => {}
                                _ = exited.wait_for(Option::is_some) => {}
                            }
                        });
                        self.add(member);
                    }
                    None => tokio::time::sleep(RETRY).await,
                }
            }
        };
        tokio::select! {
            _ = closed.wait_for(|closed| *closed) => {}
            () = work => {}
        }
    }

    /// Ends all members, and the refilling.
    pub(crate) async fn close(&self) {
        self.closed.send_replace(true);
        let members = std::mem::take(&mut *self.members());
        futures_util::future::join_all(members.into_iter().map(Idle::end)).await;
    }

    fn add(&self, member: Idle) {
        let mut members = self.members();
        // Closing looks for members after it said so: one that comes later ends by being dropped.
        if !*self.closed.borrow() {
            members.push_back(member);
        }
    }

    fn drop_dead(&self) {
        let mut members = self.members();
        let before = members.len();
        members.retain(Idle::is_alive);
        if members.len() < before {
            tracing::warn!(count = before - members.len(), "members of the pool died and are replaced");
        }
    }

    fn members(&self) -> MutexGuard<'_, VecDeque<Idle>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
