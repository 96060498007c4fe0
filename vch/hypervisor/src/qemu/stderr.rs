//! What a QEMU process says on its standard error, kept within bounds.
//!
//! A task drains the pipe as long as the daemon lives, so QEMU never waits for it; when the daemon is gone QEMU's
//! writes fail, which it ignores. The first [`MAX_LOG`] bytes go to `qemu.log`, the last [`MAX_TAIL`] stay for messages.

use std::{
    fs::File,
    io::Write,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{io::AsyncReadExt, net::unix::pipe::Receiver, task::JoinHandle};

const MAX_LOG: usize = 64 * 1024;
const MAX_TAIL: usize = 8 * 1024;

/// The end of a process's standard error.
pub(crate) struct Stderr {
    tail: Arc<Mutex<Vec<u8>>>,
    task: Option<JoinHandle<()>>,
}

impl Stderr {
    /// Drains `pipe` from now on, into `log` too.
    pub(crate) fn drain(pipe: Receiver, log: PathBuf) -> Self {
        let tail = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(drain(pipe, log, tail.clone()));
        Self { tail, task: Some(task) }
    }

    /// Of a process whose pipe ended with an earlier daemon.
    pub(crate) fn unknown() -> Self {
        Self { tail: Arc::default(), task: None }
    }

    /// The last of it, after the process has ended.
    pub(crate) async fn last(self) -> String {
        if let Some(task) = self.task {
            // The pipe ends with its last holder, which is the process; the limit is for the case that it is not.
            let _ = tokio::time::timeout(Duration::from_secs(1), task).await;
        }
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&tail).trim().to_owned()
    }
}

async fn drain(mut pipe: Receiver, log: PathBuf, tail: Arc<Mutex<Vec<u8>>>) {
    // Opened at the first word: most machines never say one.
    let mut file = None;
    let mut logged = 0;
    let mut buffer = [0; 4096];
    loop {
        let bytes = match pipe.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => &buffer[..count],
        };
        let room = bytes.len().min(MAX_LOG - logged);
        if room > 0 {
            if file.is_none() {
                file = File::create(&log).ok();
            }
            logged += room;
            if let Some(Err(error)) = file.as_mut().map(|file| file.write_all(&bytes[..room])) {
                tracing::debug!(%error, log = %log.display(), "cannot write a machine's log");
            }
        }
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.extend_from_slice(bytes);
        let excess = tail.len().saturating_sub(MAX_TAIL);
        tail.drain(..excess);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{io::AsyncWriteExt, net::unix::pipe};

    #[tokio::test]
    async fn the_log_keeps_the_start_and_the_tail_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let (mut sender, receiver) = pipe::pipe().unwrap();
        let stderr = Stderr::drain(receiver, directory.path().join("log"));
        sender.write_all(b"first\n").await.unwrap();
        sender.write_all(&vec![b'x'; 200_000]).await.unwrap();
        sender.write_all(b"\nlast \xff\n").await.unwrap();
        drop(sender);
        let tail = stderr.last().await;
        assert!(tail.ends_with("\nlast \u{fffd}") && tail.len() <= MAX_TAIL + 2);
        let log = std::fs::read(directory.path().join("log")).unwrap();
        assert!(log.starts_with(b"first\nxxx") && log.len() == MAX_LOG);
    }
}
