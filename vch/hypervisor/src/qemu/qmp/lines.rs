//! Lines of bounded length from a byte stream.
//!
//! The QMP client reads with it. It promises to hold at most [`MAX_LINE`] bytes and one read's worth, whatever comes.

use tokio::io::{AsyncRead, AsyncReadExt};

/// Longest line that is taken, in bytes. The longest that QEMU has reason to send is the console's 64 KiB in base64.
pub(crate) const MAX_LINE: usize = 1024 * 1024;

/// Bytes asked for at a time.
const CHUNK: usize = 16 * 1024;

/// Why no line came.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LineError {
    #[error("a line of more than {MAX_LINE} bytes")]
    TooLong,
    #[error("an end in the middle of a line")]
    HalfLine,
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// Cuts `source` into lines.
pub(crate) struct Lines<R> {
    source: R,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that were given out.
    taken: usize,
    /// Bytes of `buffer` that hold no line feed after `taken`, so that none is looked at twice.
    searched: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(crate) fn new(source: R) -> Self {
        Self { source, buffer: Vec::new(), taken: 0, searched: 0 }
    }

    /// The next line without its line feed; `None` at the stream's end.
    ///
    /// # Errors
    /// The line is too long, or the stream ends or fails inside it. The stream is of no more use then.
    pub(crate) async fn next(&mut self) -> Result<Option<&[u8]>, LineError> {
        let end = loop {
            if let Some(at) = self.buffer[self.searched..].iter().position(|&byte| byte == b'\n') {
                break self.searched + at;
            }
            self.searched = self.buffer.len();
            if self.searched - self.taken > MAX_LINE {
                return Err(LineError::TooLong);
            }
            if !self.read().await? {
                return if self.taken == self.buffer.len() { Ok(None) } else { Err(LineError::HalfLine) };
            }
        };
        let line = self.taken..end;
        if line.len() > MAX_LINE {
            return Err(LineError::TooLong);
        }
        self.taken = end + 1;
        self.searched = self.taken;
        Ok(Some(&self.buffer[line]))
    }

    async fn read(&mut self) -> std::io::Result<bool> {
        self.buffer.drain(..self.taken);
        self.searched -= self.taken;
        self.taken = 0;
        self.buffer.reserve(CHUNK);
        Ok((&mut self.source).take(CHUNK as u64).read_buf(&mut self.buffer).await? > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(bytes: &[u8]) -> (Vec<Vec<u8>>, Option<LineError>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut lines = Lines::new(bytes);
            let mut seen = Vec::new();
            loop {
                match lines.next().await {
                    Ok(Some(line)) => seen.push(line.to_vec()),
                    Ok(None) => return (seen, None),
                    Err(error) => return (seen, Some(error)),
                }
            }
        })
    }

    #[test]
    fn a_line_of_the_largest_size_is_taken_and_one_byte_more_is_not() {
        let mut bytes = vec![b'x'; MAX_LINE];
        bytes.push(b'\n');
        let (seen, error) = lines(&bytes);
        assert_eq!((seen[0].len(), error.is_none()), (MAX_LINE, true));
        bytes.insert(0, b'x');
        let (seen, error) = lines(&bytes);
        assert!(seen.is_empty() && matches!(error, Some(LineError::TooLong)));
    }

    #[test]
    fn a_line_without_end_is_refused_before_it_fills_the_memory() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut lines = Lines::new(tokio::io::repeat(b'x'));
        assert!(matches!(runtime.block_on(lines.next()), Err(LineError::TooLong)));
        assert!(lines.buffer.len() <= MAX_LINE + CHUNK);
    }

    #[test]
    fn an_end_inside_a_line_is_an_error_and_one_between_lines_is_not() {
        let (seen, error) = lines(b"a\n\nb\nhalf");
        assert_eq!(seen, [&b"a"[..], b"", b"b"]);
        assert!(matches!(error, Some(LineError::HalfLine)));
        assert!(lines(b"a\n").1.is_none() && lines(b"").1.is_none());
    }

    proptest! {
        #[test]
        fn lines_survive_any_cutting(parts in prop::collection::vec("[a-z]{0,300}", 0..200)) {
            let text: String = parts.iter().map(|part| format!("{part}\n")).collect();
            let (seen, error) = lines(text.as_bytes());
            prop_assert!(error.is_none());
            prop_assert_eq!(seen, parts.iter().map(|part| part.as_bytes().to_vec()).collect::<Vec<_>>());
        }
    }
}
