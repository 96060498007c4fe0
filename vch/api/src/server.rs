//! Connections: HTTP/1.1 with upgrades over anything that reads and writes, within bounds, and listeners that end gracefully.
//!
//! A client may send any nonsense: heads beyond the bound are answered 431 by the HTTP library, slow ones are cut off, and a
//! client that goes away takes its unfinished calls with it (their futures are dropped).

use crate::{Api, dispatch};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Most bytes of a request's head, as Go's `http.DefaultMaxHeaderBytes`.
const HEAD_BOUND: usize = 1 << 20;

/// How long open requests may go on after a shutdown was asked for: as long as dockerd gives its containers, whose attached clients
/// and waits are to hear of their end.
const GRACE: Duration = Duration::from_secs(15);

/// Serves one connection until it ends.
pub async fn serve_connection(api: Arc<Api>, io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
    serve_connection_until(api, io, CancellationToken::new()).await;
}

/// Serves one connection until it ends, or until the request under way when `shutdown` is cancelled is answered.
pub async fn serve_connection_until(
    api: Arc<Api>,
    io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    shutdown: CancellationToken,
) {
    let header_timeout = api.options.header_timeout;
    let asked_to_end = shutdown.clone();
    let service = service_fn(move |request| {
        let answer = dispatch::answer(api.clone(), request, asked_to_end.clone());
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(HEAD_BOUND)
        .title_case_headers(true)
        .serve_connection(TokioIo::new(io), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!("connection ended: {}", vch_engine::error::causes(&error));
    }
}

/// A listening socket.
#[derive(Debug)]
pub enum Listener {
    /// A unix socket.
    Unix(UnixListener),
    /// A TCP socket.
    Tcp(TcpListener),
}

impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Self {
        Self::Unix(listener)
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Listener {
    async fn accept(&self) -> std::io::Result<Stream> {
        match self {
            Self::Unix(listener) => listener.accept().await.map(|(stream, _)| Stream::Unix(stream)),
            Self::Tcp(listener) => listener.accept().await.map(|(stream, _)| {
                // Small writes are answers that somebody waits for.
                let _ = stream.set_nodelay(true);
                Stream::Tcp(stream)
            }),
        }
    }
}

/// Serves a listener's connections until `shutdown` is cancelled; then no more are taken, streams of events end, other
/// requests under way have fifteen seconds to finish, and what is left is cut off.
pub async fn serve(api: Arc<Api>, listener: impl Into<Listener>, shutdown: CancellationToken) {
    let listener = listener.into();
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let (api, shutdown) = (api.clone(), shutdown.clone());
        match accepted {
            Ok(Stream::Unix(stream)) => drop(connections.spawn(serve_connection_until(api, stream, shutdown))),
            Ok(Stream::Tcp(stream)) => drop(connections.spawn(serve_connection_until(api, stream, shutdown))),
            Err(error) => {
                // Out of descriptors, most likely: others may end soon.
                tracing::warn!("a connection could not be accepted: {error}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    let finished = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, finished).await.is_err() {
        tracing::info!("requests still under way at shutdown were cut off");
    }
}

#[cfg(test)]
mod tests;
