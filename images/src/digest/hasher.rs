//! Hashing while bytes pass by: a [`Hasher`] to feed, and a reader that feeds one.
//!
//! Called by downloads, archives and the store's ingest. Never buffers.

use std::io::{self, Read};

use sha2::Digest as _;

use super::{Algorithm, Digest};

/// A running hash.
#[derive(Clone)]
pub struct Hasher {
    state: State,
}

#[derive(Clone)]
enum State {
    Sha256(sha2::Sha256),
    Sha512(sha2::Sha512),
}

impl Hasher {
    /// An empty hash.
    pub fn new(algorithm: Algorithm) -> Self {
        let state = match algorithm {
            Algorithm::Sha256 => State::Sha256(sha2::Sha256::new()),
            Algorithm::Sha512 => State::Sha512(sha2::Sha512::new()),
        };
        Self { state }
    }

    /// Feeds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.state {
            State::Sha256(hash) => hash.update(bytes),
            State::Sha512(hash) => hash.update(bytes),
        }
    }

    /// The digest of all that was fed.
    pub fn finish(self) -> Digest {
        match self.state {
            State::Sha256(hash) => Digest::from_raw(Algorithm::Sha256, &hash.finalize()),
            State::Sha512(hash) => Digest::from_raw(Algorithm::Sha512, &hash.finalize()),
        }
    }
}

/// A reader that hashes and counts what is read through it.
pub struct HashingReader<R> {
    reader: R,
    hasher: Hasher,
    count: u64,
}

impl<R: Read> HashingReader<R> {
    /// Wraps a reader.
    pub fn new(reader: R, algorithm: Algorithm) -> Self {
        Self { reader, hasher: Hasher::new(algorithm), count: 0 }
    }

    /// Reads on to the end, so that trailing bytes are hashed as well.
    ///
    /// # Errors
    /// Whatever the reader fails with.
    pub fn drain(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; 64 * 1024];
        while self.read(&mut buffer)? != 0 {}
        Ok(())
    }

    /// The digest of what was read, and how many bytes that was.
    pub fn finish(self) -> (Digest, u64) {
        (self.hasher.finish(), self.count)
    }
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(buffer)?;
        self.hasher.update(&buffer[..n]);
        self.count += n as u64;
        Ok(n)
    }
}
