//! The task that reads: cuts the stream into frames without copying payloads, and hands them on.

use super::Closed;
use super::link::Link;
use super::output::Breach;
use super::tables::Answer;
use bytes::{Buf, Bytes, BytesMut};
use tokio::io::AsyncReadExt;
use tokio::net::unix::OwnedReadHalf;
use vch_agent_proto::frame::HEADER;
use vch_agent_proto::{Event, Frame, Header, Kind};

/// Room made for each read, in bytes: two full data frames.
const CHUNK: usize = 128 * 1024;

/// Reads until the other end hangs up or breaks the protocol, and says which.
pub(super) async fn run(mut socket: OwnedReadHalf, link: &Link) -> Closed {
    let mut buffer = BytesMut::new();
    loop {
        let missing = loop {
            match cut(&mut buffer) {
                Ok(Cut::Whole(header, payload)) => {
                    if let Err(breach) = take(link, header, payload) {
                        return Closed::Protocol(breach.to_string());
                    }
                }
                Ok(Cut::Missing(bytes)) => break bytes,
                Err(breach) => return Closed::Protocol(breach.to_string()),
            }
        };
        buffer.reserve(missing.max(CHUNK));
        match socket.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return Closed::Gone,
            Ok(_) => {}
        }
    }
}

enum Cut {
    Whole(Header, Bytes),
    Missing(usize),
}

fn cut(buffer: &mut BytesMut) -> Result<Cut, Breach> {
    let Some(head) = buffer.first_chunk::<HEADER>() else { return Ok(Cut::Missing(HEADER - buffer.len())) };
    let header = Header::decode(head)?;
    let whole = HEADER + header.length;
    if buffer.len() < whole {
        return Ok(Cut::Missing(whole - buffer.len()));
    }
    buffer.advance(HEADER);
    Ok(Cut::Whole(header, buffer.split_to(header.length).freeze()))
}

fn take(link: &Link, header: Header, payload: Bytes) -> Result<(), Breach> {
    let stream = header.stream;
    match header.kind {
        Kind::Data => link.tables().data(stream, payload),
        Kind::Eof => link.tables().end_output(stream),
        Kind::Reply => {
            let answer: Answer = control(header, &payload).message()?;
            link.tables().reply(stream, answer)
        }
        Kind::Event => {
            let event: Event = control(header, &payload).message()?;
            link.tables().event(event)
        }
        Kind::Credit => {
            let bytes = control(header, &payload).credited()?;
            let known = link.outbox().credited(stream, bytes)?;
            if known || link.tables().was_input(stream) { Ok(()) } else { Err(Breach::Stream(stream)) }
        }
        Kind::Reset => {
            if !link.tables().was_input(stream) {
                return Err(Breach::Stream(stream));
            }
            link.outbox().forget_input(stream);
            Ok(())
        }
        Kind::Request => Err(Breach::Request),
    }
}

/// Control payloads are few and small: a copy buys the protocol crate's own decoding.
fn control(header: Header, payload: &Bytes) -> Frame {
    Frame { kind: header.kind, stream: header.stream, payload: payload.to_vec() }
}
