//! Sends a container's log to systemd's journal, by its native protocol (systemd, `docs/JOURNAL_NATIVE_PROTOCOL.md`), with
//! the fields that dockerd gives an entry (moby `daemon/logger/journald/journald.go`).

use super::sink::Entry;
use super::{attributes, tag};
use crate::container::record::Record;
use crate::error::{Error, Result};
use crate::stream::Channel;
use std::path::Path;
use tokio::net::UnixDatagram;

/// Options that the driver knows.
pub(super) const OPTIONS: &[&str] = &["labels", "labels-regex", "env", "env-regex", "tag"];

/// Where the journal listens.
const SOCKET: &str = "/run/systemd/journal/socket";

/// Priorities of syslog: errors, and information.
const ERR: u8 = 3;
const INFO: u8 = 6;

/// A connection to the journal.
#[derive(Debug)]
pub(super) struct Journald {
    socket: UnixDatagram,
    /// The fields that every entry has.
    fields: Vec<u8>,
}

impl Journald {
    /// Connects for a container that starts.
    ///
    /// # Errors
    /// dockerd's words where there is no journal; a bad option.
    pub(super) fn open(record: &Record) -> Result<Self> {
        Self::open_at(Path::new(SOCKET), record)
    }

    fn open_at(path: &Path, record: &Record) -> Result<Self> {
        let enabled = || {
            let socket = UnixDatagram::unbound().ok()?;
            socket.connect(path).ok()?;
            Some(socket)
        };
        let socket = enabled().ok_or_else(|| Error::system("journald is not enabled on this host"))?;
        Ok(Self { socket, fields: fields(record)? })
    }

    /// Sends an entry.
    ///
    /// # Errors
    /// The journal does not take it.
    pub(super) async fn send(&mut self, entry: &Entry) -> Result<()> {
        let mut message = self.fields.clone();
        let text = entry.text.strip_suffix(b"\n");
        field(&mut message, "MESSAGE", text.unwrap_or(&entry.text));
        let priority = if entry.channel == Channel::Stderr { ERR } else { INFO };
        field(&mut message, "PRIORITY", priority.to_string().as_bytes());
        field(&mut message, "SYSLOG_TIMESTAMP", entry.time.rfc3339_nano().as_bytes());
        if text.is_none() {
            field(&mut message, "CONTAINER_PARTIAL_MESSAGE", b"true");
        }
        let sent = self.socket.send(&message).await;
        sent.map(drop).map_err(|error| Error::chain("send to the journal", &error))
    }
}

fn fields(record: &Record) -> Result<Vec<u8>> {
    let options = &record.spec.host.log.options;
    let template = options.get("tag").map(String::as_str).filter(|tag| !tag.is_empty());
    let tag = tag::of(template.unwrap_or(tag::DEFAULT), record)?;
    let mut all = Vec::new();
    for (key, value) in [
        ("CONTAINER_ID", record.id.get(..12).unwrap_or(&record.id)),
        ("CONTAINER_ID_FULL", &record.id),
        ("CONTAINER_NAME", &record.name),
        ("CONTAINER_TAG", &tag),
        ("IMAGE_NAME", &record.spec.image),
        ("SYSLOG_IDENTIFIER", &tag),
    ] {
        field(&mut all, key, value.as_bytes());
    }
    for (key, value) in attributes::of(record)? {
        let key = sanitized(&key);
        // The tag stands above already.
        if !key.is_empty() && key != "TAG" {
            field(&mut all, &key, value.as_bytes());
        }
    }
    Ok(all)
}

/// A name as the journal takes it: upper-case letters, digits and `_`, which it does not begin with.
fn sanitized(key: &str) -> String {
    let upper = key.to_uppercase();
    let allowed = |c: char| if c.is_ascii_uppercase() || c.is_ascii_digit() { c } else { '_' };
    upper.chars().map(allowed).collect::<String>().trim_start_matches('_').to_owned()
}

/// `KEY=value`, or with its length where the value has lines.
fn field(message: &mut Vec<u8>, key: &str, value: &[u8]) {
    message.extend_from_slice(key.as_bytes());
    if value.contains(&b'\n') {
        message.push(b'\n');
        message.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        message.push(b'=');
    }
    message.extend_from_slice(value);
    message.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::spec::ContainerSpec;
    use crate::timestamp::Timestamp;

    fn record(options: &[(&str, &str)]) -> Record {
        let mut spec =
            ContainerSpec { image: "busybox".into(), env: vec!["a.region=north\nwest".into()], ..Default::default() };
        spec.host.log.driver = "journald".into();
        spec.host.log.options = options.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        Record::new("abcdef0123456789".into(), "web".into(), String::new(), String::new(), spec)
    }

    #[tokio::test]
    async fn entries_come_with_dockers_fields() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let absent = Journald::open_at(&path, &record(&[])).unwrap_err();
        assert_eq!(absent.message, "journald is not enabled on this host");
        let journal = UnixDatagram::bind(&path).unwrap();
        let mut log = Journald::open_at(&path, &record(&[("env", "a.region"), ("tag", "{{.Name}}")])).unwrap();
        let entry = |channel, text: &'static str| Entry {
            channel,
            // 2026-01-02T03:04:05.000006Z
            time: Timestamp(1_767_323_045_000_006_000),
            text: text.into(),
        };
        let always = "CONTAINER_ID=abcdef012345\nCONTAINER_ID_FULL=abcdef0123456789\nCONTAINER_NAME=web\nCONTAINER_TAG=web\n\
                      IMAGE_NAME=busybox\nSYSLOG_IDENTIFIER=web\nA_REGION\n\u{a}\0\0\0\0\0\0\0north\nwest\n";
        for (entry, rest) in [
            (entry(Channel::Stdout, "hello\n"), "MESSAGE=hello\nPRIORITY=6\n"),
            (entry(Channel::Stderr, "half"), "MESSAGE=half\nPRIORITY=3\n"),
        ] {
            log.send(&entry).await.unwrap();
            let mut bytes = [0; 4096];
            let length = journal.recv(&mut bytes).await.unwrap();
            let mut wanted = format!("{always}{rest}SYSLOG_TIMESTAMP=2026-01-02T03:04:05.000006Z\n");
            if entry.channel == Channel::Stderr {
                wanted.push_str("CONTAINER_PARTIAL_MESSAGE=true\n");
            }
            assert_eq!(String::from_utf8_lossy(&bytes[..length]), wanted);
        }
    }

    #[test]
    fn names_are_made_fit_for_the_journal() {
        assert_eq!(sanitized("com.example/a-b"), "COM_EXAMPLE_A_B");
        assert_eq!(sanitized("_x1"), "X1");
        assert_eq!(sanitized("-"), "");
    }
}
