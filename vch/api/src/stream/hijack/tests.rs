//! Half-closes, frames and ends of hijacked connections, over an in-memory pipe.

use super::*;
use tokio::io::duplex;
use tokio::sync::mpsc;
use vch_engine::stream::Channel;

fn chunks(mut receiver: mpsc::Receiver<Chunk>) -> futures_util::stream::BoxStream<'static, Chunk> {
    futures_util::stream::poll_fn(move |context| receiver.poll_recv(context)).boxed()
}

fn chunk(channel: Channel, bytes: &'static str) -> Chunk {
    Chunk { channel, bytes: bytes.into() }
}

struct Process {
    output: mpsc::Sender<Chunk>,
    input: mpsc::Receiver<Bytes>,
}

fn process() -> (Process, Attached) {
    let (output, receiver) = mpsc::channel(4);
    let (stdin, input) = mpsc::channel(4);
    (Process { output, input }, Attached { tty: false, output: chunks(receiver), stdin: Some(stdin) })
}

#[tokio::test]
async fn output_is_framed_and_its_end_closes_the_connection() {
    let (mut client, server) = duplex(4096);
    let (process, attached) = process();
    let pump = tokio::spawn(pump(server, attached, true));
    process.output.send(chunk(Channel::Stdout, "out")).await.unwrap();
    process.output.send(chunk(Channel::Stderr, "err")).await.unwrap();
    drop(process);
    let mut all = Vec::new();
    client.read_to_end(&mut all).await.unwrap();
    assert_eq!(all, b"\x01\0\0\0\0\0\0\x03out\x02\0\0\0\0\0\0\x03err");
    drop(client);
    pump.await.unwrap();
}

#[tokio::test]
async fn the_clients_end_of_input_reaches_the_process_while_output_goes_on() {
    let (mut client, server) = duplex(4096);
    let (mut process, attached) = process();
    tokio::spawn(pump(server, attached, false));
    client.write_all(b"hello").await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(process.input.recv().await.unwrap(), "hello");
    assert_eq!(process.input.recv().await, None, "end of input");
    process.output.send(chunk(Channel::Stdout, "bye")).await.unwrap();
    drop(process);
    let mut all = String::new();
    client.read_to_string(&mut all).await.unwrap();
    assert_eq!(all, "bye");
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_pump_at_the_next_output() {
    let (client, server) = duplex(64);
    let (process, attached) = process();
    let pump = tokio::spawn(pump(server, attached, false));
    drop(client);
    process.output.send(chunk(Channel::Stdout, "to nobody")).await.unwrap();
    pump.await.unwrap();
    process.output.closed().await;
}

#[tokio::test]
async fn input_that_the_process_does_not_want_is_read_and_dropped() {
    let (mut client, server) = duplex(64);
    let (mut process, attached) = process();
    tokio::spawn(pump(server, attached, false));
    process.input.close();
    client.write_all(&[b'x'; 100_000]).await.unwrap();
    process.output.send(chunk(Channel::Stdout, "still here")).await.unwrap();
    drop(process.output);
    let mut all = String::new();
    client.read_to_string(&mut all).await.unwrap();
    assert_eq!(all, "still here");
}
