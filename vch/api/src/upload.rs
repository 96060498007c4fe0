//! A body that is passed on as it arrives, and what becomes of its rest when nobody wants that.

use crate::calls::Upload;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http_body_util::BodyDataStream;
use hyper::body::Incoming;
use std::io::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// What is still taken of a body whose call was refused, in bytes (Go's HTTP server: as many), and for how long: a client
/// that is cut off while it writes may never read why.
const REST: usize = 256 << 10;
const WITHIN: Duration = Duration::from_secs(1);

/// The body as a stream of its data; an abort by the client is its last item.
pub(crate) fn of(body: Incoming) -> Upload {
    Body(Some(BodyDataStream::new(body))).boxed()
}

/// Is heard out, within bounds, when it is dropped before its end.
struct Body(Option<BodyDataStream<Incoming>>);

impl Stream for Body {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(body) = &mut self.0 else { return Poll::Ready(None) };
        let piece = std::task::ready!(body.poll_next_unpin(context));
        if !matches!(piece, Some(Ok(_))) {
            self.0 = None;
        }
        Poll::Ready(piece.map(|piece| piece.map_err(|error| Error::new(ErrorKind::UnexpectedEof, error))))
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if let (Some(body), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(hear_out(body));
        }
    }
}

async fn hear_out(mut body: BodyDataStream<Incoming>) {
    let mut left = REST;
    let hear = async {
        while let Some(Ok(piece)) = body.next().await {
            left = left.saturating_sub(piece.len());
            if left == 0 {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(WITHIN, hear).await;
}
