//! Attach and exec: a connection that stops being HTTP and carries a process's input and output.
//!
//! With `Upgrade` the reply is `101 UPGRADED` and both ends use the raw connection; without it the reply is `200 OK`, input comes from
//! the request's body and output is the reply's (moby `api/server/router/container/{container_routes,exec}.go`).
//! Both directions close on their own: a client's end of input is passed on while output goes on; when output ends, the
//! write side is closed without waiting for the client.

use super::stdcopy;
use crate::call::Call;
use crate::reply::{self, Response};
use crate::upload;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use http::StatusCode;
use http::header::{CONNECTION, HeaderValue, UPGRADE};
use hyper::ext::ReasonPhrase;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::Instrument;
use vch_engine::stream::{Attached, Chunk, StdinSender};

/// Output without frames (moby `types.MediaTypeRawStream`).
const RAW: &str = "application/vnd.docker.raw-stream";

/// Output in frames (moby `types.MediaTypeMultiplexedStream`).
const MULTIPLEXED: &str = "application/vnd.docker.multiplexed-stream";

/// Output may not follow the reply's head sooner than this: docker-py reads the socket below its HTTP buffer, and what came in one
/// packet with the head is lost to it.
const AFTER_HEAD: Duration = Duration::from_millis(3);

/// How long the connection is kept for the client's last bytes after output ended. Closing a TCP socket with unread bytes
/// resets it, which could destroy output that the client has not read yet.
const LINGER: Duration = Duration::from_secs(5);

/// Bytes of input read at once.
const READ: usize = 32 << 10;

/// The content type of a stream: frames have their own since API 1.42.
pub(crate) fn content_type(call: &Call, framed: bool) -> &'static str {
    if framed && call.version.since(42) { MULTIPLEXED } else { RAW }
}

/// Gives the connection to a process. `framed` says whether output goes in frames.
pub(crate) fn reply(mut call: Call, attached: Attached, framed: bool) -> Response {
    if call.wants_upgrade() {
        let response = switching(content_type(&call, framed));
        tokio::spawn(serve(call.upgrade(), attached, framed).in_current_span());
        return response;
    }
    let Attached { output, mut stdin, .. } = attached;
    if call.has_body()
        && let Some(stdin) = stdin.take()
    {
        tokio::spawn(feed_body(call, stdin).in_current_span());
    }
    let output = output.map(move |chunk| {
        // A client without a body has not come to its end of input: it has no way to give any.
        let _stays_open = &stdin;
        chunk
    });
    reply::stream(RAW, encoded(output, framed))
}

/// The reply's head that ends HTTP on a connection.
fn switching(content_type: &'static str) -> Response {
    let mut response = reply::with(StatusCode::SWITCHING_PROTOCOLS, content_type, reply::whole(Bytes::new()));
    response.extensions_mut().insert(ReasonPhrase::from_static(b"UPGRADED"));
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    response.headers_mut().insert(UPGRADE, HeaderValue::from_static("tcp"));
    response
}

fn encoded(
    output: impl Stream<Item = Chunk> + Send + 'static,
    framed: bool,
) -> impl Stream<Item = Bytes> + Send + 'static {
    output.map(move |chunk| if framed { stdcopy::frame(chunk.channel, &chunk.bytes) } else { chunk.bytes })
}

async fn serve(upgrade: OnUpgrade, attached: Attached, framed: bool) {
    match upgrade.await {
        Ok(connection) => pump(TokioIo::new(connection), attached, framed).await,
        Err(error) => tracing::debug!("the client left before its connection was hijacked: {error}"),
    }
}

/// Carries input and output until output ends or the client is gone.
async fn pump(connection: impl AsyncRead + AsyncWrite + Send + 'static, attached: Attached, framed: bool) {
    let quiet_until = Instant::now() + AFTER_HEAD;
    let (mut reader, mut writer) = tokio::io::split(connection);
    let input = tokio::spawn(async move {
        feed(&mut reader, attached.stdin).await;
        reader
    });
    let mut output = std::pin::pin!(encoded(attached.output, framed));
    let mut written = Ok(());
    while let Some(bytes) = output.next().await {
        sleep_until(quiet_until).await;
        written = write(&mut writer, &bytes).await;
        if written.is_err() {
            break;
        }
    }
    if written.is_ok() {
        sleep_until(quiet_until).await;
        let _ = writer.shutdown().await;
    }
    linger(input, written.is_ok()).await;
}

async fn write(writer: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> std::io::Result<()> {
    writer.write_all(bytes).await?;
    writer.flush().await
}

/// Ends the input's task; a client that is still there has a while to close first.
async fn linger<R>(mut input: tokio::task::JoinHandle<R>, client_is_there: bool) {
    if !client_is_there || timeout(LINGER, &mut input).await.is_err() {
        input.abort();
    }
}

/// Passes a client's bytes on until it ends, then lets go of `stdin`; what nobody wants is read and dropped, since only reading
/// shows that the client has closed.
async fn feed(reader: &mut (impl AsyncRead + Unpin), mut stdin: Option<StdinSender>) {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(READ);
        match reader.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let bytes = buffer.split().freeze();
                if let Some(sender) = &stdin
                    && sender.send(bytes).await.is_err()
                {
                    stdin = None;
                }
            }
        }
    }
}

/// Passes the request's body on as input.
async fn feed_body(call: Call, stdin: StdinSender) {
    let mut body = upload::of(call.request.into_body());
    while let Some(Ok(bytes)) = body.next().await {
        if stdin.send(bytes).await.is_err() {
            return;
        }
    }
}

/// A process that could not be started after its connection was promised: the reason is its only output.
pub(crate) fn failed(message: &str) -> Attached {
    let chunk = Chunk { channel: vch_engine::stream::Channel::Stdout, bytes: format!("{message}\r\n").into() };
    Attached { tty: false, output: futures_util::stream::iter([chunk]).boxed(), stdin: None }
}

#[cfg(test)]
mod tests;
