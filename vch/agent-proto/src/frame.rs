//! Frames: a 12-byte header and a bounded payload.
//!
//! ```text
//! 0        4          8        12
//! | kind   | stream   | length | payload (length bytes)
//!   u32 LE   u32 LE     u32 LE
//! ```
//! `stream` is the request's number in requests and replies, the byte stream's number in data, credit and
//! end-of-stream frames, and 0 in events. Both sides use this module; it does no I/O.
//!
//! Streams: the host numbers those it sends on odd, those it receives on even, and never uses a number twice in one
//! machine, clones of a warmed template included. The unused credit and what was received but not yet credited never
//! exceed [`crate::WINDOW`] together, so a receiver needs no more room than that. A stream ends with `Eof`, with `Reset`
//! (after which neither side sends on it), with a failed `Run` or `Exec`, or with the connection. Frames for a stream
//! that has ended are dropped by their receiver, since they may have crossed its end on the way; those for a stream
//! that never was, and data beyond the credit, break the protocol.

use crate::{MAX_CONTROL, MAX_DATA, MAX_REPLY};
use serde::{Serialize, de::DeserializeOwned};

/// Bytes of a header.
pub const HEADER: usize = 12;

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// Host to agent: a [`crate::Request`]; `stream` is the request's number, chosen by the host.
    Request = 1,
    /// Agent to host: `Result<Reply, Failure>` for the request of that number.
    Reply = 2,
    /// Agent to host: an [`crate::Event`].
    Event = 3,
    /// Either way: bytes of a stream, at most as many as the receiver gave credit for.
    Data = 4,
    /// Either way: the stream's sender will send no more.
    Eof = 5,
    /// Either way: the receiver took this many more bytes (payload: `u32` LE).
    Credit = 6,
    /// Either way: the receiver takes no more of this stream; the sender drops what it has.
    Reset = 7,
}

impl Kind {
    fn from_u32(value: u32) -> Option<Self> {
        Some(match value {
            1 => Self::Request,
            2 => Self::Reply,
            3 => Self::Event,
            4 => Self::Data,
            5 => Self::Eof,
            6 => Self::Credit,
            7 => Self::Reset,
            _ => return None,
        })
    }

    /// Largest payload that a frame of this kind may have, in bytes.
    pub fn max_payload(self) -> usize {
        match self {
            Self::Request => MAX_CONTROL,
            Self::Reply | Self::Event => MAX_REPLY,
            Self::Data => MAX_DATA,
            Self::Credit => 4,
            Self::Eof | Self::Reset => 0,
        }
    }
}

/// A frame that cannot be read or written. After a reading error the connection is of no more use.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FrameError {
    /// The header names a kind that this version does not know.
    #[error("frame of unknown kind {0}")]
    UnknownKind(u32),
    /// The payload is larger than its kind allows.
    #[error("frame of {length} bytes exceeds the {max} bytes allowed for {kind:?}")]
    TooLong {
        /// The frame's kind.
        kind: Kind,
        /// Its announced length in bytes.
        length: usize,
        /// The bound in bytes.
        max: usize,
    },
    /// The payload is not the message that its kind says.
    #[error("malformed {0:?} frame")]
    Malformed(Kind),
}

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What the payload is.
    pub kind: Kind,
    /// Request or stream number.
    pub stream: u32,
    /// Payload length in bytes, within the kind's bound.
    pub length: usize,
}

impl Header {
    /// Reads a header and checks its bounds.
    ///
    /// # Errors
    /// An unknown kind, or a length over the kind's bound.
    pub fn decode(bytes: &[u8; HEADER]) -> Result<Self, FrameError> {
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let kind = Kind::from_u32(word(0)).ok_or(FrameError::UnknownKind(word(0)))?;
        let header = Self { kind, stream: word(4), length: word(8) as usize };
        header.check()?;
        Ok(header)
    }

    /// The header's 12 bytes.
    pub fn encode(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..4].copy_from_slice(&(self.kind as u32).to_le_bytes());
        bytes[4..8].copy_from_slice(&self.stream.to_le_bytes());
        bytes[8..].copy_from_slice(&(self.length as u32).to_le_bytes());
        bytes
    }

    fn check(&self) -> Result<(), FrameError> {
        let max = self.kind.max_payload();
        if self.length > max {
            return Err(FrameError::TooLong { kind: self.kind, length: self.length, max });
        }
        Ok(())
    }
}

/// One whole frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What the payload is.
    pub kind: Kind,
    /// Request or stream number.
    pub stream: u32,
    /// The payload, within the kind's bound.
    pub payload: Vec<u8>,
}

impl Frame {
    /// A control frame with `message` as its payload.
    ///
    /// # Errors
    /// The message is larger than its kind may be, or cannot be encoded.
    pub fn control<M: Serialize>(kind: Kind, stream: u32, message: &M) -> Result<Self, FrameError> {
        let payload = postcard::to_stdvec(message).map_err(|_| FrameError::Malformed(kind))?;
        let frame = Self { kind, stream, payload };
        frame.header().check()?;
        Ok(frame)
    }

    /// Bytes of a stream. The caller keeps `bytes` within [`MAX_DATA`] and within its credit.
    pub fn data(stream: u32, bytes: &[u8]) -> Self {
        debug_assert!(bytes.len() <= MAX_DATA);
        Self { kind: Kind::Data, stream, payload: bytes.to_vec() }
    }

    /// The end of a stream.
    pub fn eof(stream: u32) -> Self {
        Self { kind: Kind::Eof, stream, payload: Vec::new() }
    }

    /// Credit for `bytes` more.
    pub fn credit(stream: u32, bytes: u32) -> Self {
        Self { kind: Kind::Credit, stream, payload: bytes.to_le_bytes().to_vec() }
    }

    /// The receiver wants no more of this stream.
    pub fn reset(stream: u32) -> Self {
        Self { kind: Kind::Reset, stream, payload: Vec::new() }
    }

    /// The frame's header.
    pub fn header(&self) -> Header {
        Header { kind: self.kind, stream: self.stream, length: self.payload.len() }
    }

    /// Header and payload, appended to `out`.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.header().encode());
        out.extend_from_slice(&self.payload);
    }

    /// The payload as the message that the frame's kind says it is.
    ///
    /// # Errors
    /// The bytes are not that message, or bytes are left over.
    pub fn message<M: DeserializeOwned>(&self) -> Result<M, FrameError> {
        match postcard::take_from_bytes(&self.payload) {
            Ok((message, [])) => Ok(message),
            _ => Err(FrameError::Malformed(self.kind)),
        }
    }

    /// The number of bytes that a credit frame grants.
    ///
    /// # Errors
    /// The payload is not four bytes.
    pub fn credited(&self) -> Result<u32, FrameError> {
        let bytes: [u8; 4] = self.payload.as_slice().try_into().map_err(|_| FrameError::Malformed(self.kind))?;
        Ok(u32::from_le_bytes(bytes))
    }
}

/// Cuts a byte stream into frames, whatever the pieces that it arrives in.
///
/// Holds at most one frame's bytes beyond what the caller pushes at a time.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    taken: usize,
}

impl Decoder {
    /// Adds bytes that were read.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.taken > 0 && self.taken == self.buffer.len() {
            self.buffer.clear();
            self.taken = 0;
        } else if self.taken > MAX_DATA {
            self.buffer.drain(..self.taken);
            self.taken = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame, or `None` until more bytes come.
    ///
    /// # Errors
    /// A bad header; the decoder is of no more use then.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        let rest = &self.buffer[self.taken..];
        let Some((head, body)) = rest.split_first_chunk::<HEADER>() else { return Ok(None) };
        let header = Header::decode(head)?;
        let Some(payload) = body.get(..header.length) else { return Ok(None) };
        let frame = Frame { kind: header.kind, stream: header.stream, payload: payload.to_vec() };
        self.taken += HEADER + header.length;
        Ok(Some(frame))
    }

    /// Forgets everything: the other side has gone, and a partial frame with it.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.taken = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_length_over_the_bound_is_refused_before_any_payload_is_read() {
        let header = Header { kind: Kind::Data, stream: 1, length: MAX_DATA + 1 };
        let mut decoder = Decoder::default();
        decoder.push(&header.encode());
        assert!(matches!(decoder.next_frame(), Err(FrameError::TooLong { .. })));
    }

    #[test]
    fn left_over_bytes_make_a_message_malformed() {
        let mut frame = Frame::control(Kind::Event, 0, &7u32).unwrap();
        frame.payload.push(0);
        assert_eq!(frame.message::<u32>(), Err(FrameError::Malformed(Kind::Event)));
    }

    proptest! {
        #[test]
        fn frames_survive_any_cutting(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..20),
            cut in 1usize..70,
        ) {
            let frames: Vec<Frame> = payloads.iter().enumerate().map(|(n, bytes)| Frame::data(n as u32, bytes)).collect();
            let mut bytes = Vec::new();
            frames.iter().for_each(|frame| frame.encode_into(&mut bytes));
            let mut decoder = Decoder::default();
            let mut seen = Vec::new();
            for piece in bytes.chunks(cut) {
                decoder.push(piece);
                while let Some(frame) = decoder.next_frame().unwrap() {
                    seen.push(frame);
                }
            }
            prop_assert_eq!(seen, frames);
        }

        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..4096)) {
            let mut decoder = Decoder::default();
            decoder.push(&bytes);
            while let Ok(Some(frame)) = decoder.next_frame() {
                let _ = frame.message::<crate::Request>();
                let _ = frame.message::<Result<crate::Reply, crate::Failure>>();
                let _ = frame.message::<crate::Event>();
                let _ = frame.credited();
            }
        }
    }
}
