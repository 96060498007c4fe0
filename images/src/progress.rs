//! What a person waiting for a pull or a load sees: plain data, in exactly dockerd's words.
//!
//! Sent by pull, push and load; the API turns each into one JSON object of its stream. Words are never lost; byte counts are
//! dropped when the receiver is slow.

use tokio::sync::mpsc;

use crate::digest::Digest;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What it is about: a tag, or the first 12 digits of a layer's digest; empty for the image as a whole.
    pub id: String,
    /// `Downloading`, `Pull complete`, …
    pub status: String,
    /// How far it is, in bytes.
    pub detail: Option<Detail>,
    /// What was pushed, in the last message about it, which has no words.
    pub pushed: Option<Pushed>,
}

/// A tag that was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The tag.
    pub tag: String,
    /// The manifest's digest.
    pub digest: Digest,
    /// The manifest's size in bytes.
    pub size: u64,
}

/// How far something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detail {
    /// Bytes done.
    pub current: u64,
    /// Bytes in all; 0 when unknown.
    pub total: u64,
}

/// The sending end, as this crate uses it. A receiver that is gone is nobody's failure.
#[derive(Clone)]
pub(crate) struct Reporter(mpsc::Sender<Progress>);

impl Reporter {
    pub(crate) fn new(sender: mpsc::Sender<Progress>) -> Self {
        Self(sender)
    }

    /// Words, which must arrive.
    pub(crate) async fn say(&self, id: &str, status: &str) {
        let _ =
            self.0.send(Progress { id: id.to_owned(), status: status.to_owned(), detail: None, pushed: None }).await;
    }

    /// What was pushed.
    pub(crate) async fn pushed(&self, pushed: Pushed) {
        let _ = self
            .0
            .send(Progress { id: String::new(), status: String::new(), detail: None, pushed: Some(pushed) })
            .await;
    }

    /// A byte count, which may be dropped.
    pub(crate) fn count(&self, id: &str, status: &str, current: u64, total: u64) {
        let detail = Some(Detail { current, total });
        let _ = self.0.try_send(Progress { id: id.to_owned(), status: status.to_owned(), detail, pushed: None });
    }
}
