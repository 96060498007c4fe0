//! The 8-byte frames that carry stdout and stderr on one stream (moby `pkg/stdcopy`).
//!
//! Used by the tests of attach, exec and logs. A stream that is not made of whole, well-formed frames panics.

use std::io::Read;

/// Which stream a frame belongs to.
pub const STDOUT: u8 = 1;
/// The stream of errors.
pub const STDERR: u8 = 2;

/// What a process wrote, by stream.
#[derive(Debug, Default, PartialEq, Eq, Clone)]
pub struct Output {
    /// Bytes of frames marked 1.
    pub stdout: Vec<u8>,
    /// Bytes of frames marked 2.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Standard output as text.
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

/// Reads one frame; `None` at a clean end of the stream.
#[track_caller]
pub fn next(from: &mut impl Read) -> Option<(u8, Vec<u8>)> {
    let mut head = [0u8; 8];
    let mut got = 0;
    while got < head.len() {
        match from.read(&mut head[got..]) {
            Ok(0) if got == 0 => return None,
            Ok(0) => panic!("stream ends inside a frame header, after {got} bytes"),
            Ok(n) => got += n,
            Err(e) => panic!("reading a frame header after {got} bytes: {e}"),
        }
    }
    assert!((1..=2).contains(&head[0]) && head[1..4] == [0, 0, 0], "not a frame header: {head:?}");
    let length = u32::from_be_bytes([head[4], head[5], head[6], head[7]]) as usize;
    assert!(length <= 16 << 20, "a frame of {length} bytes");
    let mut payload = vec![0; length];
    if let Err(e) = from.read_exact(&mut payload) {
        panic!("reading a frame of {length} bytes: {e}");
    }
    Some((head[0], payload))
}

/// Reads frames to the end of the stream.
#[track_caller]
pub fn all(from: &mut impl Read) -> Output {
    let mut output = Output::default();
    while let Some((stream, payload)) = next(from) {
        match stream {
            STDOUT => output.stdout.extend(payload),
            _ => output.stderr.extend(payload),
        }
    }
    output
}

/// Reads frames until standard output holds `text`; panics when the stream ends first.
#[track_caller]
pub fn until(from: &mut impl Read, text: &str) -> Output {
    let mut output = Output::default();
    while !output.out().contains(text) {
        match next(from) {
            Some((STDOUT, payload)) => output.stdout.extend(payload),
            Some((_, payload)) => output.stderr.extend(payload),
            None => panic!("stream ended before {text:?} was seen: {output:?}"),
        }
    }
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_told_apart() {
        let bytes = [&[1, 0, 0, 0, 0, 0, 0, 2][..], b"ab", &[2, 0, 0, 0, 0, 0, 0, 1], b"c"].concat();
        let output = all(&mut &bytes[..]);
        assert_eq!((output.out(), output.err()), ("ab".into(), "c".into()));
    }

    #[test]
    #[should_panic(expected = "not a frame header")]
    fn raw_bytes_are_no_frames() {
        all(&mut &b"hello, world"[..]);
    }
}
