//! A guest that breaks rules: starts one process as it should, then says bytes of the caller's choice and hangs up.
//!
//! For the fuzz target of the host's end of the agent protocol.

use super::container;
use crate::agent_client::{Client, Exit, Numbers, Streams};
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use vch_agent_proto::{Decoder, Failure, Frame, Kind, Reply};

/// Starts a process with all its streams (number 1; input on stream 1, output on 2 and 4), writes to it, leaves a signal
/// unanswered (request 2), has the guest say `bytes` and hang up, and waits for everything that a caller may wait for.
/// Returns the bytes of output that were read.
///
/// # Panics
/// Somebody is left without an answer. What hangs is the caller's to end.
pub async fn hostile_guest(bytes: &[u8]) -> usize {
    let (client, mut guest) = match UnixStream::pair() {
        Ok((host, guest)) => (Client::new(host, Numbers::default()), guest),
        Err(error) => panic!("no pair of sockets: {error}"),
    };
    let pipes = Streams::Pipes { stdin: true, stdout: true, stderr: true };
    let asked = client.run(container("a", &["x"]), pipes);
    let Ok(starting) = asked else { panic!("the request was not taken: {asked:?}") };
    let request = first_frame(&mut guest).await;
    let answer: Result<Reply, Failure> = Ok(Reply::Started { pid: 9 });
    write(&mut guest, &encoded(&Frame::control(Kind::Reply, request.stream, &answer))).await;
    let started = client.started(starting).await;
    let Ok(mut process) = started else { panic!("the process did not start: {started:?}") };
    let (handle, stdin, output) = (process.handle(), process.take_stdin(), process.take_output());
    let signal = tokio::spawn(async move { handle.signal(15).await });
    let input = tokio::spawn(async move {
        let Some(mut stdin) = stdin else { return };
        while stdin.write(Bytes::from(vec![7; 100_000])).await.is_ok() {}
    });
    let reading = tokio::spawn(async move {
        let (mut output, mut length) = (output, 0);
        while let Some(output) = &mut output
            && let Some((_, bytes)) = output.next().await
        {
            length += bytes.len();
        }
        length
    });
    // Signal and input are on their way before the guest says anything.
    tokio::task::yield_now().await;
    let (mut hears, mut says) = guest.into_split();
    let hearing = tokio::spawn(async move {
        let mut heard = vec![0; 64 * 1024];
        while hears.read(&mut heard).await.is_ok_and(|length| length > 0) {}
    });
    // The host cuts off a guest that breaks the protocol, perhaps before it has said everything.
    let _ = says.write_all(bytes).await;
    drop(says);
    let mut closed = client.closed();
    let reason = closed.wait_for(Option::is_some).await.map(|reason| reason.clone());
    assert!(matches!(reason, Ok(Some(_))), "the connection's end is not told: {reason:?}");
    let exit = process.wait().await;
    assert!(matches!(exit, Exit::Ended { .. } | Exit::MachineGone), "{exit:?}");
    if let Some(mut released) = client.released("a") {
        assert!(released.wait_for(|yes| *yes).await.is_ok(), "the release is not told");
    }
    let outcome = tokio::join!(signal, input, reading);
    client.hang_up().await;
    match (outcome, hearing.await) {
        ((Ok(_), Ok(()), Ok(length)), Ok(())) => length,
        (outcome, heard) => panic!("a task panicked: {outcome:?} {heard:?}"),
    }
}

fn encoded(frame: &Result<Frame, vch_agent_proto::FrameError>) -> Vec<u8> {
    let mut bytes = Vec::new();
    match frame {
        Ok(frame) => frame.encode_into(&mut bytes),
        Err(error) => panic!("a small frame: {error}"),
    }
    bytes
}

async fn write(guest: &mut UnixStream, bytes: &[u8]) {
    if let Err(error) = guest.write_all(bytes).await {
        panic!("the host hung up at once: {error}");
    }
}

async fn first_frame(guest: &mut UnixStream) -> Frame {
    let (mut decoder, mut buffer) = (Decoder::default(), vec![0; 64 * 1024]);
    loop {
        match decoder.next_frame() {
            Ok(Some(frame)) => return frame,
            Ok(None) => {}
            Err(error) => panic!("the host's own frame: {error}"),
        }
        match guest.read(&mut buffer).await {
            Ok(length) if length > 0 => decoder.push(buffer.get(..length).unwrap_or_default()),
            other => panic!("the host hung up before it asked: {other:?}"),
        }
    }
}
