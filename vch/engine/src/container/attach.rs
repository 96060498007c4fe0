//! Clients attached to a container: each gets a copy of the output, each may write to stdin.
//!
//! Clients attach to the container and not to a run of it, so that one that attaches before the start loses nothing.
//! A client that does not read holds up its own container (the guest's processes block on a full pipe, as with Docker)
//! and no other; once the container has ended, it is given two seconds and then cut off.

use crate::stream::{Channel, Chunk};
use bytes::Bytes;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

/// Chunks that wait for a client at a time (a chunk is at most 64 KiB).
const CHUNKS: usize = 16;

/// What clients write, in order.
#[derive(Debug)]
pub(crate) enum Input {
    /// Bytes.
    Bytes(Bytes),
    /// The end: no more input for this run.
    End,
}

#[derive(Debug)]
struct Client {
    number: u64,
    stdout: bool,
    stderr: bool,
    chunks: mpsc::Sender<Chunk>,
}

/// Clients that a chunk is for.
#[derive(Debug)]
pub(crate) struct Wanting(Vec<(u64, mpsc::Sender<Chunk>)>);

#[derive(Debug)]
struct Tables {
    next: u64,
    clients: Vec<Client>,
    input: mpsc::Sender<Input>,
    waiting_input: Option<mpsc::Receiver<Input>>,
}

/// The clients of one container.
#[derive(Debug)]
pub(crate) struct Attachments {
    tables: Mutex<Tables>,
}

impl Default for Attachments {
    fn default() -> Self {
        let (input, waiting) = mpsc::channel(CHUNKS);
        let tables = Tables { next: 0, clients: Vec::new(), input, waiting_input: Some(waiting) };
        Self { tables: Mutex::new(tables) }
    }
}

impl Attachments {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a client for the outputs it wants. The receiver ends with the run, or when the client is removed.
    pub(crate) fn add(&self, stdout: bool, stderr: bool) -> (u64, mpsc::Receiver<Chunk>) {
        let (chunks, receiver) = mpsc::channel(CHUNKS);
        let mut tables = self.tables();
        tables.next += 1;
        let number = tables.next;
        tables.clients.push(Client { number, stdout, stderr, chunks });
        (number, receiver)
    }

    /// Takes a client off; its receiver ends.
    pub(crate) fn remove(&self, number: u64) {
        self.tables().clients.retain(|client| client.number != number);
    }

    /// Where clients write stdin of the present or the next run.
    pub(crate) fn input(&self) -> mpsc::Sender<Input> {
        self.tables().input.clone()
    }

    /// What clients write, for the run that starts.
    pub(crate) fn take_input(&self) -> Option<mpsc::Receiver<Input>> {
        self.tables().waiting_input.take()
    }

    /// The clients that want a channel's output as of now.
    pub(crate) fn wanting(&self, channel: Channel) -> Wanting {
        let tables = self.tables();
        let wants = |c: &&Client| if channel == Channel::Stderr { c.stderr } else { c.stdout };
        Wanting(tables.clients.iter().filter(wants).map(|c| (c.number, c.chunks.clone())).collect())
    }

    /// Hands a chunk to those clients, waiting for each.
    pub(crate) async fn hand(&self, clients: Wanting, channel: Channel, bytes: &Bytes) {
        for (number, chunks) in clients.0 {
            if chunks.send(Chunk { channel, bytes: bytes.clone() }).await.is_err() {
                self.remove(number);
            }
        }
    }

    /// The run has ended: every client's output ends, and what was written to stdin in vain is thrown away.
    pub(crate) fn end_run(&self) {
        let (input, waiting) = mpsc::channel(CHUNKS);
        let mut tables = self.tables();
        tables.clients.clear();
        tables.input = input;
        tables.waiting_input = Some(waiting);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_client_gets_the_outputs_it_asked_for_until_the_run_ends() {
        let attachments = Attachments::default();
        let (_, mut out) = attachments.add(true, false);
        let (_, mut both) = attachments.add(true, true);
        attachments.hand(attachments.wanting(Channel::Stdout), Channel::Stdout, &Bytes::from_static(b"o")).await;
        attachments.hand(attachments.wanting(Channel::Stderr), Channel::Stderr, &Bytes::from_static(b"e")).await;
        attachments.end_run();
        assert_eq!(out.recv().await.unwrap().bytes, "o");
        assert!(out.recv().await.is_none());
        assert_eq!(both.recv().await.unwrap().bytes, "o");
        assert_eq!(both.recv().await.unwrap().bytes, "e");
        assert!(both.recv().await.is_none());
    }

    #[tokio::test]
    async fn input_of_an_ended_run_does_not_reach_the_next() {
        let attachments = Attachments::default();
        let input = attachments.input();
        let mut first = attachments.take_input().unwrap();
        input.send(Input::End).await.unwrap();
        assert!(matches!(first.recv().await, Some(Input::End)));
        input.send(Input::Bytes(Bytes::from_static(b"late"))).await.unwrap();
        attachments.end_run();
        let mut second = attachments.take_input().unwrap();
        assert!(second.try_recv().is_err());
        drop(first);
        assert!(input.send(Input::End).await.is_err());
    }
}
