//! Log lines on their way to a client (moby `api/server/httputils/write_log_stream.go`).

use super::stdcopy;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use vch_engine::stream::{Channel, LogEntry, Logs};

/// How lines are dressed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dress {
    pub(crate) timestamps: bool,
    pub(crate) details: bool,
}

/// The log as bytes: raw lines where the container has a terminal, else frames. A failure to read becomes a line of its own.
pub(crate) fn bytes(logs: Logs, dress: Dress) -> impl Stream<Item = Bytes> + Send + 'static {
    let tty = logs.tty;
    logs.entries.map(move |entry| {
        let (channel, line) = match entry {
            Ok(entry) => (entry.channel, dressed(&entry, dress)),
            Err(error) => (Channel::System, format!("Error grabbing logs: {error}\n").into()),
        };
        if tty { line } else { stdcopy::frame(channel, &line) }
    })
}

fn dressed(entry: &LogEntry, dress: Dress) -> Bytes {
    if !dress.timestamps && !dress.details {
        return entry.line.clone();
    }
    let mut line = BytesMut::with_capacity(entry.line.len() + entry.attributes.len() + 32);
    if dress.timestamps {
        line.extend_from_slice(entry.time.rfc3339_fixed().as_bytes());
        line.extend_from_slice(b" ");
    }
    if dress.details {
        line.extend_from_slice(entry.attributes.as_bytes());
        line.extend_from_slice(b" ");
    }
    line.extend_from_slice(&entry.line);
    line.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use vch_engine::Error;
    use vch_engine::timestamp::Timestamp;

    fn entry() -> LogEntry {
        LogEntry {
            channel: Channel::Stdout,
            time: Timestamp(1_700_000_000_120_000_000),
            line: "hello\n".into(),
            attributes: "k=v".into(),
        }
    }

    async fn written(tty: bool, timestamps: bool, details: bool) -> String {
        let entries = stream::iter([Ok(entry()), Err(Error::system("broken"))]).boxed();
        let all: Vec<Bytes> = bytes(Logs { tty, entries }, Dress { timestamps, details }).collect().await;
        String::from_utf8(all.concat()).unwrap()
    }

    #[tokio::test]
    async fn a_terminals_log_is_raw_and_dressed_as_asked() {
        assert_eq!(written(true, false, false).await, "hello\nError grabbing logs: broken\n");
        assert_eq!(
            written(true, true, true).await,
            "2023-11-14T22:13:20.120000000Z k=v hello\nError grabbing logs: broken\n"
        );
    }

    #[tokio::test]
    async fn without_a_terminal_lines_are_framed() {
        assert_eq!(
            written(false, false, false).await,
            "\u{1}\0\0\0\0\0\0\u{6}hello\n\u{3}\0\0\0\0\0\0\u{1c}Error grabbing logs: broken\n"
        );
    }
}
