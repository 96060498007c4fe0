//! Work on images that a client watches: it runs in a task, tells its progress, and ends with an error or not.

use super::view::{Progress, Pushed};
use crate::error::{Error, Result};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Messages that wait for a slow client.
const WAITING: usize = 64;

/// Runs `work`, which tells its progress into the sender it is given; the stream ends with it. When the client goes, the
/// work is dropped: the store stays whole.
///
/// # Errors
/// A failure before the first message is the call's own, so that it becomes a status and not a line of the stream.
pub(super) async fn watched<W>(work: impl FnOnce(Teller) -> W) -> Result<BoxStream<'static, Result<Progress>>>
where
    W: Future<Output = Result<()>> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(WAITING);
    let teller = Teller(sender.clone());
    let work = work(teller);
    tokio::spawn(async move {
        let outcome = tokio::select! {
            outcome = work => outcome,
            () = sender.closed() => return,
        };
        if let Err(error) = outcome {
            let _ = sender.send(Err(error)).await;
        }
    });
    let mut messages = ReceiverStream::new(receiver).boxed().peekable();
    let failed = std::pin::Pin::new(&mut messages).peek().await.and_then(|first| first.as_ref().err().cloned());
    match failed {
        Some(error) => Err(error),
        None => Ok(messages.boxed()),
    }
}

/// Where work tells its progress.
#[derive(Debug, Clone)]
pub(super) struct Teller(mpsc::Sender<Result<Progress>>);

impl Teller {
    /// Tells one message.
    pub(super) async fn say(&self, message: Progress) {
        let _ = self.0.send(Ok(message)).await;
    }

    /// A sender for the store's own messages, passed on in order until it is dropped.
    pub(super) fn of_store(&self) -> (mpsc::Sender<vch_images::progress::Progress>, tokio::task::JoinHandle<()>) {
        let (sender, mut receiver) = mpsc::channel::<vch_images::progress::Progress>(WAITING);
        let teller = self.clone();
        let passing = tokio::spawn(async move {
            while let Some(message) = receiver.recv().await {
                teller
                    .say(Progress {
                        id: Some(message.id).filter(|id| !id.is_empty()),
                        status: Some(message.status).filter(|status| !status.is_empty()),
                        stream: None,
                        bar: message.detail.map(|detail| (detail.current, detail.total)),
                        pushed: message.pushed.map(|pushed| Pushed {
                            tag: pushed.tag,
                            digest: pushed.digest.to_string(),
                            size: pushed.size,
                        }),
                    })
                    .await;
            }
        });
        (sender, passing)
    }
}

/// Waits for the last of the store's messages to be passed on, so that none comes after the end.
pub(super) async fn passed_on(passing: tokio::task::JoinHandle<()>) -> Result<()> {
    passing.await.map_err(|e| Error::chain("tell the progress", &e))
}
