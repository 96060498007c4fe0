//! Attach by WebSocket.

use futures_util::{SinkExt, StreamExt};
use std::future::Future;
use tokio::net::UnixStream;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};
use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    tests![output_comes_raw_and_ends_with_the_container, input_goes_in, a_missing_container_is_not_found,]
}

fn block_on<T>(what: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(SOON, what).await.expect("in time") })
}

async fn attach(id: &str, query: &str) -> Result<WebSocketStream<UnixStream>, tungstenite::Error> {
    let stream = UnixStream::connect(&engine().client.socket).await.unwrap();
    let url = format!("ws://docker{VERSION}/containers/{id}/attach/ws?{query}");
    // dockerd wants an origin, as browsers send it.
    let mut request = tungstenite::client::IntoClientRequest::into_client_request(url)?;
    request.headers_mut().insert("Origin", "http://docker".parse().unwrap());
    Ok(client_async(request, stream).await?.0)
}

/// Reads messages to the end, or until `enough` has been seen.
async fn read(socket: &mut WebSocketStream<UnixStream>, enough: Option<&str>) -> String {
    let mut seen = Vec::new();
    while let Some(message) = socket.next().await {
        match message {
            Ok(Message::Text(text)) => seen.extend_from_slice(text.as_bytes()),
            Ok(Message::Binary(bytes)) => seen.extend_from_slice(&bytes),
            Ok(Message::Close(_)) | Err(_) => break,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&seen);
        if enough.is_some_and(|enough| text.contains(enough)) {
            break;
        }
    }
    String::from_utf8(seen).unwrap()
}

fn output_comes_raw_and_ends_with_the_container() {
    let container = Container::sh("echo hello; echo again");
    let seen = block_on(async {
        let mut socket = attach(&container.id, "stream=1&stdout=1").await.unwrap();
        let path = container.path("/start");
        tokio::task::spawn_blocking(move || post(&path).expect(204)).await.unwrap();
        read(&mut socket, None).await
    });
    assert_eq!(seen, "hello\nagain\n", "no frames of attach inside");
}

fn input_goes_in() {
    let container = Container::create(json!({
        "Cmd": ["sh", "-c", "read line; echo got $line"], "OpenStdin": true,
    }));
    container.start();
    let seen = block_on(async {
        let query = "stream=1&stdin=1&stdout=1";
        let mut socket = attach(&container.id, query).await.unwrap();
        socket.send(Message::binary("words\n")).await.unwrap();
        read(&mut socket, Some("got words\n")).await
    });
    assert_eq!(seen, "got words\n");
    assert_eq!(container.wait(), 0);
}

fn a_missing_container_is_not_found() {
    let refused = block_on(attach("no-such", "stream=1&stdout=1"));
    match refused {
        Err(tungstenite::Error::Http(reply)) => assert_eq!(reply.status(), 404),
        other => panic!("{other:?}"),
    }
}
