//! Moves a run's output to the log and the attached clients, and the clients' input to the process.

use super::Container;
use super::attach::Input;
use crate::logs::json_file::Writer;
use crate::stream::Channel;
use crate::timestamp::Timestamp;
use std::sync::Arc;
use tokio::sync::{Notify, mpsc};
use vch_sandbox::{OutputReader, StdinWriter};

/// Bytes of log lines that are gathered before they are written, while more output is at hand.
const GATHERED: usize = 256 * 1024;

/// Moves output until its end. `cut_off` lets go of clients that do not read.
pub(crate) async fn output(
    container: Arc<Container>,
    mut output: OutputReader,
    mut log: Option<Writer>,
    cut_off: Arc<Notify>,
) {
    let mut cut = false;
    let mut told = false;
    while let Some((channel, bytes)) = output.next().await {
        let channel = Channel::from(channel);
        let clients = {
            let mut splitter = container.splitter.lock().await;
            if let Some(writer) = &mut log {
                let now = Timestamp::now();
                splitter.push(channel, &bytes, |line| writer.add(channel, now, line));
                if writer.pending() > 0 {
                    told |= flush(&container, writer, told);
                }
            }
            container.attachments.wanting(channel)
        };
        if !cut {
            tokio::select! {
                () = container.attachments.hand(clients, channel, &bytes) => {}
                () = cut_off.notified() => cut = true,
            }
        }
    }
    if let Some(mut writer) = log {
        let now = Timestamp::now();
        let mut splitter = container.splitter.lock().await;
        for (channel, rest) in splitter.finish() {
            writer.add(channel, now, &rest);
        }
        flush(&container, &mut writer, told);
    }
}

/// Writes what was gathered and wakes followers. Returns whether that failed, which is told once.
fn flush(container: &Container, writer: &mut Writer, told: bool) -> bool {
    // A disk that stands still must not stand in the way of other containers' tasks.
    let outcome =
        if writer.pending() > GATHERED / 4 { tokio::task::block_in_place(|| writer.flush()) } else { writer.flush() };
    container.log.send_modify(|progress| progress.flushed += 1);
    match outcome {
        Err(error) if !told => {
            tracing::error!(container = %container.id, %error, "log lines are lost: free space under the data root");
            true
        }
        _ => false,
    }
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
