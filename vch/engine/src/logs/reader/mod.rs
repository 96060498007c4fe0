//! Reads a container's log back: from its start or its last lines, within times, following while it grows, over all of
//! its files.
//!
//! Memory is bounded: files are read in pieces, one after the other, and a tail is found by reading backwards. A follower
//! goes on to the file after the one that it has read to its end; only where its client is slower than whole files are
//! written and removed does it miss some, as with dockerd.

use super::attributes;
use super::json_file::Line;
use super::segments::Segments;
use crate::error::{Error, Result};
use crate::requests::ReadLogs;
use crate::stream::{Channel, LogEntry};
use crate::timestamp::Timestamp;
use bytes::Bytes;
use std::io::SeekFrom;
use tokio::fs::File;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, BufReader};
use tokio::sync::{mpsc, watch};

/// Longest line of the file that is read, in bytes: a 16 KiB entry, every byte escaped, and its frame with attributes.
const LONGEST: u64 = 1024 * 1024;

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

/// Reads a log into `entries` until its end, or, following, until its writer ends or nobody listens.
pub(crate) async fn read(
    log: Segments,
    options: ReadLogs,
    mut progress: watch::Receiver<Progress>,
    entries: mpsc::Sender<Result<LogEntry>>,
) {
    if let Err(error) = pump(&log, &options, &mut progress, &entries).await {
        let _ = entries.send(Err(error)).await;
    }
}

async fn pump(
    log: &Segments,
    options: &ReadLogs,
    progress: &mut watch::Receiver<Progress>,
    entries: &mpsc::Sender<Result<LogEntry>>,
) -> Result<()> {
    let (mut number, mut file) = loop {
        let seen = *progress.borrow_and_update();
        match begin(log, options).await? {
            Some(found) => break found,
            None if options.follow && wait_for_more(progress, seen, options, entries).await => {}
            None => return Ok(()),
        }
    };
    let last = log.newest();
    loop {
        let mut reader = BufReader::with_capacity(STEP as usize, file);
        let mut line = Vec::new();
        loop {
            let seen = *progress.borrow_and_update();
            // Looked at before the file's end is: what is full by now is read to its end then.
            let full = log.newest() > number && (options.follow || number < last);
            if !lines(&mut reader, &mut line, log, options, entries).await? {
                return Ok(());
            }
            if full {
                break;
            }
            if !options.follow || !wait_for_more(progress, seen, options, entries).await {
                return Ok(());
            }
        }
        match open(log, number + 1).await? {
            Some(next) => (number, file) = next,
            None => return Ok(()),
        }
    }
}

/// Opens a file of the log, or the oldest there is after it.
async fn open(log: &Segments, number: u64) -> Result<Option<(u64, File)>> {
    let segments = log.clone();
    let opened = tokio::task::spawn_blocking(move || segments.open(number)).await;
    let opened = opened.map_err(|e| failed(log, &std::io::Error::other(e)))?.map_err(|e| failed(log, &e))?;
    Ok(opened.map(|(number, file)| (number, File::from_std(file))))
}

/// The file that reading begins with, at its start or where the tail begins.
async fn begin(log: &Segments, options: &ReadLogs) -> Result<Option<(u64, File)>> {
    let Some(mut left) = options.tail else { return open(log, log.oldest()).await };
    let oldest = log.oldest();
    let mut wanted = log.newest();
    let mut found = None;
    while let Some((number, mut file)) = open(log, wanted).await? {
        if number > wanted {
            // It has been removed meanwhile.
            break;
        }
        left = seek_to_tail(&mut file, left).await.map_err(|e| failed(log, &e))?;
        found = Some((number, file));
        if left == 0 || number <= oldest {
            break;
        }
        wanted = number - 1;
    }
    Ok(found)
}

fn failed(log: &Segments, error: &std::io::Error) -> Error {
    Error::chain(&format!("read the log {}", log.path().display()), error)
}

/// Gives the entries up to the end of what is written; `line` keeps a line that is written in part. `false` when no more
/// are wanted.
async fn lines(
    reader: &mut (impl AsyncBufRead + Unpin),
    line: &mut Vec<u8>,
    log: &Segments,
    options: &ReadLogs,
    entries: &mpsc::Sender<Result<LogEntry>>,
) -> Result<bool> {
    loop {
        let room = LONGEST.saturating_sub(line.len() as u64);
        (&mut *reader).take(room).read_until(b'\n', line).await.map_err(|e| failed(log, &e))?;
        if line.last() != Some(&b'\n') {
            if line.len() as u64 >= LONGEST {
                return Err(Error::system(format!("the log {} has an overlong line", log.path().display())));
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
    log: Segments,
    oldest: u64,
    newest: (u64, File),
    length: u64,
}

impl Written {
    /// What is written of the log now; `None` where nothing ever was.
    pub(crate) async fn open(log: Segments) -> Result<Option<Self>> {
        let oldest = log.oldest();
        let Some(newest) = open(&log, log.newest()).await? else { return Ok(None) };
        let length = newest.1.metadata().await.map_err(|e| failed(&log, &e))?.len();
        Ok(Some(Self { log, oldest, newest, length }))
    }

    /// Reads it into `entries`, whatever is written meanwhile. Of `options`, following and tail do not apply.
    pub(crate) async fn read(self, options: ReadLogs, entries: mpsc::Sender<Result<LogEntry>>) {
        if let Err(error) = self.give(&options, &entries).await {
            let _ = entries.send(Err(error)).await;
        }
    }

    async fn give(self, options: &ReadLogs, entries: &mpsc::Sender<Result<LogEntry>>) -> Result<()> {
        let Self { log, oldest, newest: (newest, file), length } = self;
        let mut number = oldest;
        while number < newest {
            let Some((found, file)) = open(&log, number).await? else { break };
            if found >= newest {
                break;
            }
            let mut reader = BufReader::with_capacity(STEP as usize, file);
            if !lines(&mut reader, &mut Vec::new(), &log, options, entries).await? {
                return Ok(());
            }
            number = found + 1;
        }
        let mut reader = BufReader::with_capacity(STEP as usize, file.take(length));
        lines(&mut reader, &mut Vec::new(), &log, options, entries).await.map(drop)
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
        attributes: line.attrs.as_deref().map(attributes::shown).unwrap_or_default(),
    })
}

fn wanted(entry: &LogEntry, options: &ReadLogs) -> bool {
    let asked = match entry.channel {
        Channel::Stderr => options.stderr,
        Channel::Stdout | Channel::System => options.stdout,
    };
    asked && options.since.is_none_or(|since| entry.time >= since)
}

/// Moves to the start of the last `lines` lines, or of the file if it has no more. Returns how many it lacks.
async fn seek_to_tail(file: &mut File, lines: usize) -> std::io::Result<usize> {
    let end = file.metadata().await?.len();
    if lines == 0 {
        file.seek(SeekFrom::End(0)).await?;
        return Ok(0);
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
            left -= 1;
            if left == 0 {
                file.seek(SeekFrom::Start(position + 1)).await?;
                return Ok(0);
            }
        }
    }
    file.seek(SeekFrom::Start(0)).await?;
    // The first line has no newline before it.
    Ok(left - usize::from(end > 0))
}

#[cfg(test)]
mod tests;
