//! Cuts output into log lines, as moby's `daemon/logger/copier.go`: one entry a line, long lines in pieces of 16 KiB.

use crate::stream::Channel;
use bytes::{Bytes, BytesMut};

/// Longest piece of a line in one log entry, in bytes (moby's `defaultBufSize`).
const LONGEST: usize = 16 * 1024;

/// Keeps each channel's unfinished line.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    stdout: BytesMut,
    stderr: BytesMut,
}

impl Splitter {
    fn rest(&mut self, channel: Channel) -> &mut BytesMut {
        match channel {
            Channel::Stderr => &mut self.stderr,
            Channel::Stdout | Channel::System => &mut self.stdout,
        }
    }

    /// Takes output in and gives every line (with its newline) and every full piece of a long line to `entry`.
    pub(crate) fn push(&mut self, channel: Channel, mut bytes: &[u8], mut entry: impl FnMut(&[u8])) {
        let rest = self.rest(channel);
        while !bytes.is_empty() {
            let room = LONGEST - rest.len();
            let window = &bytes[..bytes.len().min(room)];
            let (take, whole) = match window.iter().position(|b| *b == b'\n') {
                Some(at) => (at + 1, true),
                None => (window.len(), window.len() == room),
            };
            let piece = &bytes[..take];
            bytes = &bytes[take..];
            if !whole {
                rest.extend_from_slice(piece);
            } else if rest.is_empty() {
                entry(piece);
            } else {
                rest.extend_from_slice(piece);
                entry(rest);
                rest.clear();
            }
        }
    }

    /// The lines that are unfinished so far.
    pub(crate) fn unfinished(&self) -> impl Iterator<Item = (Channel, Bytes)> + use<> {
        [(Channel::Stdout, &self.stdout), (Channel::Stderr, &self.stderr)]
            .map(|(channel, rest)| (channel, Bytes::copy_from_slice(rest)))
            .into_iter()
            .filter(|(_, rest)| !rest.is_empty())
    }

    /// Takes the unfinished lines at the end of the output.
    pub(crate) fn finish(&mut self) -> impl Iterator<Item = (Channel, Bytes)> + use<> {
        std::mem::take(self).unfinished()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut splitter = Splitter::default();
        let mut lines = Vec::new();
        for piece in pieces {
            splitter.push(Channel::Stdout, piece, |line| lines.push(line.to_vec()));
        }
        lines.extend(splitter.finish().map(|(_, rest)| rest.to_vec()));
        lines
    }

    #[test]
    fn a_line_in_pieces_is_one_entry() {
        assert_eq!(split(&[b"he", b"llo\nwor", b"ld"]), [b"hello\n".to_vec(), b"world".to_vec()]);
    }

    #[test]
    fn a_long_line_is_cut_at_16_kib() {
        let lines = split(&[&vec![b'x'; LONGEST * 2 + 5], b"\n"]);
        assert_eq!(lines.iter().map(Vec::len).collect::<Vec<_>>(), [LONGEST, LONGEST, 6]);
    }

    proptest! {
        #[test]
        fn no_byte_is_lost_or_moved(bytes in prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..600), cut in 1usize..99) {
            let pieces: Vec<&[u8]> = bytes.chunks(cut).collect();
            prop_assert_eq!(split(&pieces).concat(), bytes);
        }
    }
}
