//! `syslog-address`: where the server is.

use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Port where none is given.
const PORT: &str = "514";

/// Where the server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// This machine's own, on one of the usual sockets.
    Local,
    /// `host:port`.
    Udp(String),
    /// `host:port`.
    Tcp(String),
    /// TLS over TCP.
    Tls {
        /// The name that the certificate is to be for.
        host: String,
        /// `host:port`.
        address: String,
    },
    /// A stream socket.
    Unix(PathBuf),
    /// A datagram socket.
    Unixgram(PathBuf),
}

impl Address {
    /// As the options say.
    ///
    /// # Errors
    /// It is no address, or names a socket that is not there: in dockerd's words.
    pub(super) fn of(options: &BTreeMap<String, String>) -> Result<Self> {
        match options.get("syslog-address").map_or("", String::as_str) {
            "" => Ok(Self::Local),
            text => Self::parse(text),
        }
    }

    fn parse(text: &str) -> Result<Self> {
        let bad = || Error::invalid(format!("syslog-address should be in form proto://address, got {text}"));
        let (scheme, rest) = text.split_once("://").ok_or_else(bad)?;
        match scheme {
            "unix" | "unixgram" => {
                let path = Path::new(rest);
                std::fs::metadata(path).map_err(|e| Error::invalid(format!("stat {rest}: {}", words(&e))))?;
                Ok(if scheme == "unix" { Self::Unix(path.into()) } else { Self::Unixgram(path.into()) })
            }
            "udp" | "tcp" | "tcp+tls" => {
                let (host, port) = split(rest.split('/').next().unwrap_or_default())?;
                let address = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
                Ok(match scheme {
                    "udp" => Self::Udp(address),
                    "tcp" => Self::Tcp(address),
                    _ => Self::Tls { host, address },
                })
            }
            _ => Err(bad()),
        }
    }
}

/// Go's `net.SplitHostPort`, with the port that is usual where none is given.
fn split(text: &str) -> Result<(String, String)> {
    if let Some(rest) = text.strip_prefix('[') {
        let missing = || Error::invalid(format!("address {text}: missing ']' in address"));
        let (host, after) = rest.split_once(']').ok_or_else(missing)?;
        return Ok((host.into(), after.strip_prefix(':').unwrap_or(PORT).into()));
    }
    match text.split_once(':') {
        Some((_, port)) if port.contains(':') => {
            Err(Error::invalid(format!("address {text}: too many colons in address")))
        }
        Some((host, port)) => Ok((host.into(), port.into())),
        None => Ok((text.into(), PORT.into())),
    }
}

/// An error's words as Go prints them.
pub(super) fn words(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" (os error").map_or(text.as_str(), |(words, _)| words);
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
