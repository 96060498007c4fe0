//! The guest's ends of byte streams, with the credit that the protocol asks for.

use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, Semaphore, mpsc};
use vch_agent_proto::{Frame, MAX_DATA, WINDOW};

/// A stream to the host. Ends when dropped.
#[derive(Debug)]
pub struct Output {
    end: Option<Arc<OutputEnd>>,
    frames: mpsc::UnboundedSender<Frame>,
}

/// What the connection knows of an output.
#[derive(Debug)]
pub(super) struct OutputEnd {
    stream: u32,
    credit: Semaphore,
}

impl OutputEnd {
    pub(super) fn new(stream: u32) -> Arc<Self> {
        Arc::new(Self { stream, credit: Semaphore::new(WINDOW as usize) })
    }

    pub(super) fn credited(&self, bytes: u32) {
        self.credit.add_permits(bytes as usize);
    }

    /// The host takes no more.
    pub(super) fn reset(&self) {
        self.credit.close();
    }
}

impl Output {
    pub(super) fn new(end: Option<Arc<OutputEnd>>, frames: mpsc::UnboundedSender<Frame>) -> Self {
        Self { end, frames }
    }

    /// Writes all of `bytes`, waiting for credit. `false` if the host takes no more; always `true` for `/dev/null`.
    pub async fn write(&self, bytes: &[u8]) -> bool {
        let Some(end) = &self.end else { return true };
        for piece in bytes.chunks(MAX_DATA) {
            let Ok(credit) = end.credit.acquire_many(piece.len() as u32).await else { return false };
            credit.forget();
            if self.frames.send(Frame::data(end.stream, piece)).is_err() {
                return false;
            }
        }
        true
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some(end) = &self.end {
            // A connection that has gone needs no end of stream.
            let _ = self.frames.send(Frame::eof(end.stream));
        }
    }
}

/// A stream from the host.
#[derive(Debug)]
pub struct Input {
    end: Option<Arc<InputEnd>>,
    frames: mpsc::UnboundedSender<Frame>,
}

/// What the connection knows of an input.
#[derive(Debug)]
pub(super) struct InputEnd {
    stream: u32,
    queue: Mutex<(VecDeque<Bytes>, bool)>,
    ready: Notify,
}

impl InputEnd {
    pub(super) fn new(stream: u32) -> Arc<Self> {
        Arc::new(Self { stream, queue: Mutex::default(), ready: Notify::new() })
    }

    pub(super) fn push(&self, bytes: Bytes) {
        self.queue().0.push_back(bytes);
        self.ready.notify_one();
    }

    pub(super) fn end(&self) {
        self.queue().1 = true;
        self.ready.notify_one();
    }

    fn queue(&self) -> MutexGuard<'_, (VecDeque<Bytes>, bool)> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Input {
    pub(super) fn new(end: Option<Arc<InputEnd>>, frames: mpsc::UnboundedSender<Frame>) -> Self {
        Self { end, frames }
    }

    /// The next bytes; `None` at the end, and at once for `/dev/null`.
    pub async fn read(&mut self) -> Option<Bytes> {
        let end = self.end.as_ref()?;
        loop {
            {
                let mut queue = end.queue();
                if let Some(bytes) = queue.0.pop_front() {
                    // The connection may have gone; the bytes are here all the same.
                    let _ = self.frames.send(Frame::credit(end.stream, bytes.len() as u32));
                    return Some(bytes);
                }
                if queue.1 {
                    return None;
                }
            }
            end.ready.notified().await;
        }
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        if let Some(end) = &self.end
            && !end.queue().1
        {
            let _ = self.frames.send(Frame::reset(end.stream));
        }
    }
}
