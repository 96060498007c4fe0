//! A bounded pipe of byte chunks into a blocking reader: how downloads and request bodies reach the threads that unpack.
//!
//! Called by pull, load, import and the unpacking itself. The reader sees the end only when the writer said so: a writer
//! that vanishes (a dropped future, a failed thread) is an error, never a short stream. Memory is bounded by the number
//! of chunks.

use std::io::{self, Read};

use bytes::{Buf, Bytes};
use tokio::sync::mpsc;

/// Chunks in flight.
const DEPTH: usize = 8;
/// Largest chunk a blocking writer sends at once.
pub(crate) const CHUNK: usize = 128 * 1024;

enum Item {
    Chunk(Bytes),
    End,
}

/// The writing end.
pub(crate) struct PipeWriter(mpsc::Sender<Item>);

/// The reading end; for threads that may block.
pub(crate) struct PipeReader {
    receiver: mpsc::Receiver<Item>,
    chunk: Bytes,
    ended: bool,
}

/// The reader is gone; it has its own story to tell.
#[derive(Debug)]
pub(crate) struct ReaderGone;

/// Makes a pipe.
pub(crate) fn pipe() -> (PipeWriter, PipeReader) {
    let (sender, receiver) = mpsc::channel(DEPTH);
    (PipeWriter(sender), PipeReader { receiver, chunk: Bytes::new(), ended: false })
}

impl PipeWriter {
    /// Sends a chunk, waiting for room.
    pub(crate) async fn write(&self, chunk: Bytes) -> Result<(), ReaderGone> {
        self.0.send(Item::Chunk(chunk)).await.map_err(|_| ReaderGone)
    }

    /// Says that all was sent.
    pub(crate) async fn end(self) -> Result<(), ReaderGone> {
        self.0.send(Item::End).await.map_err(|_| ReaderGone)
    }

    /// Copies a whole reader into the pipe and ends it; for threads that may block.
    pub(crate) fn fill(self, mut reader: impl Read) -> io::Result<()> {
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        loop {
            let mut chunk = Vec::with_capacity(CHUNK);
            if reader.by_ref().take(CHUNK as u64).read_to_end(&mut chunk)? == 0 {
                return self.0.blocking_send(Item::End).map_err(gone);
            }
            self.0.blocking_send(Item::Chunk(chunk.into())).map_err(gone)?;
        }
    }
}

impl Read for PipeReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() && !self.ended {
            match self.receiver.blocking_recv() {
                Some(Item::Chunk(chunk)) => self.chunk = chunk,
                Some(Item::End) => self.ended = true,
                None => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the stream was dropped half way")),
            }
        }
        let n = self.chunk.len().min(buffer.len());
        self.chunk.copy_to_slice(&mut buffer[..n]);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bytes_pass_in_order() {
        let (writer, mut reader) = pipe();
        let bytes: Vec<u8> = (0..3_000_000u32).map(|i| (i % 251) as u8).collect();
        let sent = bytes.clone();
        let thread = std::thread::spawn(move || writer.fill(&sent[..]));
        let mut got = Vec::new();
        reader.read_to_end(&mut got).unwrap();
        assert!(got == bytes);
        thread.join().unwrap().unwrap();
    }

    #[test]
    fn a_writer_that_vanishes_is_no_end() {
        let (writer, mut reader) = pipe();
        writer.0.blocking_send(Item::Chunk(Bytes::from_static(b"half"))).unwrap();
        drop(writer);
        let mut got = Vec::new();
        assert_eq!(reader.read_to_end(&mut got).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(got, b"half");
    }

    #[test]
    fn a_reader_that_vanishes_stops_the_writer() {
        let (writer, reader) = pipe();
        drop(reader);
        assert_eq!(writer.fill(&b"x"[..]).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
