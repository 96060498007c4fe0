//! Writes a container's log as Docker's `json-file` driver does: a JSON object a line,
//! `{"log":"text\n","stream":"stdout","time":"2026-01-02T03:04:05.000000006Z"}`.

use crate::error::{Error, Result};
use crate::stream::Channel;
use crate::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// One line of the file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Line<'a> {
    /// The text with its newline, if it had one. Bytes that are no UTF-8 are shown as U+FFFD, as Docker does.
    #[serde(borrow)]
    pub(crate) log: Cow<'a, str>,
    /// `stdout` or `stderr`.
    #[serde(borrow)]
    pub(crate) stream: Cow<'a, str>,
    /// RFC 3339 with nanoseconds.
    #[serde(borrow)]
    pub(crate) time: Cow<'a, str>,
}

/// The writing end. Lines are gathered and written together; [`Writer::flush`] makes them visible to readers.
#[derive(Debug)]
pub(crate) struct Writer {
    file: File,
    pending: Vec<u8>,
}

impl Writer {
    /// Opens the log for appending.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::options()
            .create(true)
            .append(true)
            .open(path)
            .map_err(|e| Error::chain(&format!("open the log {}", path.display()), &e))?;
        Ok(Self { file, pending: Vec::new() })
    }

    /// Adds an entry.
    pub(crate) fn add(&mut self, channel: Channel, time: Timestamp, text: &[u8]) {
        let line = Line {
            log: String::from_utf8_lossy(text),
            stream: match channel {
                Channel::Stderr => "stderr".into(),
                Channel::Stdout | Channel::System => "stdout".into(),
            },
            time: time.rfc3339_nano().into(),
        };
        // Writing strings to memory as JSON cannot fail.
        if serde_json::to_writer(&mut self.pending, &line).is_ok() {
            self.pending.push(b'\n');
        }
    }

    /// Bytes that wait to be written.
    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Writes what was gathered. A write that fails loses those lines, and is told once by the caller.
    pub(crate) fn flush(&mut self) -> std::io::Result<()> {
        let outcome = self.file.write_all(&self.pending);
        self.pending.clear();
        outcome
    }
}
