//! Moves a run's output to the log and the attached clients, and the clients' input to the process.

use super::Container;
use super::attach::Input;
use crate::logs::sink::Sink;
use crate::stream::Channel;
use crate::timestamp::Timestamp;
use std::sync::Arc;
use tokio::sync::{Notify, mpsc};
use vch_sandbox::{OutputReader, StdinWriter};

/// Moves output until its end. `cut_off` lets go of clients that do not read.
pub(crate) async fn output(container: Arc<Container>, mut output: OutputReader, mut log: Sink, cut_off: Arc<Notify>) {
    let mut cut = false;
    while let Some((channel, bytes)) = output.next().await {
        let channel = Channel::from(channel);
        let clients = {
            let mut splitter = container.splitter.lock().await;
            if !matches!(log, Sink::Nothing) {
                let now = Timestamp::now();
                splitter.push(channel, &bytes, |line| log.add(channel, now, line));
                log.flush();
            }
            container.attachments.wanting(channel)
        };
        if !cut {
            tokio::select! {
                () = container.attachments.hand(clients, channel, &bytes) => {}
                () = cut_off.notified() => cut = true,
            }
        }
        log.deliver().await;
    }
    let now = Timestamp::now();
    let mut splitter = container.splitter.lock().await;
    for (channel, rest) in splitter.finish() {
        log.add(channel, now, &rest);
    }
    log.flush();
    drop(splitter);
    log.close().await;
}

/// Moves input until the process takes no more. Without a terminal, `End` closes the process's stdin.
pub(crate) async fn input(mut clients: mpsc::Receiver<Input>, mut stdin: StdinWriter) {
    loop {
        let next = tokio::select! {
            next = clients.recv() => next,
            () = stdin.closed() => return,
        };
        match next {
            Some(Input::Bytes(bytes)) => {
                if stdin.write(bytes).await.is_err() {
                    return;
                }
            }
            Some(Input::End) | None => return stdin.close(),
        }
    }
}
