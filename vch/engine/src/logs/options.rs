//! What is asked of a log: checked at create as moby's `logger.ValidateLogOpts` does, read at start as its drivers do.

use super::amount::{boolean, human_size, ram_size, whole};
use super::{journald, syslog, tag};
use crate::container::spec::LogConfig;
use crate::error::{Error, Result};
use std::collections::BTreeMap;

/// Options of every driver.
const ANY: &[&str] =
    &["mode", "max-buffer-size", "cache-disabled", "cache-max-size", "cache-max-file", "cache-compress"];

/// Buffer of a log that does not block, in bytes, where no size is given (moby `defaultRingMaxSize`).
const BUFFER: u64 = 1_000_000;

/// Fills in the daemon's default for a container and checks the whole.
///
/// # Errors
/// An unknown driver or option, a mode that there is not: in dockerd's words. A `tag` that is not done: by name.
pub(crate) fn settle(mut asked: LogConfig, default: &LogConfig) -> Result<LogConfig> {
    if asked.driver.is_empty() {
        asked.driver.clone_from(&default.driver);
    }
    if asked.driver == default.driver {
        for (key, value) in &default.options {
            asked.options.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
    check(&asked)?;
    Ok(asked)
}

/// Checks a driver and its options.
///
/// # Errors
/// An unknown driver or option, a mode that there is not: in dockerd's words. A `tag` that is not done: by name.
pub fn check(log: &LogConfig) -> Result<()> {
    let driver = log.driver.as_str();
    let (known, own): (&[&str], _) = match driver {
        "none" => return Ok(()),
        "json-file" => (
            &["max-file", "max-size", "compress", "labels", "labels-regex", "env", "env-regex", "tag"],
            "for json-file log driver",
        ),
        "local" => (&["max-file", "max-size", "compress"], "for log driver local"),
        "syslog" => (syslog::OPTIONS, "for syslog log driver"),
        "journald" => (journald::OPTIONS, "for journald log driver"),
        _ => return Err(Error::invalid(format!("logger: no log driver named '{driver}' is registered"))),
    };
    let option = |name: &str| log.options.get(name).map(String::as_str);
    let mode = option("mode").unwrap_or_default();
    if !matches!(mode, "" | "blocking" | "non-blocking") {
        return Err(Error::invalid(format!("logger: logging mode not supported: {mode}")));
    }
    if let Some(size) = option("max-buffer-size") {
        if mode != "non-blocking" {
            return Err(Error::invalid("logger: max-buffer-size option is only supported with 'mode=non-blocking'"));
        }
        ram_size(size).map_err(|e| Error::invalid(format!("error parsing option max-buffer-size: {}", e.message)))?;
    }
    if let Some(value) = option("cache-disabled").filter(|value| !value.is_empty()) {
        boolean(value).map_err(|_| Error::invalid(format!("invalid value for option cache-disabled: {value}")))?;
    }
    if let Some(unknown) = log.options.keys().find(|key| !known.contains(&key.as_str()) && !ANY.contains(&key.as_str()))
    {
        return Err(Error::invalid(format!("unknown log opt '{unknown}' {own}")));
    }
    if let Some(template) = option("tag") {
        tag::check(template)?;
    }
    if driver == "syslog" {
        syslog::check(&log.options)?;
    }
    Ok(())
}

/// How a log's files are bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Bytes after which a file is full; none is unbounded.
    pub(crate) max_size: Option<u64>,
    /// Files, the one that is written included.
    pub(crate) max_files: usize,
    /// Full files are compressed.
    pub(crate) compress: bool,
}

impl Bounds {
    /// Of a `json-file` log (moby `jsonfilelog.New`).
    ///
    /// # Errors
    /// A bad value, in dockerd's words.
    pub(crate) fn json_file(options: &BTreeMap<String, String>) -> Result<Self> {
        let max_size = options.get("max-size").map(|text| human_size(text)).transpose()?;
        if max_size == Some(0) {
            return Err(Error::invalid("max-size must be a positive number"));
        }
        let max_files = options.get("max-file").map_or(Ok(1), |text| whole(text))?;
        if max_files < 1 {
            return Err(Error::invalid("max-file cannot be less than 1"));
        }
        let compress = options.get("compress").map_or(Ok(false), |text| boolean(text))?;
        if compress && (max_files == 1 || max_size.is_none()) {
            return Err(Error::invalid("compress cannot be true when max-file is less than 2 or max-size is not set"));
        }
        Ok(Self { max_size, max_files: usize::try_from(max_files).unwrap_or(usize::MAX), compress })
    }

    /// Of a `local` log (moby `daemon/logger/local`), or, with `prefix`, of the copy that is kept of a log that goes
    /// elsewhere: five files of 20 MiB, compressed.
    ///
    /// # Errors
    /// A bad value, in dockerd's words.
    pub(crate) fn local(options: &BTreeMap<String, String>, prefix: &str) -> Result<Self> {
        let value = |name: &str| options.get(&format!("{prefix}{name}")).map(|text| (format!("{prefix}{name}"), text));
        let bad = |name: &str, text: &str, e: Error| {
            Error::invalid(format!("invalid value for {name}: {text}: {}", e.message))
        };
        let max_size = value("max-size").map_or(Ok(20 << 20), |(n, t)| human_size(t).map_err(|e| bad(&n, t, e)))?;
        let max_files = value("max-file").map_or(Ok(5), |(n, t)| whole(t).map_err(|e| bad(&n, t, e)))?;
        let read = |(name, text): (String, &String)| {
            boolean(text).map_err(|e| Error::invalid(format!("error reading {name} log option: {}", e.message)))
        };
        let compress = value("compress").map_or(Ok(true), read)?;
        let Ok(max_files) = usize::try_from(max_files) else {
            return Err(Error::invalid("max file count cannot be less than 0"));
        };
        if compress && max_files <= 1 {
            return Err(Error::invalid("compression cannot be enabled when max file count is 1"));
        }
        Ok(Self { max_size: Some(max_size).filter(|size| *size > 0), max_files, compress })
    }
}

/// How many bytes a log that does not block may hold back; none where it blocks.
///
/// # Errors
/// A bad size.
pub(crate) fn buffer(options: &BTreeMap<String, String>) -> Result<Option<usize>> {
    if options.get("mode").is_none_or(|mode| mode != "non-blocking") {
        return Ok(None);
    }
    let size = options.get("max-buffer-size").map_or(Ok(BUFFER), |text| ram_size(text))?;
    Ok(Some(usize::try_from(size).unwrap_or(usize::MAX)))
}

/// Whether a copy is kept of a log that goes elsewhere, so that it can be read.
pub(crate) fn is_cached(options: &BTreeMap<String, String>) -> bool {
    !options.get("cache-disabled").is_some_and(|text| boolean(text).unwrap_or(false))
}

#[cfg(test)]
mod tests;
