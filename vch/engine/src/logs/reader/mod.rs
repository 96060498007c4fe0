//! Reads a container's log back: from its start or its last lines, within times, following while it grows.
//!
//! Memory is bounded: the file is read in pieces, and a tail is found by reading backwards.

use super::json_file::Line;
use crate::error::{Error, Result};
use crate::requests::ReadLogs;
use crate::stream::{Channel, LogEntry};
use crate::timestamp::Timestamp;
use bytes::Bytes;
use std::io::SeekFrom;
use std::path::{Path, PathBuf};
use tokio::fs::File;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, BufReader};
use tokio::sync::{mpsc, watch};

/// Longest line of the file that is read, in bytes: a 16 KiB entry, every byte escaped, and its frame.
const LONGEST: u64 = 256 * 1024;

/// Bytes that are read at a time when a tail is looked for.
const STEP: u64 = 64 * 1024;

/// What tells a following reader that there is more, or that there will be no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Progress {
    /// Grows with every flush of the log.
    pub(crate) flushed: u64,
    /// Grows with every start of the container.
    pub(crate) runs: u64,
    /// Whether something writes.
    pub(crate) writing: bool,
}

/// Reads the log at `path` into `entries` until its end, or, following, until its writer ends or nobody listens.
pub(crate) async fn read(
    path: PathBuf,
    options: ReadLogs,
    mut progress: watch::Receiver<Progress>,
    entries: mpsc::Sender<Result<LogEntry>>,
) {
    if let Err(error) = pump(&path, &options, &mut progress, &entries).await {
        let _ = entries.send(Err(error)).await;
    }
}

async fn pump(
    path: &Path,
    options: &ReadLogs,
    progress: &mut watch::Receiver<Progress>,
    entries: &mpsc::Sender<Result<LogEntry>>,
) -> Result<()> {
    let failed = |e: std::io::Error| failed(path, &e);
    let mut file = loop {
        let seen = *progress.borrow_and_update();
        match File::open(path).await {
            Ok(file) => break file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                if !options.follow || !wait_for_more(progress, seen, options, entries).await {
                    return Ok(());
                }
            }
            Err(e) => return Err(failed(e)),
        }
    };
    if let Some(lines) = options.tail {
        seek_to_tail(&mut file, lines).await.map_err(failed)?;
    }
    let mut reader = BufReader::with_capacity(STEP as usize, file);
    let mut line = Vec::new();
    loop {
        let seen = *progress.borrow_and_update();
        let more = lines(&mut reader, &mut line, path, options, entries).await?;
        if !more || !options.follow || !wait_for_more(progress, seen, options, entries).await {
            return Ok(());
        }
    }
}

fn failed(path: &Path, error: &std::io::Error) -> Error {
    Error::chain(&format!("read the log {}", path.display()), error)
}

/// Gives the entries up to the end of what is written; `line` keeps a line that is written in part. `false` when no more
/// are wanted.
async fn lines(
    reader: &mut (impl AsyncBufRead + Unpin),
    line: &mut Vec<u8>,
    path: &Path,
    options: &ReadLogs,
    entries: &mpsc::Sender<Result<LogEntry>>,
) -> Result<bool> {
    loop {
        let room = LONGEST.saturating_sub(line.len() as u64);
        (&mut *reader).take(room).read_until(b'\n', line).await.map_err(|e| failed(path, &e))?;
        if line.last() != Some(&b'\n') {
            if line.len() as u64 >= LONGEST {
                return Err(Error::system(format!("the log {} has an overlong line", path.display())));
            }
            return Ok(true);
        }
        if let Some(entry) = parse(line)
            && wanted(&entry, options)
        {
            if options.until.is_some_and(|until| entry.time > until) {
                return Ok(false);
            }
            if entries.send(Ok(entry)).await.is_err() {
                return Ok(false);
            }
        }
        line.clear();
    }
}

/// What is written of a log at one moment.
#[derive(Debug)]
pub(crate) struct Written {
    path: PathBuf,
    file: File,
    length: u64,
}

impl Written {
    /// What is written of the log at `path` now; `None` where nothing ever was.
    pub(crate) async fn open(path: &Path) -> Result<Option<Self>> {
        let file = match File::open(path).await {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(|e| failed(path, &e))?,
        };
        let length = file.metadata().await.map_err(|e| failed(path, &e))?.len();
        Ok(Some(Self { path: path.to_owned(), file, length }))
    }

    /// Reads it into `entries`, whatever is written meanwhile. Of `options`, following and tail do not apply.
    pub(crate) async fn read(self, options: ReadLogs, entries: mpsc::Sender<Result<LogEntry>>) {
        let mut reader = BufReader::with_capacity(STEP as usize, self.file.take(self.length));
        if let Err(error) = lines(&mut reader, &mut Vec::new(), &self.path, &options, &entries).await {
            let _ = entries.send(Err(error)).await;
        }
    }
}

/// Waits until the log has grown since `seen`. `false` when it will not: its writer has ended, the time has come, or
/// nobody listens.
async fn wait_for_more(
    progress: &mut watch::Receiver<Progress>,
    seen: Progress,
    options: &ReadLogs,
    entries: &mpsc::Sender<Result<LogEntry>>,
) -> bool {
    if !seen.writing {
        return false;
    }
    let end = async {
        match options.until {
            Some(until) => tokio::time::sleep(until.since(Timestamp::now())).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        changed = progress.wait_for(|now| *now != seen) => changed.is_ok(),
        () = end => false,
        () = entries.closed() => false,
    }
}

fn parse(line: &[u8]) -> Option<LogEntry> {
    let line: Line<'_> = serde_json::from_slice(line).ok()?;
    Some(LogEntry {
        channel: if line.stream == "stderr" { Channel::Stderr } else { Channel::Stdout },
        time: Timestamp::parse_rfc3339(&line.time)?,
        line: Bytes::from(line.log.into_owned()),
        attributes: String::new(),
    })
}

fn wanted(entry: &LogEntry, options: &ReadLogs) -> bool {
    let asked = match entry.channel {
        Channel::Stderr => options.stderr,
        Channel::Stdout | Channel::System => options.stdout,
    };
    asked && options.since.is_none_or(|since| entry.time >= since)
}

/// Moves to the start of the last `lines` lines.
async fn seek_to_tail(file: &mut File, lines: usize) -> std::io::Result<()> {
    let end = file.metadata().await?.len();
    if lines == 0 {
        file.seek(SeekFrom::End(0)).await?;
        return Ok(());
    }
    let mut at = end;
    let mut left = lines;
    let mut piece = Vec::new();
    while at > 0 {
        let step = STEP.min(at);
        at -= step;
        file.seek(SeekFrom::Start(at)).await?;
        piece.resize(step as usize, 0);
        file.read_exact(&mut piece).await?;
        for (offset, byte) in piece.iter().enumerate().rev() {
            let position = at + offset as u64;
            // The newline that ends the last line does not start another.
            if *byte != b'\n' || position + 1 == end {
                continue;
            }
            left = left.saturating_sub(1);
            if left == 0 {
                file.seek(SeekFrom::Start(position + 1)).await?;
                return Ok(());
            }
        }
    }
    file.seek(SeekFrom::Start(0)).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
