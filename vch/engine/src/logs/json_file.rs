//! Writes a container's log as Docker's `json-file` driver does: a JSON object a line,
//! `{"log":"text\n","stream":"stdout","attrs":{"k":"v"},"time":"2026-01-02T03:04:05.000000006Z"}`.

use super::attributes::Attributes;
use super::options::Bounds;
use super::segments::Segments;
use crate::error::{Error, Result};
use crate::stream::Channel;
use crate::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fs::File;
use std::io::Write;
use std::thread::JoinHandle;

/// One line of the file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Line<'a> {
    /// The text with its newline, if it had one. Bytes that are no UTF-8 are shown as U+FFFD, as Docker does.
    #[serde(borrow)]
    pub(crate) log: Cow<'a, str>,
    /// `stdout` or `stderr`.
    #[serde(borrow)]
    pub(crate) stream: Cow<'a, str>,
    /// What the log options ask to be kept with each line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) attrs: Option<Cow<'a, Attributes>>,
    /// RFC 3339 with nanoseconds.
    #[serde(borrow)]
    pub(crate) time: Cow<'a, str>,
}

/// The writing end. Lines are gathered and written together; [`Writer::flush`] makes them visible to readers.
#[derive(Debug)]
pub(crate) struct Writer {
    segments: Segments,
    bounds: Bounds,
    attributes: Attributes,
    file: File,
    /// Bytes of the file, those that are gathered for it included.
    size: u64,
    pending: Vec<u8>,
    /// Where in `pending` a new file begins.
    cuts: Vec<usize>,
    packing: Option<JoinHandle<()>>,
}

impl Writer {
    /// Opens the log for appending.
    ///
    /// # Errors
    /// The file cannot be made or read.
    pub(crate) fn open(segments: Segments, bounds: Bounds, attributes: Attributes) -> Result<Self> {
        let opened = segments.append().and_then(|file| Ok((file.metadata()?.len(), file)));
        let failed = |e: std::io::Error| Error::chain(&format!("open the log {}", segments.path().display()), &e);
        let (size, file) = opened.map_err(failed)?;
        Ok(Self { segments, bounds, attributes, file, size, pending: Vec::new(), cuts: Vec::new(), packing: None })
    }

    /// Adds an entry.
    pub(crate) fn add(&mut self, channel: Channel, time: Timestamp, text: &[u8]) {
        // As dockerd: a file may grow beyond its bound by one entry.
        if self.bounds.max_size.is_some_and(|max| self.size >= max) {
            self.cuts.push(self.pending.len());
            self.size = 0;
        }
        let before = self.pending.len();
        let line = Line {
            log: String::from_utf8_lossy(text),
            stream: match channel {
                Channel::Stderr => "stderr".into(),
                Channel::Stdout | Channel::System => "stdout".into(),
            },
            attrs: (!self.attributes.is_empty()).then_some(Cow::Borrowed(&self.attributes)),
            time: time.rfc3339_nano().into(),
        };
        // Writing strings to memory as JSON cannot fail.
        if serde_json::to_writer(&mut self.pending, &line).is_ok() {
            self.pending.push(b'\n');
        }
        self.size += (self.pending.len() - before) as u64;
    }

    /// Bytes that wait to be written.
    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Whether [`Writer::flush`] begins a new file, which takes a moment longer.
    pub(crate) fn rotates(&self) -> bool {
        !self.cuts.is_empty()
    }

    /// Writes what was gathered. A write that fails loses lines, and is told once by the caller.
    pub(crate) fn flush(&mut self) -> std::io::Result<()> {
        let outcome = self.write();
        self.pending.clear();
        self.cuts.clear();
        outcome
    }

    fn write(&mut self) -> std::io::Result<()> {
        let mut from = 0;
        for cut in std::mem::take(&mut self.cuts) {
            self.file.write_all(&self.pending[from..cut])?;
            from = cut;
            self.rotate()?;
        }
        self.file.write_all(&self.pending[from..])
    }

    fn rotate(&mut self) -> std::io::Result<()> {
        self.settle();
        self.file = self.segments.rotate(self.bounds)?;
        if self.bounds.compress && self.bounds.max_files > 1 {
            let segments = self.segments.clone();
            let pack = move || {
                if let Err(error) = segments.pack() {
                    tracing::warn!(log = %segments.path().display(), %error, "a full log is not compressed");
                }
            };
            self.packing = Some(std::thread::Builder::new().name("log".into()).spawn(pack)?);
        }
        Ok(())
    }

    /// Waits until the last full file is compressed.
    fn settle(&mut self) {
        if let Some(packing) = self.packing.take()
            && packing.join().is_err()
        {
            tracing::warn!(log = %self.segments.path().display(), "compressing a full log went wrong");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // The container's folder may be removed next.
        self.settle();
    }
}
