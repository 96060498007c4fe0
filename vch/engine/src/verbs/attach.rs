//! `attach`: a client joins a container's streams, before its start or at any time later.

use crate::container::attach::Input;
use crate::container::detach::{self, Typed, Watcher};
use crate::container::state::Status;
use crate::container::{Container, Published};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::requests::{Attach, ReadLogs};
use crate::stream::{Attached, Channel, Chunk};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Pieces of input that wait for a process that does not read.
const WAITING_INPUT: usize = 8;

impl Engine {
    /// Attaches a client.
    ///
    /// # Errors
    /// Conflict with a paused or restarting container; bad detach keys.
    pub async fn attach(&self, name: &str, options: Attach) -> Result<Attached> {
        let keys = detach::parse(options.detach_keys.as_deref().unwrap_or_default())?;
        let container = self.find(name)?;
        let now = container.now();
        refuse_if_unfit(&now)?;
        let tty = now.record.spec.tty;
        if !options.stream {
            let replay = if options.logs { self.replay(&container, &options).await? } else { stream::empty().boxed() };
            return Ok(Attached { tty, output: replay, stdin: None });
        }
        let (replay, number, chunks) = self.join(&container, &options).await?;
        let guard = Guard { container: Arc::clone(&container), number };
        self.tell_container(&now.record, "attach", []);
        let stdin = (options.stdin && now.record.spec.open_stdin).then(|| {
            let (sender, receiver) = mpsc::channel(WAITING_INPUT);
            let client = Client { engine: self.clone(), container: Arc::clone(&container), number, tty, keys };
            tokio::spawn(client.forward(receiver, container.attachments.input()));
            sender
        });
        let live = ReceiverStream::new(chunks).map(move |chunk| {
            let _stays = &guard;
            chunk
        });
        Ok(Attached { tty, output: replay.chain(live).boxed(), stdin })
    }

    /// Adds a client. Where it wants the log too it gets that up to this moment, its unfinished line included (a
    /// prompt is one), and from then on what comes.
    async fn join(
        &self,
        container: &Container,
        options: &Attach,
    ) -> Result<(BoxStream<'static, Chunk>, u64, mpsc::Receiver<Chunk>)> {
        let add = || container.attachments.add(options.stdout, options.stderr);
        if !options.logs {
            let (number, chunks) = add();
            return Ok((stream::empty().boxed(), number, chunks));
        }
        let splitter = container.splitter.lock().await;
        let replay = self.replay(container, options).await?;
        let unfinished: Vec<_> = splitter
            .unfinished()
            .filter(|(channel, _)| if *channel == Channel::Stderr { options.stderr } else { options.stdout })
            .map(|(channel, bytes)| Chunk { channel, bytes })
            .collect();
        let (number, chunks) = add();
        Ok((replay.chain(stream::iter(unfinished)).boxed(), number, chunks))
    }

    /// The log as far as it is written now.
    async fn replay(&self, container: &Container, options: &Attach) -> Result<BoxStream<'static, Chunk>> {
        let read = ReadLogs { stdout: options.stdout, stderr: options.stderr, ..Default::default() };
        if !read.stdout && !read.stderr {
            return Ok(stream::empty().boxed());
        }
        let entries = self.logs_so_far(container, read).await?.filter_map(|entry| async move {
            let entry = entry.ok()?;
            Some(Chunk { channel: entry.channel, bytes: entry.line })
        });
        Ok(entries.boxed())
    }
}

fn refuse_if_unfit(now: &Published) -> Result<()> {
    let id = &now.record.id;
    match now.record.state.status {
        Status::Paused => {
            Err(Error::conflict(format!("container {id} is paused, unpause the container before attach")))
        }
        Status::Restarting => Err(Error::restarting(id)),
        _ => Ok(()),
    }
}

/// Takes the client off when its output is no longer read.
struct Guard {
    container: Arc<Container>,
    number: u64,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.container.attachments.remove(self.number);
    }
}

/// One client's input.
struct Client {
    engine: Engine,
    container: Arc<Container>,
    number: u64,
    tty: bool,
    keys: Vec<u8>,
}

impl Client {
    async fn forward(self, mut typed: mpsc::Receiver<Bytes>, process: mpsc::Sender<Input>) {
        let mut watcher = Watcher::new(self.keys.clone());
        while let Some(bytes) = typed.recv().await {
            let (bytes, leave) = if self.tty {
                match watcher.feed(&bytes) {
                    Typed::Pass(bytes) => (bytes.into(), false),
                    Typed::Detach(bytes) => (bytes.into(), true),
                }
            } else {
                (bytes, false)
            };
            if !bytes.is_empty() && process.send(Input::Bytes(bytes)).await.is_err() {
                return;
            }
            if leave {
                self.engine.tell_container(&self.container.record(), "detach", []);
                return self.container.attachments.remove(self.number);
            }
        }
        // The client's end of input. As dockerd: it closes the process's stdin where that was asked for (`-i` without
        // `-t`), else the client is let go.
        if self.container.record().spec.stdin_once && !self.tty {
            let _ = process.send(Input::End).await;
        } else {
            self.container.attachments.remove(self.number);
        }
    }
}
