//! Sends a container's log to a syslog server (moby `daemon/logger/syslog`, and srslog, which it is built on).
//!
//! Formats RFC 3164, RFC 5424 with seconds or microseconds, and that of local sockets; over UDP, TCP, TLS (RFC 5425 framing
//! with RFC 5424), and unix sockets of both kinds. Times are in UTC.

mod address;
mod format;
mod link;
mod tls;

use super::sink::Entry;
use super::tag;
use crate::container::record::Record;
use crate::error::Result;
use address::Address;
use format::{Format, Header};
use link::Link;
use std::collections::BTreeMap;

/// Options that the driver knows.
pub(super) const OPTIONS: &[&str] = &[
    "env",
    "env-regex",
    "labels",
    "labels-regex",
    "syslog-address",
    "syslog-facility",
    "syslog-tls-ca-cert",
    "syslog-tls-cert",
    "syslog-tls-key",
    "syslog-tls-skip-verify",
    "syslog-format",
    "tag",
];

/// Checks what dockerd checks at create.
///
/// # Errors
/// A bad address, facility or format, in dockerd's words.
pub(super) fn check(options: &BTreeMap<String, String>) -> Result<()> {
    Address::of(options)?;
    format::facility(options)?;
    Format::of(options)?;
    Ok(())
}

/// A connection to a syslog server.
#[derive(Debug)]
pub(super) struct Syslog {
    link: Link,
    header: Header,
}

impl Syslog {
    /// Connects for a container that starts.
    ///
    /// # Errors
    /// A bad option, or a server that cannot be reached, in about Go's words.
    pub(super) async fn open(record: &Record) -> Result<Self> {
        let options = &record.spec.host.log.options;
        let address = Address::of(options)?;
        let format = Format::of(options)?;
        let template = options.get("tag").map(String::as_str).filter(|tag| !tag.is_empty());
        let header = Header {
            format,
            facility: format::facility(options)?,
            counted: matches!(address, Address::Tls { .. }) && format.is_5424(),
            tag: tag::of(template.unwrap_or(tag::DEFAULT), record)?,
            hostname: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            pid: std::process::id(),
        };
        let tls = match address {
            Address::Tls { .. } => Some(tls::connector(options)?),
            _ => None,
        };
        Ok(Self { link: Link::open(address, tls).await?, header })
    }

    /// Sends an entry.
    ///
    /// # Errors
    /// The server cannot be reached any more; it is tried anew with the next entry.
    pub(super) async fn send(&mut self, entry: &Entry) -> Result<()> {
        let message = self.header.message(entry);
        self.link.send(&message).await
    }
}

#[cfg(test)]
mod tests;
