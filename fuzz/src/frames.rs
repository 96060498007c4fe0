//! The agent protocol's decoder: any bytes, in any pieces.
//!
//! The first byte says how large the pieces are; the rest is what arrives. What was decoded must not depend on the pieces,
//! and must encode to the bytes that it was decoded from.

use vch_agent_proto::{Decoder, Event, Failure, Frame, FrameError, Reply, Request};

/// Runs the target.
pub fn run(input: &[u8]) {
    let Some((size, bytes)) = input.split_first() else { return };
    let whole = decode(bytes, bytes.len().max(1));
    let pieces = decode(bytes, usize::from(*size) + 1);
    assert_eq!(whole, pieces, "the pieces that bytes arrive in change what they are");
    let mut again = Vec::new();
    whole.0.iter().for_each(|frame| frame.encode_into(&mut again));
    assert!(bytes.starts_with(&again), "decoding and encoding loses something");
    for frame in &whole.0 {
        assert!(frame.payload.len() <= frame.kind.max_payload(), "{:?} over its bound", frame.kind);
        let _ = frame.message::<Request>();
        let _ = frame.message::<Result<Reply, Failure>>();
        let _ = frame.message::<Event>();
        let _ = frame.credited();
    }
}

fn decode(bytes: &[u8], size: usize) -> (Vec<Frame>, Option<FrameError>) {
    let (mut decoder, mut frames) = (Decoder::default(), Vec::new());
    for piece in bytes.chunks(size) {
        decoder.push(piece);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}
