//! Detach keys: finds the sequence in what a client types, holding back a beginning of it until it is sure.
//!
//! After moby's `pkg/term` (`ToBytes`, `escapeProxy`).

use crate::error::{Error, Result};

/// Docker's default, ctrl-p ctrl-q.
const DEFAULT: [u8; 2] = [16, 17];

/// The sequence that text such as `ctrl-p,ctrl-q` or `a,b` means; empty text means the default.
///
/// # Errors
/// `Invalid detach keys (…) provided`.
pub(crate) fn parse(text: &str) -> Result<Vec<u8>> {
    if text.is_empty() {
        return Ok(DEFAULT.to_vec());
    }
    text.split(',')
        .map(key)
        .collect::<Option<Vec<u8>>>()
        .ok_or_else(|| Error::invalid(format!("Invalid detach keys ({text}) provided")))
}

fn key(text: &str) -> Option<u8> {
    if let [single] = text.as_bytes() {
        return Some(*single);
    }
    match text.strip_prefix("ctrl-")?.as_bytes() {
        [letter @ b'a'..=b'z'] => Some(letter - b'a' + 1),
        [b'@'] => Some(0),
        [b'['] => Some(27),
        [b'\\'] => Some(28),
        [b']'] => Some(29),
        [b'^'] => Some(30),
        [b'_'] => Some(31),
        _ => None,
    }
}

/// What a piece of input means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Typed {
    /// These bytes go to the process (perhaps none yet).
    Pass(Vec<u8>),
    /// The sequence is complete; what came before it goes to the process.
    Detach(Vec<u8>),
}

/// Watches one client's input.
#[derive(Debug)]
pub(crate) struct Watcher {
    keys: Vec<u8>,
    matched: usize,
}

impl Watcher {
    /// For this sequence.
    pub(crate) fn new(keys: Vec<u8>) -> Self {
        Self { keys, matched: 0 }
    }

    /// Takes in what was typed.
    pub(crate) fn feed(&mut self, typed: &[u8]) -> Typed {
        let mut pass = Vec::with_capacity(typed.len());
        for byte in typed {
            if self.keys.get(self.matched) == Some(byte) {
                self.matched += 1;
                if self.matched == self.keys.len() {
                    return Typed::Detach(pass);
                }
                continue;
            }
            pass.extend_from_slice(&self.keys[..self.matched]);
            self.matched = 0;
            if self.keys.first() == Some(byte) && self.keys.len() > 1 {
                self.matched = 1;
            } else {
                pass.push(*byte);
            }
        }
        Typed::Pass(pass)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_docker_reads_them() {
        assert_eq!(parse("").unwrap(), [16, 17]);
        assert_eq!(parse("ctrl-a,x,ctrl-[").unwrap(), [1, b'x', 27]);
        assert_eq!(parse("ctrl-1").unwrap_err().message, "Invalid detach keys (ctrl-1) provided");
    }

    #[test]
    fn a_sequence_in_pieces_detaches_and_a_broken_one_is_passed_on() {
        let mut watcher = Watcher::new(vec![16, 17]);
        assert_eq!(watcher.feed(b"ab\x10"), Typed::Pass(b"ab".to_vec()));
        assert_eq!(watcher.feed(b"c"), Typed::Pass(b"\x10c".to_vec()));
        assert_eq!(watcher.feed(b"\x10\x10"), Typed::Pass(b"\x10".to_vec()));
        assert_eq!(watcher.feed(b"\x11never"), Typed::Detach(Vec::new()));
    }
}
