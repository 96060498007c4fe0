//! How a syslog message is written.

use crate::error::{Error, Result};
use crate::logs::sink::Entry;
use crate::stream::Channel;
use crate::timestamp::Timestamp;
use std::collections::BTreeMap;
use time::OffsetDateTime;
use time::format_description::FormatItem;
use time::macros::format_description;

/// Facilities by number (RFC 5424, 6.2.1), as dockerd names them; those between `ftp` and `local0` have no name.
const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "", "", "",
    "", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
];

/// dockerd's default, `daemon`.
const DAEMON: u8 = 3;

/// Severity of what comes on standard error.
const ERROR: u8 = 3;

/// Severity of what comes on standard output.
const INFO: u8 = 6;

const STAMP: &[FormatItem<'_>] = format_description!("[month repr:short] [day padding:space] [hour]:[minute]:[second]");
const SECONDS: &[FormatItem<'_>] = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
const MICROS: &[FormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// `syslog-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// As on local sockets: RFC 3164 without a host name.
    Local,
    /// RFC 3164.
    Rfc3164,
    /// RFC 5424, the tag as its application and message ID.
    Rfc5424,
    /// The same with microseconds.
    Rfc5424Micro,
}

impl Format {
    /// As the options say.
    ///
    /// # Errors
    /// dockerd's words for an unknown one.
    pub(super) fn of(options: &BTreeMap<String, String>) -> Result<Self> {
        match options.get("syslog-format").map_or("", String::as_str) {
            "" => Ok(Self::Local),
            "rfc3164" => Ok(Self::Rfc3164),
            "rfc5424" => Ok(Self::Rfc5424),
            "rfc5424micro" => Ok(Self::Rfc5424Micro),
            _ => Err(Error::invalid("Invalid syslog format")),
        }
    }

    /// Whether it is one of RFC 5424.
    pub(super) fn is_5424(self) -> bool {
        matches!(self, Self::Rfc5424 | Self::Rfc5424Micro)
    }
}

/// `syslog-facility`, by name or number.
///
/// # Errors
/// dockerd's words for an unknown one.
pub(super) fn facility(options: &BTreeMap<String, String>) -> Result<u8> {
    let text = options.get("syslog-facility").map_or("", String::as_str);
    if text.is_empty() {
        return Ok(DAEMON);
    }
    let named = FACILITIES.iter().position(|name| *name == text).and_then(|at| u8::try_from(at).ok());
    let number = || text.parse().ok().filter(|n| usize::from(*n) < FACILITIES.len());
    named.or_else(number).ok_or_else(|| Error::invalid("invalid syslog facility"))
}

/// What every message of one container says before its text.
#[derive(Debug)]
pub(super) struct Header {
    /// How it is written.
    pub(super) format: Format,
    /// By number.
    pub(super) facility: u8,
    /// Each message begins with its length (RFC 5425).
    pub(super) counted: bool,
    /// Names the container.
    pub(super) tag: String,
    /// Of this machine.
    pub(super) hostname: String,
    /// Of this daemon.
    pub(super) pid: u32,
}

impl Header {
    /// An entry as it goes to the server, with a newline at its end.
    pub(super) fn message(&self, entry: &Entry) -> Vec<u8> {
        let severity = if entry.channel == Channel::Stderr { ERROR } else { INFO };
        let priority = self.facility * 8 + severity;
        let Self { tag, hostname, pid, .. } = self;
        let time = |how| stamp(entry.time, how);
        let head = match self.format {
            Format::Local => format!("<{priority}>{} {tag}[{pid}]: ", time(STAMP)),
            Format::Rfc3164 => format!("<{priority}>{} {hostname} {tag}[{pid}]: ", time(STAMP)),
            Format::Rfc5424 => format!("<{priority}>1 {} {hostname} {tag} {pid} {tag} - ", time(SECONDS)),
            Format::Rfc5424Micro => format!("<{priority}>1 {} {hostname} {tag} {pid} {tag} - ", time(MICROS)),
        };
        let text = entry.text.strip_suffix(b"\n").unwrap_or(&entry.text);
        let message = [head.as_bytes(), text, b"\n"].concat();
        if self.counted { [format!("{} ", message.len()).as_bytes(), &message].concat() } else { message }
    }
}

fn stamp(time: Timestamp, how: &[FormatItem<'_>]) -> String {
    let moment = OffsetDateTime::from_unix_timestamp_nanos(time.0.into()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    // These formats name no part that a time could lack.
    moment.format(how).unwrap_or_default()
}
