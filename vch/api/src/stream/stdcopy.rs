//! The framing of output without a terminal (moby `pkg/stdcopy/stdcopy.go`): one byte for the stream, three zeros, the payload's
//! length as 32 bits big endian, the payload.

use bytes::{BufMut, Bytes, BytesMut};
use vch_engine::stream::Channel;

/// Most bytes of one frame's payload; longer output is cut into several, so that a client's buffer can stay small.
const LARGEST: usize = 1 << 20;

/// Wraps output in frames.
pub(crate) fn frame(channel: Channel, payload: &[u8]) -> Bytes {
    let kind = match channel {
        Channel::Stdout => 1,
        Channel::Stderr => 2,
        Channel::System => 3,
    };
    let mut framed = BytesMut::with_capacity(payload.len() + 8 * payload.len().div_ceil(LARGEST));
    for piece in payload.chunks(LARGEST) {
        framed.put_slice(&[kind, 0, 0, 0]);
        framed.put_slice(&u32::try_from(piece.len()).unwrap_or(u32::MAX).to_be_bytes());
        framed.put_slice(piece);
    }
    framed.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_frame_is_as_docker_has_it() {
        assert_eq!(&frame(Channel::Stdout, b"hi\n")[..], b"\x01\0\0\0\0\0\0\x03hi\n");
        assert_eq!(&frame(Channel::Stderr, b"e")[..], b"\x02\0\0\0\0\0\0\x01e");
        assert_eq!(&frame(Channel::System, b"s")[..], b"\x03\0\0\0\0\0\0\x01s");
        assert!(frame(Channel::Stdout, b"").is_empty());
    }

    #[test]
    fn long_output_is_cut() {
        let framed = frame(Channel::Stdout, &vec![7; LARGEST + 3]);
        assert_eq!(framed.len(), LARGEST + 3 + 16);
        assert_eq!(&framed[8 + LARGEST..16 + LARGEST], b"\x01\0\0\0\0\0\0\x03");
    }

    proptest! {
        #[test]
        fn frames_carry_their_payload(payload in proptest::collection::vec(any::<u8>(), 1..4096)) {
            let framed = frame(Channel::Stderr, &payload);
            let length = u32::from_be_bytes([framed[4], framed[5], framed[6], framed[7]]);
            prop_assert_eq!(length as usize, payload.len());
            prop_assert_eq!(&framed[8..], &payload[..]);
        }
    }
}
