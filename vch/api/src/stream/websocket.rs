//! Attach over a WebSocket: output as frames of the WebSocket without further framing, input from the client's frames.
//!
//! Frames are binary since API 1.28, text before (moby `wsContainersAttach`).

use crate::call::Call;
use crate::error::{ApiError, Result};
use crate::reply::{self, Response};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::header::{
    CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use http::{HeaderMap, StatusCode};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocketConfig};
use tracing::Instrument;
use vch_engine::stream::Attached;

/// Most bytes of one message from a client.
const LARGEST: usize = 1 << 20;

/// Checks the client's handshake and gives the value of `Sec-WebSocket-Accept` (RFC 6455, section 4.2).
///
/// # Errors
/// It is no WebSocket handshake of version 13.
pub(crate) fn accept_key(headers: &HeaderMap) -> Result<HeaderValue> {
    let has = |name, value: &str| {
        let given = headers.get(name).and_then(|v: &HeaderValue| v.to_str().ok()).unwrap_or_default();
        given.split(',').any(|word| word.trim().eq_ignore_ascii_case(value))
    };
    let key = headers.get(SEC_WEBSOCKET_KEY).filter(|key| !key.is_empty());
    match key {
        Some(key) if has(UPGRADE, "websocket") && has(CONNECTION, "upgrade") && has(SEC_WEBSOCKET_VERSION, "13") => {
            HeaderValue::try_from(derive_accept_key(key.as_bytes())).map_err(|_| ApiError::invalid("bad websocket key"))
        }
        _ => Err(ApiError::invalid("not a websocket handshake of version 13")),
    }
}

/// Gives the connection to a process.
pub(crate) fn reply(mut call: Call, accept: HeaderValue, attached: Attached) -> Response {
    let mut response = reply::empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    if let Some(protocol) = call.headers().get(SEC_WEBSOCKET_PROTOCOL)
        && !protocol.as_bytes().contains(&b',')
    {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol.clone());
    }
    let binary = call.version.since(28);
    tokio::spawn(serve(call.upgrade(), attached, binary).in_current_span());
    response
}

async fn serve(upgrade: OnUpgrade, attached: Attached, binary: bool) {
    let connection = match upgrade.await {
        Ok(connection) => TokioIo::new(connection),
        Err(error) => return tracing::debug!("the client left before its websocket began: {error}"),
    };
    let bounds = WebSocketConfig::default().max_message_size(Some(LARGEST)).max_frame_size(Some(LARGEST));
    let socket = WebSocketStream::from_raw_socket(connection, Role::Server, Some(bounds)).await;
    pump(socket, attached, binary).await;
}

async fn pump<S>(socket: WebSocketStream<S>, attached: Attached, binary: bool)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let Attached { mut output, mut stdin, .. } = attached;
    let (mut sink, mut source) = socket.split();
    // Each direction waits on its own: a process that echoes would stand still if output waited for input.
    let outward = async {
        while let Some(chunk) = output.next().await {
            if sink.send(message(chunk.bytes, binary)).await.is_err() {
                return;
            }
        }
        let _ = sink.close().await;
    };
    let inward = async {
        while let Some(Ok(message)) = source.next().await {
            match message {
                Message::Binary(bytes) => pass_on(&mut stdin, bytes).await,
                Message::Text(text) => pass_on(&mut stdin, text.into()).await,
                // Pings are answered by the library.
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
                Message::Close(_) => return,
            }
        }
    };
    tokio::select! {
        () = outward => {}
        () = inward => {}
    }
}

async fn pass_on(stdin: &mut Option<vch_engine::stream::StdinSender>, bytes: Bytes) {
    if let Some(sender) = stdin
        && sender.send(bytes).await.is_err()
    {
        *stdin = None;
    }
}

fn message(bytes: Bytes, binary: bool) -> Message {
    if binary {
        return Message::Binary(bytes);
    }
    Message::text(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use vch_engine::stream::{Channel, Chunk};

    #[test]
    fn a_handshake_is_checked() {
        let mut headers = HeaderMap::new();
        assert_eq!(accept_key(&headers).unwrap_err().status, 400);
        headers.insert(UPGRADE, HeaderValue::from_static("WebSocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("keep-alive, Upgrade"));
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        headers.insert(SEC_WEBSOCKET_KEY, HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ=="));
        // The example of RFC 6455, section 1.3.
        assert_eq!(accept_key(&headers).unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[tokio::test]
    async fn output_and_input_are_messages_and_the_end_closes() {
        let (ours, theirs) = tokio::io::duplex(4096);
        let (stdin, mut input) = tokio::sync::mpsc::channel(1);
        let (send, mut receive) = tokio::sync::mpsc::channel(1);
        let output = futures_util::stream::poll_fn(move |context| receive.poll_recv(context)).boxed();
        let attached = Attached { tty: false, output, stdin: Some(stdin) };
        let server = WebSocketStream::from_raw_socket(ours, Role::Server, None).await;
        let pump = tokio::spawn(pump(server, attached, true));
        let mut client = WebSocketStream::from_raw_socket(theirs, Role::Client, None).await;

        client.send(Message::text("in")).await.unwrap();
        assert_eq!(input.recv().await.unwrap(), "in");
        send.send(Chunk { channel: Channel::Stdout, bytes: "out".into() }).await.unwrap();
        assert_eq!(client.next().await.unwrap().unwrap(), Message::Binary("out".into()));
        drop(send);
        assert!(matches!(client.next().await.unwrap().unwrap(), Message::Close(_)));
        pump.await.unwrap();
    }
}
